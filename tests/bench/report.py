"""The table of a run: what was measured, beside what in the same run, against which aim."""

from collections.abc import Sequence
from pathlib import Path

from msgspec import Struct

DOCUMENT = Path(__file__).parents[2] / "docs" / "performance.md"
_BEGIN = "<!-- measured: begin -->"
_END = "<!-- measured: end -->"


class Row(Struct, frozen=True, kw_only=True):
    """One figure."""

    what: str
    value: str
    beside: str = ""
    """The peer or the floor in the same run."""
    ratio: str = ""
    aim: str = ""
    met: bool | None = None
    """None where there is no aim."""

    @property
    def verdict(self) -> str:
        """Return whether the aim is met, in a word."""
        return "" if self.met is None else "yes" if self.met else "**no**"


_HEADS = ("measured", "value", "beside it, in the same run", "ratio", "aim", "met")


def table(rows: Sequence[Row]) -> str:
    """Return the rows as a table that reads well as text and as Markdown."""
    cells = [
        _HEADS,
        *((row.what, row.value, row.beside, row.ratio, row.aim, row.verdict) for row in rows),
    ]
    widths = [max(len(line[at]) for line in cells) for at in range(len(_HEADS))]
    lines = [
        "| "
        + " | ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True))
        + " |"
        for line in cells
    ]
    lines.insert(1, "|" + "|".join("-" * (width + 2) for width in widths) + "|")
    return "\n".join(lines)


def write(text: str, document: Path = DOCUMENT) -> None:
    """Put the measured part of the document in the place of the former one."""
    before, begin, rest = document.read_text("utf-8").partition(_BEGIN)
    _, end, behind = rest.partition(_END)
    if not begin or not end:
        raise ValueError(f"{document} has no place for what was measured")
    document.write_text(f"{before}{begin}\n\n{text}\n\n{end}{behind}", "utf-8")
