"""Under TRIAGE_TEST_STRICT a test that was skipped counts as failed."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

SKIPPING = """
import pytest

@pytest.mark.skip(reason="no such browser")
def test_marked(): ...

def test_while_running():
    pytest.skip("no such server")

@pytest.mark.xfail(strict=True)
def test_expected_to_fail():
    raise AssertionError
"""


def run(folder: Path, content: str, strict: str) -> str:
    """Run these tests with the project's own conftest and return pytest's output."""
    (folder / "test_it.py").write_text(content)
    command = [sys.executable, "-m", "pytest", "-p", "tests.conftest", "-p", "no:cacheprovider"]
    done = subprocess.run(
        [*command, "--rootdir", str(folder), str(folder)],
        capture_output=True,
        text=True,
        check=False,
        cwd=folder,
        env={**os.environ, "TRIAGE_TEST_STRICT": strict, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"},
    )
    return done.stdout


@pytest.mark.parametrize(
    ("strict", "closing"),
    [("1", "1 failed, 1 xfailed, 1 error in"), ("0", "2 skipped, 1 xfailed in"), ("", "2 skipped")],
)
def test_a_skip_fails_where_skips_are_forbidden(tmp_path: Path, strict: str, closing: str) -> None:
    """Marks and calls alike; an expected failure is none of this."""
    output = run(tmp_path, SKIPPING, strict)
    assert closing in output
    if strict == "1":
        assert "no such browser" in output
        assert "no such server" in output


def test_a_skipped_module_fails_too(tmp_path: Path) -> None:
    """A module that skips itself while it is collected fails with its reason."""
    module = 'import pytest\npytest.skip("no such package", allow_module_level=True)\n'
    output = run(tmp_path, module, "1")
    assert "1 error in" in output
    assert "no such package" in output
