"""The days a report is about, in the time zone of those who read it.

A day runs from one midnight to the next. Where clocks are put forward or back it has 23 or 25
hours, and one of them may come twice: each is told apart by its distance from UTC.
"""

from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from msgspec import Struct

from app.domain.errors import InvalidInput

QUARTER_MS = 900_000
"""Zones differ by whole quarters of an hour, so nothing finer is needed to sort by their clocks."""
HOUR_MS = 4 * QUARTER_MS
DAY_MS = 24 * HOUR_MS
MOST_DAYS = 400


class Slot(Struct, frozen=True, kw_only=True):
    """A piece of a span: an hour of its clock, or a day."""

    label: str
    """`07`, or `2026-11-25`."""
    since_ms: int
    until_ms: int
    again: bool = False
    """The clock was put back: this hour has been there already."""


class Span(Struct, frozen=True, kw_only=True):
    """Whole days, from the first to the last."""

    first: date
    last: date
    zone: str

    @property
    def since_ms(self) -> int:
        """When the first day begins: Unix time in milliseconds."""
        return _midnight_ms(self.first, self.zone)

    @property
    def until_ms(self) -> int:
        """When the last day ends."""
        return _midnight_ms(self.last + timedelta(days=1), self.zone)

    @property
    def length(self) -> int:
        """How many days there are."""
        return (self.last - self.first).days + 1

    @property
    def hours(self) -> float:
        """How long they take together.

        >>> Span(first=date(2026, 10, 25), last=date(2026, 10, 25), zone="Europe/Berlin").hours
        25.0
        """
        return (self.until_ms - self.since_ms) / HOUR_MS

    def earlier(self, days: int) -> "Span":
        """Return as many days that lie so much before."""
        back = timedelta(days=days)
        return Span(first=self.first - back, last=self.last - back, zone=self.zone)

    def days(self) -> list[Slot]:
        """Return its days."""
        found = []
        for number in range(self.length):
            day = self.first + timedelta(days=number)
            found.append(
                Slot(
                    label=day.isoformat(),
                    since_ms=_midnight_ms(day, self.zone),
                    until_ms=_midnight_ms(day + timedelta(days=1), self.zone),
                )
            )
        return found

    def clock_hours(self) -> list[Slot]:
        """Return its hours as its clocks show them."""
        found: list[Slot] = []
        seen: set[tuple[date, int]] = set()
        for since, until, hour in _hours(self.since_ms, self.until_ms, self.zone):
            found.append(
                Slot(label=f"{hour[1]:02d}", since_ms=since, until_ms=until, again=hour in seen)
            )
            seen.add(hour)
        return found


def span_of(first: date, last: date, zone: str) -> Span:
    """Return the days from the first to the last in a zone.

    Raises:
        InvalidInput: if there is no such zone, or there are no days or too many.
    """
    check_zone(zone)
    if last < first:
        raise InvalidInput(f"{last} lies before {first}")
    if (last - first).days >= MOST_DAYS:
        raise InvalidInput(f"a report is about {MOST_DAYS} days at most")
    if not date(1971, 1, 1) <= first <= last <= date(9998, 1, 1):
        raise InvalidInput(f"there is no report about {first}")
    return Span(first=first, last=last, zone=zone)


def check_zone(zone: str) -> ZoneInfo:
    """Return a zone of the IANA's by its name.

    Raises:
        InvalidInput: if there is none.
    """
    try:
        return ZoneInfo(zone)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise InvalidInput(
            f"no time zone {zone!r}: it is a name such as America/Sao_Paulo or Europe/Lisbon"
        ) from None


def local_date(at_ms: int, zone: str) -> date:
    """Return the date that calendars in a zone show."""
    return _local(at_ms, zone).date()


def on_the_hour(since_ms: int, until_ms: int, zone: str) -> bool:
    """Say whether a zone's clocks differ from UTC by whole hours all the time.

    >>> on_the_hour(0, DAY_MS, "America/Sao_Paulo"), on_the_hour(0, DAY_MS, "Asia/Kolkata")
    (True, False)
    """
    offsets = {
        _local(at, zone).utcoffset() for at in (*range(since_ms, until_ms, DAY_MS), until_ms)
    }
    return all(one is not None and not one % timedelta(hours=1) for one in offsets)


def due_ms(day: date, hour: int, zone: str) -> int:
    """Return when the clocks in a zone show an hour of a day: Unix time in milliseconds.

    Where that hour is skipped, it is as long after midnight as it would have been.
    """
    return _ms(datetime.combine(day, time(hour), ZoneInfo(zone)))


def _hours(since_ms: int, until_ms: int, zone: str) -> Iterator[tuple[int, int, tuple[date, int]]]:
    """Yield the pieces within which the clock's hour, and its distance from UTC, stay the same."""
    began, now = since_ms, _hour_at(since_ms, zone)
    for at in range(since_ms + QUARTER_MS, until_ms, QUARTER_MS):
        then = _hour_at(at, zone)
        if then != now:
            yield began, at, now[:2]
            began, now = at, then
    yield began, until_ms, now[:2]


def _hour_at(at_ms: int, zone: str) -> tuple[date, int, timedelta | None]:
    local = _local(at_ms, zone)
    return local.date(), local.hour, local.utcoffset()


def _local(at_ms: int, zone: str) -> datetime:
    return datetime.fromtimestamp(at_ms / 1_000, UTC).astimezone(ZoneInfo(zone))


def _midnight_ms(day: date, zone: str) -> int:
    """Return when a day begins, also where its first hour is skipped."""
    return _ms(datetime.combine(day, time(), ZoneInfo(zone)))


def _ms(at: datetime) -> int:
    return round(at.timestamp() * 1_000)
