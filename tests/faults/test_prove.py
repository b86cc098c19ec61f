"""`make prove`: every long proof after the other, and a table at the end."""

import re
import subprocess
from pathlib import Path

import pytest

from tests.faults.conftest import Show
from tests.support import prove
from tests.support.prove import Figures, Proof, summary

ROOT = Path(__file__).parents[2]
MAKEFILE = ROOT.joinpath("Makefile").read_text("utf-8")


def test_every_proof_is_run() -> None:
    """Whoever adds a target has it run with the others."""
    targets = re.findall(r"^(prove-[a-z-]+|soak):", MAKEFILE, re.MULTILINE)
    assert len(targets) >= 15
    asked = subprocess.run(
        ["make", "--dry-run", "--no-print-directory", "prove"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    line = next(one for one in asked.splitlines() if "tests.support.prove " in one)
    assert line.split("tests.support.prove ")[1].split() == targets


def test_one_that_fails_stops_none_and_fails_them_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """The table says which it was, and what the others have tried and lost."""
    note = (
        'echo \'["killed", [["kills", "20"], ["messages lost", "0"]]]\' >> $$TRIAGE_PROOF_FIGURES'
    )
    lose = note.replace('"0"', '"2"')
    tmp_path.joinpath("Makefile").write_text(
        f"bad:\n\t@false\ngood:\n\t@{note}\nlossy:\n\t@{lose}\n", "utf-8"
    )
    monkeypatch.setattr(prove, "_ROOT", tmp_path)
    monkeypatch.delenv("MAKEFLAGS", raising=False)
    assert prove.main(["good"]) == 0
    assert prove.main(["lossy"]) == 1
    capfd.readouterr()
    assert prove.main(["bad", "good"]) == 1
    table = capfd.readouterr().out.splitlines()[-3:]
    assert [one.split() for one in table] == [
        ["proof", "lost", "seconds", "tried"],
        ["bad", "FAILED", "0"],
        ["good", "0", "0", "20", "kills"],
    ]


def test_what_is_shown_is_noted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, show: Show
) -> None:
    """The tables that proofs print are those that the summary rests on."""
    path = tmp_path / "figures"
    monkeypatch.setenv(prove.FIGURES, str(path))
    show("killed", [("kills", 3), ("words lost or doubled", 0)])
    assert path.read_text("utf-8").startswith('["killed", [["kills", "3"], ')
    figures = Figures("killed", (("kills", "3"), ("words lost or doubled", "1")))
    assert "1" in summary([Proof("prove-x", True, 1.0, (figures,))]).splitlines()[1]
