"""Tables of figures, each beside a peer or a floor of the same run and with what is aimed at."""

from collections.abc import Sequence
from pathlib import Path

import msgspec
from msgspec import Struct

FOLDER = Path(__file__).parents[2] / "var" / "bench"


class Row(Struct, frozen=True, kw_only=True):
    """One figure."""

    what: str
    ours: float
    unit: str
    beside: str = ""
    """What it is compared with."""
    peer: float | None = None
    """The same figure of that."""
    aim: str = ""
    reached: bool | None = None
    """None where nothing is aimed at."""

    @property
    def ratio(self) -> float | None:
        """Return ours over the peer's."""
        return self.ours / self.peer if self.peer else None


class Table(Struct, frozen=True, kw_only=True):
    """What one measurement has shown."""

    name: str
    """Of the files it is written to."""
    title: str
    rows: Sequence[Row]

    def markdown(self) -> str:
        """Return it as a table."""
        head = ("what", "ours", "beside it", "ratio", "aim", "reached")
        lines = [head, ("---",) * len(head), *map(_cells, self.rows)]
        return "\n".join(
            [f"### {self.title}", "", *(f"| {' | '.join(one)} |" for one in lines), ""]
        )

    def publish(self, folder: Path = FOLDER) -> None:
        """Print it and write it as Markdown and as JSON."""
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"{self.name}.md").write_text(self.markdown(), "utf-8")
        encoded = msgspec.json.format(msgspec.json.encode(self))
        (folder / f"{self.name}.json").write_bytes(encoded + b"\n")
        print("\n" + self.markdown(), flush=True)

    def __getitem__(self, what: str) -> Row:
        """Return the row of that name."""
        return next(row for row in self.rows if row.what == what)


def _cells(row: Row) -> tuple[str, ...]:
    peer = "" if row.peer is None else f"{row.beside}: {_number(row.peer)}"
    ratio = "" if row.ratio is None else f"{row.ratio:.2f}"
    reached = {None: "", True: "yes", False: "no"}[row.reached]
    return row.what, f"{_number(row.ours)} {row.unit}", peer, ratio, row.aim, reached


def _number(value: float) -> str:
    """Return three significant digits.

    >>> [_number(one) for one in (0.01234, 1.5, 123.4, 12345.6)]
    ['0.0123', '1.50', '123', '12,346']
    """
    if abs(value) >= 100:
        return f"{value:,.0f}"
    digits = 2 if abs(value) >= 1 else 4 if abs(value) < 0.1 else 3
    return f"{value:.{digits}f}"
