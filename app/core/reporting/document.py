"""What a page consists of, before it is Markdown or HTML: both are written from the same blocks."""

from collections.abc import Sequence
from typing import Literal

from msgspec import Struct

Tone = Literal["plain", "good", "bad", "faint"]


class Tile(Struct, frozen=True, kw_only=True):
    """One figure that matters, large."""

    label: str
    value: str
    note: str = ""
    tone: Tone = "plain"
    """Of the note."""


class Tiles(Struct, frozen=True, kw_only=True):
    """The figures that matter most."""

    tiles: Sequence[Tile]


class Heading(Struct, frozen=True, kw_only=True):
    """Begins a part of the page."""

    text: str
    about: str = ""
    """What it shows, in a sentence."""


class Note(Struct, frozen=True, kw_only=True):
    """A sentence."""

    text: str
    tone: Tone = "plain"


class Table(Struct, frozen=True, kw_only=True):
    """Rows of texts; the first column names them, the others hold figures."""

    headings: Sequence[str]
    rows: Sequence[Sequence[str]]
    shares: Sequence[float] = ()
    """For each row how long a bar below its name is, from 0 to 1."""
    names: int = 1
    """How many of the columns are names."""
    tones: Sequence[Tone] = ()
    """For each row."""


class Column(Struct, frozen=True, kw_only=True):
    """What stands at one place of an axis."""

    label: str
    """Below the axis; empty where there is no room."""
    title: str
    """What pointing at it shows."""
    parts: Sequence[float]
    """The height of each series, in their order."""


class Columns(Struct, frozen=True, kw_only=True):
    """Columns over time, each of one or more parts upon each other."""

    title: str
    series: Sequence[str]
    columns: Sequence[Column]
    scale: Sequence[tuple[float, str]]
    """Lines across, from the axis up: at which value, and how it is written."""
    line: tuple[float, str] | None = None
    """A line across that must not be crossed."""
    beside: bool = False
    """The parts stand beside each other."""
    tints: Sequence[int] = (0, 1, 2, 3, 4)
    """Which colour each series has."""


class Range(Struct, frozen=True, kw_only=True):
    """How values lie: where half, 95 and 99 % of them end."""

    label: str
    p50: float
    p95: float
    p99: float
    text: str


class Ranges(Struct, frozen=True, kw_only=True):
    """Ranges below each other upon one axis, by powers of ten."""

    title: str
    legend: str
    ranges: Sequence[Range]
    scale: Sequence[tuple[float, str]]


class Interval(Struct, frozen=True, kw_only=True):
    """An estimate with its interval; an end that is None goes on for ever."""

    label: str
    low: float | None
    middle: float
    high: float | None
    text: str
    tone: Tone = "plain"


class Intervals(Struct, frozen=True, kw_only=True):
    """Intervals below each other upon one axis, with a line where there is no effect."""

    title: str
    legend: str
    intervals: Sequence[Interval]
    scale: Sequence[tuple[float, str]]


class Moment(Struct, frozen=True, kw_only=True):
    """An interval at one time."""

    label: str
    """Below the axis; empty where there is no room."""
    title: str
    low: float
    middle: float
    high: float


class Band(Struct, frozen=True, kw_only=True):
    """How an interval narrowed over time, with a line where there is no effect."""

    title: str
    legend: str
    moments: Sequence[Moment]
    scale: Sequence[tuple[float, str]]
    lines: Sequence[tuple[float, str]] = ()
    """Further lines across, such as the smallest effect that matters."""


class Code(Struct, frozen=True, kw_only=True):
    """A text for machines, which opens on demand."""

    title: str
    text: str


Block = Tiles | Heading | Note | Table | Columns | Ranges | Intervals | Band | Code


class Document(Struct, frozen=True, kw_only=True):
    """A page."""

    language: str
    title: str
    subtitle: str
    blocks: Sequence[Block]
    footer: Sequence[str]
