"""Days and hours as clocks in a zone show them, also where clocks are put forward and back."""

from datetime import UTC, date, datetime
from itertools import pairwise
from zoneinfo import available_timezones

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core.reporting.schedule import due_reports, span_by_default, span_reported
from app.core.reporting.spans import (
    DAY_MS,
    HOUR_MS,
    Span,
    check_zone,
    due_ms,
    on_the_hour,
    span_of,
)
from app.domain.errors import InvalidInput

ZONES = sorted(available_timezones() - {"localtime", "Factory"})
SOME_ZONES = st.one_of(
    st.sampled_from(ZONES),
    st.sampled_from(
        ["Europe/Berlin", "America/New_York", "America/Sao_Paulo", "Australia/Lord_Howe",
         "Asia/Kathmandu", "Pacific/Apia", "America/Havana", "Asia/Beirut", "Africa/Casablanca"]
    ),
)  # fmt: skip
DAYS = st.dates(date(2001, 1, 1), date(2037, 1, 1))


def one_day(zone: str, year: int, month: int, day: int) -> Span:
    """Return a day."""
    return span_of(date(year, month, day), date(year, month, day), zone)


@pytest.mark.parametrize(
    ("span", "hours", "labels"),
    [
        (one_day("Europe/Berlin", 2026, 3, 29), 23, ["00", "01", "03", "04"]),
        (one_day("Europe/Berlin", 2026, 10, 25), 25, ["00", "01", "02", "02", "03"]),
        (one_day("America/New_York", 2026, 3, 8), 23, ["00", "01", "03"]),
        (one_day("America/New_York", 2026, 11, 1), 25, ["00", "01", "01", "02"]),
        (one_day("America/Sao_Paulo", 2026, 11, 24), 24, ["00", "01", "02"]),
        # Clocks went from midnight to one o'clock, and back from midnight to eleven.
        (one_day("America/Sao_Paulo", 2018, 11, 4), 23, ["01", "02", "03"]),
        (one_day("America/Sao_Paulo", 2018, 2, 17), 25, ["00", "01"]),
    ],
)
def test_a_day_has_its_hours(span: Span, hours: int, labels: list[str]) -> None:
    """Twenty-three, twenty-five or twenty-four, as its clocks show them."""
    slots = span.clock_hours()
    assert span.hours == hours == len(slots)
    assert [one.label for one in slots][: len(labels)] == labels
    assert sum(one.again for one in slots) == (hours == 25)


def test_half_hours_count() -> None:
    """Where clocks are put back by half an hour, the day has that much more."""
    span = one_day("Australia/Lord_Howe", 2026, 4, 5)
    assert span.hours == 24.5
    slots = span.clock_hours()
    assert [one.label for one in slots if one.again] == ["01"]
    assert {one.until_ms - one.since_ms for one in slots} == {HOUR_MS, HOUR_MS // 2}


def test_a_day_that_was_skipped_is_empty() -> None:
    """Samoa had no 30 December 2011."""
    assert one_day("Pacific/Apia", 2011, 12, 30).hours == 0


@given(zone=SOME_ZONES, day=DAYS, length=st.integers(1, 20))
def test_days_and_hours_fill_a_span(zone: str, day: date, length: int) -> None:
    """Without gaps or overlaps, in every zone there is."""
    span = Span(first=day, last=date.fromordinal(day.toordinal() + length - 1), zone=zone)
    for slots in (span.days(), span.clock_hours()):
        assert slots[0].since_ms == span.since_ms
        assert slots[-1].until_ms == span.until_ms
        assert all(a.until_ms == b.since_ms for a, b in pairwise(slots))
    assert span.length == length
    assert span.earlier(length).until_ms == span.since_ms


@pytest.mark.parametrize(
    "name", ["", "Mars/Olympus", "../etc/passwd", "/etc", "America", "\0", "São"]
)
def test_what_is_no_zone_is_refused(name: str) -> None:
    """With a sentence that says what one looks like."""
    with pytest.raises(InvalidInput, match="no time zone"):
        check_zone(name)


def test_impossible_days_are_refused() -> None:
    """Backwards, too many, or at the ends of time."""
    for first, last in (
        (date(2026, 2, 2), date(2026, 2, 1)),
        (date(2020, 1, 1), date(2026, 1, 1)),
        (date.min, date.min),
        (date.max, date.max),
    ):
        with pytest.raises(InvalidInput):
            span_of(first, last, "UTC")


def test_only_whole_hours_can_be_taken_from_hourly_sums() -> None:
    """India is half an hour off, and so is Lord Howe for half of the year."""
    noon = 1_764_072_000_000
    assert on_the_hour(noon, noon + 90 * DAY_MS, "America/New_York")
    assert not on_the_hour(noon, noon + DAY_MS, "Asia/Kolkata")
    assert not on_the_hour(noon, noon + 300 * DAY_MS, "Australia/Lord_Howe")


def at(*parts: int) -> int:
    """Return a time in UTC in milliseconds."""
    return int(datetime(*parts, tzinfo=UTC).timestamp() * 1_000)  # type: ignore[misc,arg-type]


def test_reports_are_due_at_their_hour() -> None:
    """Of costs on the day after, of performance on Monday, by the zone's own clocks."""
    seven = at(2026, 11, 23, 10)  # a Monday, seven o'clock in São Paulo
    rules = {"hour": 7, "zone": "America/Sao_Paulo"}
    before = due_reports(seven - 1, 0, **rules)  # type: ignore[arg-type]
    after = due_reports(seven, 0, **rules)  # type: ignore[arg-type]
    assert set(after) - set(before) == {
        ("costs", date(2026, 11, 22)),
        ("performance", date(2026, 11, 16)),
    }
    assert len(after) == 9
    assert len(before) == 7


def test_nothing_is_reported_of_days_before_anybody_looked() -> None:
    """An installation's first report is of the day on which it began."""
    began, seven = at(2026, 11, 22, 15), at(2026, 11, 23, 10)
    assert due_reports(seven, began, hour=7, zone="America/Sao_Paulo") == [
        ("costs", date(2026, 11, 22)),
        ("performance", date(2026, 11, 16)),
    ]


def test_an_hour_that_is_skipped_still_comes() -> None:
    """Two o'clock does not exist on that Sunday in Berlin; what is due then comes at three."""
    assert due_ms(date(2026, 3, 29), 2, "Europe/Berlin") == at(2026, 3, 29, 1)
    assert due_ms(date(2026, 10, 25), 2, "Europe/Berlin") == at(2026, 10, 25, 0)


def test_reports_are_about_what_is_over() -> None:
    """Yesterday, and the week that ended with last Sunday."""
    now = at(2026, 11, 25, 2)  # the 24th in São Paulo
    assert span_by_default("costs", now, "America/Sao_Paulo").first == date(2026, 11, 23)
    week = span_by_default("performance", now, "America/Sao_Paulo")
    assert (week.first, week.last) == (date(2026, 11, 16), date(2026, 11, 22))
    assert span_reported("performance", week.first, week.zone) == week
