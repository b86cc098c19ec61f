"""Node's packages for tests, as pinned, installed once where they are not there yet."""

import fcntl
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
WEB = ROOT / "app" / "web"


def installed(folder: Path) -> str:
    """Install what a folder's lock file pins; returns where Node is, without which tests skip."""
    node, npm = shutil.which("node"), shutil.which("npm")
    if node is None or npm is None:
        pytest.skip("needs Debian's nodejs and npm")
    lock, stamp = folder / "package-lock.json", folder / "node_modules" / ".stamp"
    with (folder / ".lock").open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        if not stamp.exists() or stamp.stat().st_mtime < lock.stat().st_mtime:
            done = subprocess.run(
                [npm, "ci"], cwd=folder, capture_output=True, text=True, check=False
            )
            assert done.returncode == 0, done.stdout + done.stderr
            stamp.touch()
    return node
