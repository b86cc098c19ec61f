"""Runs every long proof after the other, whatever becomes of one, and says what each has shown.

`make prove` calls it with the targets' names. Each proof leaves its figures in a file that
`TRIAGE_PROOF_FIGURES` names, a line of JSON a table; see `note`.
"""

import json
import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import msgspec
from msgspec import Struct

FIGURES = "TRIAGE_PROOF_FIGURES"
_ROOT = Path(__file__).parents[2]
_LOST = re.compile(r"\blost\b|\bfailed\b|\btwice\b")


class Figures(Struct, frozen=True):
    """One table that a proof has printed."""

    title: str
    rows: tuple[tuple[str, str], ...]

    @property
    def tried(self) -> str:
        """What was tried: by custom the first row."""
        name, value = self.rows[0] if self.rows else (self.title, "")
        return f"{value} {name}".strip()

    @property
    def lost(self) -> int:
        """What was lost: the rows that say so."""
        return sum(
            int(value) for name, value in self.rows if _LOST.search(name) and value.isdecimal()
        )


class Proof(Struct, frozen=True):
    """One target that was run."""

    name: str
    passed: bool
    seconds: float
    figures: tuple[Figures, ...]

    @property
    def lost(self) -> str:
        """What was lost in all of it; nobody knows where a proof failed."""
        return str(sum(one.lost for one in self.figures)) if self.passed else "FAILED"


def note(title: str, rows: Sequence[tuple[str, object]]) -> None:
    """Leave a table where `make prove` finds it, if that is who asks."""
    if path := os.environ.get(FIGURES):
        with Path(path).open("a", encoding="utf-8") as file:
            file.write(json.dumps([title, [(name, str(value)) for name, value in rows]]) + "\n")


def summary(proofs: Sequence[Proof]) -> str:
    """Return what all of them have shown, as a table.

    >>> table = Figures("killed", (("kills", "20"), ("messages lost", "0")))
    >>> print(summary([Proof("prove-x", True, 61.0, (table,)), Proof("prove-y", False, 2.0, ())]))
    proof    lost    seconds  tried
    prove-x  0            61  20 kills
    prove-y  FAILED        2
    """
    width = max(len("proof"), *(len(one.name) for one in proofs))
    lines = [f"{'proof':<{width}}  {'lost':<6}  {'seconds':>7}  tried"]
    for one in proofs:
        tried = "; ".join(dict.fromkeys(each.tried for each in one.figures))
        lines.append(f"{one.name:<{width}}  {one.lost:<6}  {one.seconds:>7.0f}  {tried}".rstrip())
    return "\n".join(lines)


def run(name: str, env: Mapping[str, str]) -> Proof:
    """Run one target."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "figures"
        path.touch()
        began = time.monotonic()
        done = subprocess.run(
            ["make", name], check=False, cwd=_ROOT, env={**env, FIGURES: str(path)}
        )
        took = time.monotonic() - began
        lines = path.read_text("utf-8").splitlines()
    found = tuple(
        msgspec.convert(json.loads(line), tuple[str, list[tuple[str, str]]]) for line in lines
    )
    figures = tuple(Figures(title, tuple(rows)) for title, rows in found)
    return Proof(name, done.returncode == 0, took, figures)


def main(names: Sequence[str]) -> int:
    """Run all of them; returns the status to exit with."""
    proofs = []
    for name in names:
        print(f"\n=== make {name} ===", flush=True)
        proofs.append(run(name, os.environ))
    print("\n" + summary(proofs), flush=True)
    lost = sum(each.lost for one in proofs for each in one.figures)
    return 0 if all(one.passed for one in proofs) and not lost else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
