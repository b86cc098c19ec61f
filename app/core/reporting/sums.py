"""What calls at models add up to, in pieces small enough to be sorted by any zone's clocks."""

from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime

from msgspec import Struct

from app.core.reporting.spans import DAY_MS, Slot
from app.domain.ledger import Totals


class Sums(Struct, frozen=True, kw_only=True):
    """What calls add up to."""

    calls: int = 0
    """Attempts at models; those that the cache spared are not among them."""
    completed: int = 0
    cached: int = 0
    """Calls that the cache spared."""
    unpriced: int = 0
    """Calls whose cost is not known; the cost is without them."""
    estimated: int = 0
    """Calls whose cost is an estimate; the cost is with them."""
    input: int = 0
    cached_input: int = 0
    output: int = 0
    cost_nano_usd: int = 0
    saved_nano_usd: int = 0


class Cell(Struct, frozen=True, kw_only=True):
    """Calls of one kind in a quarter of an hour, or in an hour where nothing finer is known."""

    at_ms: int
    """When it begins: Unix time in milliseconds."""
    provider: str
    model: str
    operation: str
    arm: str
    sums: Sums


class Named(Struct, frozen=True, kw_only=True):
    """Sums of what has a name in common."""

    name: str
    sums: Sums


_FIELDS = Sums.__struct_fields__


def added(cells: Iterable[Cell]) -> Sums:
    """Add cells up."""
    counts = dict.fromkeys(_FIELDS, 0)
    for cell in cells:
        for name in _FIELDS:
            counts[name] += getattr(cell.sums, name)
    return Sums(**counts)


def named(cells: Iterable[Cell], name_of: Callable[[Cell], str]) -> list[Named]:
    """Add cells up by a name, the dearest first."""
    groups: dict[str, list[Cell]] = {}
    for cell in cells:
        groups.setdefault(name_of(cell), []).append(cell)
    found = [Named(name=name, sums=added(group)) for name, group in groups.items()]
    return sorted(found, key=lambda one: (-one.sums.cost_nano_usd, -one.sums.calls, one.name))


def within(cells: Iterable[Cell], since_ms: int, until_ms: int) -> list[Cell]:
    """Return the cells of a time."""
    return [one for one in cells if since_ms <= one.at_ms < until_ms]


def sorted_into(slots: Sequence[Slot], cells: Iterable[Cell]) -> list[list[Cell]]:
    """Sort cells into slots that follow each other; what lies outside is left out."""
    found: list[list[Cell]] = [[] for _ in slots]
    number = 0
    for cell in sorted(cells, key=lambda one: one.at_ms):
        while number < len(slots) and cell.at_ms >= slots[number].until_ms:
            number += 1
        if number == len(slots):
            break
        if cell.at_ms >= slots[number].since_ms:
            found[number].append(cell)
    return found


def cell_of(totals: Totals) -> Cell:
    """Return the ledger's totals of an hour as a cell.

    >>> cell_of(Totals(key={"hour": "1970-01-01T01", "provider": "openai", "model": "m",
    ...     "operation": "judge", "arm": ""}, calls=2)).at_ms
    3600000
    """
    hour = datetime.strptime(totals.key["hour"], "%Y-%m-%dT%H").replace(tzinfo=UTC)
    return Cell(
        at_ms=int(hour.timestamp()) * 1_000,
        provider=totals.key["provider"],
        model=totals.key["model"],
        operation=totals.key["operation"],
        arm=totals.key["arm"],
        sums=Sums(**{name: getattr(totals, name) for name in _FIELDS}),
    )


def fuller(one: Iterable[Cell], other: Iterable[Cell]) -> list[Cell]:
    """Bring two sources together: of each day in UTC the one that knows of more calls.

    The ledger's sums outlive the rows of cases that were erased; the warehouse's rows outlive the
    time for which sums are kept, and a storage that lost them. Neither counts a call too many.
    """
    found: list[Cell] = []
    ones, others = _by_day(one), _by_day(other)
    for day in sorted({*ones, *others}):
        left, right = ones.get(day, []), others.get(day, [])
        found += left if _calls(left) >= _calls(right) else right
    return found


def _by_day(cells: Iterable[Cell]) -> dict[int, list[Cell]]:
    days: dict[int, list[Cell]] = {}
    for cell in cells:
        days.setdefault(cell.at_ms // DAY_MS, []).append(cell)
    return days


def _calls(cells: Sequence[Cell]) -> int:
    return sum(one.sums.calls + one.sums.cached for one in cells)
