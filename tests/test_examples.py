"""Every example in the documentation of the product's modules is true."""

import doctest
import importlib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
ROOMS = ("app", "dashboards", "jobs", "plugins")
MODULES = sorted(
    ".".join(path.relative_to(ROOT).with_suffix("").parts)
    for room in ROOMS
    for path in (ROOT / room).rglob("*.py")
    if ">>> " in path.read_text("utf-8")
)


def test_there_are_examples() -> None:
    """They are found by looking at the files, so the reader of this test knows that some were."""
    assert {"app.core.reporting.experiment_page", "app.commands.page_view"} <= set(MODULES)


@pytest.mark.parametrize("name", MODULES)
def test_every_example_is_true(name: str) -> None:
    """What an example shows is what comes out."""
    tried = doctest.testmod(importlib.import_module(name), raise_on_error=False)
    assert tried.failed == 0
    assert tried.attempted > 0
