"""Coverage is measured in the rooms that add to it, and nowhere else."""

import os
import subprocess
import sys
from pathlib import Path

from coverage import CoverageData

CONFIG = """
[run]
branch = true
source = .
parallel = true
patch = subprocess
"""
PRODUCT = """
def here():
    return 1

def elsewhere():
    return 2
"""
TEST = """
import subprocess
import sys

import NAME

def test_it():
    NAME.here()
    subprocess.run([sys.executable, "-c", "import NAME; NAME.elsewhere()"], check=True)
"""
HERE, ELSEWHERE = 3, 6
"""The lines that only a call reaches."""
SEEN: dict[str, set[int]] = {
    "analytics": set(),
    "commands": {HERE, ELSEWHERE},
    "core": {HERE},
    "faults": set(),
    "state": {HERE},
    ".": {HERE, ELSEWHERE},
}


def test_a_room_is_measured_as_far_as_it_adds(tmp_path: Path) -> None:
    """Some with the processes that they start, some without, and some not at all; in any order."""
    for room in SEEN:
        write(tmp_path / f"{name_of(room)}.py", PRODUCT)
        test = TEST.replace("NAME", name_of(room))
        write(tmp_path / "tests" / room / "test_it.py", test)
    (tmp_path / "coveragerc").write_text(CONFIG, "utf-8")
    found = lines_of(tmp_path)
    assert {room: found.get(name_of(room), set()) & {HERE, ELSEWHERE} for room in SEEN} == SEEN


def name_of(room: str) -> str:
    """Return the name of the module that a room's test runs."""
    return f"product_{room.replace('.', 'top')}"


def write(path: Path, text: str) -> None:
    """Write a file, and make its folders."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, "utf-8")


def lines_of(folder: Path) -> dict[str, set[int]]:
    """Run the folder's tests with the project's own conftest; returns which lines were seen."""
    options = ["-p", "tests.conftest", "-p", "no:cacheprovider", "--import-mode=importlib"]
    pytest_ = ["-m", "pytest", *options, "--rootdir", str(folder), str(folder)]
    env = {name: text for name, text in os.environ.items() if not name.startswith("COVERAGE_")}
    path = os.pathsep.join([str(folder), str(Path(__file__).parents[1])])
    done = subprocess.run(
        [sys.executable, "-m", "coverage", "run", "--rcfile", "coveragerc", *pytest_],
        capture_output=True,
        text=True,
        check=False,
        cwd=folder,
        env={**env, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", "PYTHONPATH": path},
    )
    assert done.returncode == 0, done.stdout + done.stderr
    seen: dict[str, set[int]] = {}
    for written in folder.glob(".coverage.*"):
        data = CoverageData(str(written))
        data.read()
        for name in data.measured_files():
            seen.setdefault(Path(name).stem, set()).update(data.lines(name) or ())
    return seen
