"""Grafana's own types, held against the pages by TypeScript's compiler.

Grafana itself was not run: this says that a page has the form which Grafana 13 declares, not that
Grafana shows it well.
"""

import os
import subprocess
from pathlib import Path

import pytest

from dashboards.__main__ import documents
from tests.support.node import installed

FOLDER = Path(__file__).parent / "schema"
INSTALLED = FOLDER / "node_modules"
OPTIONS = (
    "--strict", "--noEmit", "--skipLibCheck", "--module", "nodenext", "--moduleResolution",
    "nodenext", "--target", "es2022", "--lib", "es2022,dom",
)  # fmt: skip

WRONG = (
    ('"unit": "s"', '"unit": 5'),
    ('"fillOpacity": 8', '"fillOpacity": "8"'),
    ('"schemaVersion": 41', '"schemaVersion": "41"'),
    ('"mode": "palette-classic"', '"mode": "rainbow"'),
    ('"graphMode"', '"grafMode"'),
    ('"legendFormat"', '"legend"'),
)


@pytest.fixture(scope="module")
def compiler() -> list[str]:
    """The command of the compiler; installs it, as pinned, where it is not there yet."""
    node = installed(FOLDER)
    return [node, str(INSTALLED / "typescript" / "bin" / "tsc"), *OPTIONS]


def test_every_page_has_the_form_that_grafana_declares(compiler: list[str], tmp_path: Path) -> None:
    """The compiler finds nothing in any page."""
    for name, content in documents().items():
        _write(tmp_path, f"{name}.ts", content.decode())
    assert _complaints(compiler, tmp_path) == []


def test_a_wrong_field_is_caught(compiler: list[str], tmp_path: Path) -> None:
    """A field of the wrong type, word or name is found in each page that has one, and it alone."""
    page = documents()["performance.json"].decode()
    for number, (right, wrong) in enumerate(WRONG):
        assert right in page
        _write(tmp_path, f"wrong{number}.ts", page.replace(right, wrong, 1))
    found = [line.partition("(")[0].rpartition("/")[2] for line in _complaints(compiler, tmp_path)]
    assert found == [f"wrong{number}.ts" for number in range(len(WRONG))]


def _write(folder: Path, name: str, page: str) -> None:
    form = os.path.relpath(FOLDER / "page.js", folder)
    text = f'import type {{ Page }} from "{form}";\nexport const page: Page = {page};\n'
    (folder / name).write_text(text, "utf-8")


def _complaints(compiler: list[str], folder: Path) -> list[str]:
    files = sorted(str(file) for file in folder.glob("*.ts"))
    done = subprocess.run([*compiler, *files], capture_output=True, text=True, check=False)
    found = [line for line in done.stdout.splitlines() if not line.startswith(" ")]
    assert (done.returncode == 0) == (not found), done.stderr
    return found
