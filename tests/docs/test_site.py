"""The documents build into a site, without a warning and without the network."""

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_the_site_builds(tmp_path: Path) -> None:
    """Strictly: every page is in the navigation, every link and anchor of the site is one."""
    env = {**os.environ, "NO_MKDOCS_2_WARNING": "1", "no_proxy": "*"}
    done = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(tmp_path)],
        cwd=ROOT,
        env=env,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    pages = {path.relative_to(tmp_path).with_suffix("") for path in tmp_path.rglob("*.html")}
    for document in (ROOT / "docs").rglob("*.md"):
        assert document.relative_to(ROOT / "docs").with_suffix("") in pages
    first = (tmp_path / "index.html").read_text("utf-8")
    assert "Two commands" in first
    assert 'src="http' not in first
    assert "fonts.googleapis.com" not in first
