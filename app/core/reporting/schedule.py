"""Which reports are due: of costs every day, of performance every Monday, at an hour of a zone."""

from datetime import date, timedelta

from app.core.reporting.spans import Span, due_ms, local_date
from app.domain.figures import ReportKind

_DAYS = 7
"""Days of which a report is still made when no worker ran on the day it was due."""
_WEEKS = 2


def due_reports(
    now_ms: int, since_ms: int, *, hour: int, zone: str
) -> list[tuple[ReportKind, date]]:
    """Return the reports that are due, the oldest first, by kind and first day.

    Args:
        now_ms: Unix time in milliseconds.
        since_ms: what was over before then is reported by nobody.
        hour: of the day after the last one reported, from which on it is due.
        zone: whose days and hours these are.
    """
    today = local_date(now_ms, zone)
    monday = today - timedelta(days=today.weekday())
    days: list[tuple[ReportKind, date]] = [
        ("costs", today - timedelta(days=back)) for back in range(_DAYS, 0, -1)
    ]
    weeks: list[tuple[ReportKind, date]] = [
        ("performance", monday - timedelta(weeks=back)) for back in range(_WEEKS, 0, -1)
    ]
    return [
        (kind, first)
        for kind, first in (*days, *weeks)
        if (span := span_reported(kind, first, zone)).until_ms > since_ms
        and now_ms >= due_ms(span.last + timedelta(days=1), hour, zone)
    ]


def span_reported(kind: ReportKind, first: date, zone: str) -> Span:
    """Return the days that a report is about: one of costs, seven of performance."""
    length = 1 if kind == "costs" else 7
    return Span(first=first, last=first + timedelta(days=length - 1), zone=zone)


def span_by_default(kind: ReportKind, now_ms: int, zone: str) -> Span:
    """Return what a report is about unless told: yesterday, or the last week that is over."""
    today = local_date(now_ms, zone)
    monday = today - timedelta(days=today.weekday())
    first = today - timedelta(days=1) if kind == "costs" else monday - timedelta(weeks=1)
    return span_reported(kind, first, zone)
