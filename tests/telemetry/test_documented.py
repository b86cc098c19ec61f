"""The documentation lists the metrics as the code declares them."""

from pathlib import Path

import pytest

from app.telemetry.declared import DECLARED
from app.telemetry.table import renewed

DOCUMENT = Path(__file__).parents[2] / "docs" / "metrics.md"


def test_the_table_is_the_codes_own() -> None:
    """Whoever changes a metric renews the page: `python -m tests.telemetry.test_documented`."""
    written = DOCUMENT.read_text()
    assert renewed(written) == written
    assert all(f"| `{one.name}` |" in written for one in DECLARED)


def test_a_changed_table_is_noticed() -> None:
    """The comparison sees one changed word, and a page without a place for the table is refused."""
    written = DOCUMENT.read_text()
    broken = written.replace("Attempts at models;", "Calls;")
    assert broken != written
    assert renewed(broken) == written
    with pytest.raises(ValueError, match="no place"):
        renewed("# Metrics\n")


if __name__ == "__main__":
    DOCUMENT.write_text(renewed(DOCUMENT.read_text()))
