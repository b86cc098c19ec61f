"""Figures of performance beside what they were in as many days before."""

from collections.abc import Callable

from app.core.reporting.formats import NOTHING, Formats
from app.core.reporting.performance import PerformanceReport, Ratings, Spread, Summary
from app.core.reporting.wording import Words


def compared_rows(
    report: PerformanceReport, formats: Formats, words: Words
) -> list[tuple[str, ...]]:
    """Return every figure beside what it was before."""
    now, before = report.now, report.before

    def counted(name: str, count: Callable[[Summary], int]) -> tuple[str, ...]:
        one, other = count(now), count(before)
        number = formats.number
        return name, number(one), number(other), formats.change(one, other)

    def shared(name: str, part: Callable[[Summary], tuple[int, int]]) -> tuple[str, ...]:
        one, other = share(*part(now)), share(*part(before))
        return name, formats.percent(one), formats.percent(other), _points(one, other, formats)

    def spread(name: str, of: Callable[[Summary], Spread]) -> list[tuple[str, ...]]:
        found: list[tuple[str, ...]] = []
        for label, pick in ((words.median, _p50), (words.p95, _p95)):
            one, other = pick(of(now)), pick(of(before))
            change = formats.change(one, other) if one is not None and other else ""
            text = f"{name}, {label.lower()}"
            found.append((text, formats.duration(one), formats.duration(other), change))
        return found

    return [
        counted(words.started, lambda one: one.cases.started),
        shared(words.completed, lambda one: (one.cases.completed, one.cases.started)),
        shared(words.abandoned, lambda one: (one.cases.abandoned, one.cases.started)),
        shared(words.open, lambda one: (one.cases.open, one.cases.started)),
        *spread(words.interview, lambda one: one.interview_ms),
        *spread(words.to_result, lambda one: one.result_ms),
        counted(words.turns, lambda one: one.turns.total),
        *spread(words.turn, lambda one: one.turns.duration_ms),
        counted(words.failed_turns, lambda one: one.turns.failed),
        shared(words.degraded_turns, lambda one: (one.turns.degraded, one.turns.total)),
        counted(words.calls, lambda one: one.calls),
        shared(words.successful_calls, lambda one: (one.completed_calls, one.calls)),
        counted(words.analyses, lambda one: one.analyses.done),
        counted(words.given_up, lambda one: one.analyses.given_up),
        counted(words.begun_again, lambda one: one.analyses.again),
        shared(words.other_strategy, lambda one: (one.analyses.degraded, one.analyses.done)),
        shared(words.from_cache, lambda one: (one.analyses.cached, one.analyses.done)),
        *spread(words.waited, lambda one: one.analyses.waited_ms),
        counted(words.ratings, lambda one: one.ratings.n),
        (words.rating, mean_text(now.ratings, formats), mean_text(before.ratings, formats), ""),
        (words.nps, nps_text(now.ratings, formats), nps_text(before.ratings, formats), ""),
        shared(words.reviewed, lambda one: (one.reviews.correct, one.reviews.total)),
    ]


def share(part: int, whole: int) -> float | None:
    """Return a share; None of nothing."""
    return part / whole if whole else None


def mean_text(ratings: Ratings, formats: Formats) -> str:
    """Write the mean of ratings."""
    return NOTHING if ratings.mean is None else formats.number(ratings.mean, 1)


def nps_text(ratings: Ratings, formats: Formats) -> str:
    """Write an NPS with its sign."""
    if ratings.nps is None:
        return NOTHING
    sign = "+" if ratings.nps > 0 else "−" if ratings.nps < 0 else ""
    return f"{sign}{formats.number(abs(ratings.nps))}"


def _p50(spread: Spread) -> float | None:
    return spread.p50


def _p95(spread: Spread) -> float | None:
    return spread.p95


def _points(now: float | None, before: float | None, formats: Formats) -> str:
    if now is None or before is None:
        return ""
    points = round(100 * (now - before), 1)
    sign = "+" if points > 0 else "−" if points < 0 else "±"
    return f"{sign}{formats.number(abs(points), 1)} pp"
