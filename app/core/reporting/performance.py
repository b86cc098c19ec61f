"""The weekly report of performance: what became of cases, how fast and how well they were served.

Cases are followed from the days on which they began: what the report calls completed are those of
them that came to their end, whenever that was. So shares are shares of the same people.
"""

from collections.abc import Mapping, Sequence

from msgspec import Struct

from app.core.reporting.costs import TriageCost, Trouble
from app.core.reporting.spans import Slot, Span

SCORES = 11
"""Ratings go from 0 to 10."""
_PROMOTERS, _DETRACTORS = 9, 7


class Spread(Struct, frozen=True, kw_only=True):
    """How values lie: their number, median, and the values below which 95 and 99 % of them lie."""

    n: int = 0
    p50: float | None = None
    p95: float | None = None
    p99: float | None = None


class CaseCell(Struct, frozen=True, kw_only=True):
    """Cases of one arm that began within a quarter of an hour, and what became of them."""

    at_ms: int
    arm: str
    started: int
    completed: int
    abandoned: int


class Cases(Struct, frozen=True, kw_only=True):
    """Cases that began, and what became of them."""

    started: int = 0
    completed: int = 0
    abandoned: int = 0

    @property
    def open(self) -> int:
        """Those that have come to no end yet."""
        return self.started - self.completed - self.abandoned


class ArmPace(Struct, frozen=True, kw_only=True):
    """How long completed cases of an arm took."""

    arm: str
    interview_ms: Spread
    result_ms: Spread


class CallSpeed(Struct, frozen=True, kw_only=True):
    """How a model did in one operation."""

    model: str
    operation: str
    calls: int
    completed: int
    """Of those calls; those that we gave up ourselves are among neither."""
    first_token_ms: Spread
    latency_ms: Spread
    """Of completed calls."""


class Turns(Struct, frozen=True, kw_only=True):
    """Turns that ended."""

    total: int = 0
    completed: int = 0
    cancelled: int = 0
    failed: int = 0
    degraded: int = 0
    """Done with less than planned."""
    duration_ms: Spread = Spread()
    """From the acceptance of a message to the commit of its answer, of completed turns."""


class Analyses(Struct, frozen=True, kw_only=True):
    """Analyses that were over."""

    done: int = 0
    given_up: int = 0
    background: int = 0
    again: int = 0
    """Begun by more than one worker."""
    degraded: int = 0
    """Made by another strategy than planned."""
    cached: int = 0
    waited_ms: Spread = Spread()
    """From the end of the interview to the result, of those in the background."""


class Reviews(Struct, frozen=True, kw_only=True):
    """What human reviewers said of results."""

    total: int = 0
    correct: int = 0


class Ratings(Struct, frozen=True, kw_only=True):
    """Ratings from 0 to 10."""

    n: int = 0
    mean: float | None = None
    nps: float | None = None
    """Share of 9 and 10 less share of 0 to 6, in points from -100 to 100."""


class Figures(Struct, frozen=True, kw_only=True):
    """What is known of a span."""

    cases: Sequence[CaseCell] = ()
    paces: Sequence[ArmPace] = ()
    """By arm, and all together as the first."""
    turns: Turns = Turns()
    calls: Sequence[CallSpeed] = ()
    trouble: Sequence[Trouble] = ()
    analyses: Analyses = Analyses()
    scores: Mapping[str, Sequence[int]] = {}
    """By arm, how often each score from 0 to 10 was given."""
    reviews: Reviews = Reviews()
    costs: Sequence[TriageCost] = ()
    """By arm, and all together as the first."""


class DayCases(Struct, frozen=True, kw_only=True):
    """The cases that began on a day."""

    day: Slot
    cases: Cases


class ArmReport(Struct, frozen=True, kw_only=True):
    """An arm of an experiment; it is described here, and judged elsewhere."""

    arm: str
    cases: Cases
    interview_ms: Spread
    ratings: Ratings
    cost: TriageCost | None


class Summary(Struct, frozen=True, kw_only=True):
    """What two spans are compared by."""

    cases: Cases
    interview_ms: Spread
    result_ms: Spread
    turns: Turns
    calls: int
    completed_calls: int
    analyses: Analyses
    ratings: Ratings
    reviews: Reviews


class PerformanceReport(Struct, frozen=True, kw_only=True, tag="performance/1"):
    """The report."""

    span: Span
    made_ms: int
    now: Summary
    before: Summary
    """As many days right before."""
    days: list[DayCases]
    calls: list[CallSpeed]
    trouble: list[Trouble]
    arms: list[ArmReport]
    """Empty where no experiment ran."""
    waiting: int
    """Facts that have not come to the warehouse yet."""

    @property
    def over(self) -> bool:
        """Whether the span was over when the report was made."""
        return self.made_ms >= self.span.until_ms


def performance_report(
    span: Span, now: Figures, before: Figures, *, made_ms: int, waiting: int
) -> PerformanceReport:
    """Make the report.

    Args:
        span: its days.
        now: what is known of them.
        before: the same of as many days right before.
        made_ms: Unix time in milliseconds.
        waiting: facts that have not come to the warehouse yet.
    """
    return PerformanceReport(
        span=span,
        made_ms=made_ms,
        now=_summary(now),
        before=_summary(before),
        days=_days(span.days(), now.cases),
        calls=sorted(now.calls, key=lambda one: (-one.calls, one.model, one.operation)),
        trouble=list(now.trouble),
        arms=_arms(now),
        waiting=waiting,
    )


def cases_of(cells: Sequence[CaseCell]) -> Cases:
    """Add cases up."""
    return Cases(
        started=sum(one.started for one in cells),
        completed=sum(one.completed for one in cells),
        abandoned=sum(one.abandoned for one in cells),
    )


def ratings_of(scores: Sequence[int]) -> Ratings:
    """Return what scores come to, from how often each from 0 to 10 was given.

    >>> ratings_of([0, 0, 0, 0, 0, 1, 1, 2, 3, 4, 5])
    Ratings(n=16, mean=8.4375, nps=43.75)
    """
    n = sum(scores)
    if not n:
        return Ratings()
    points = sum(scores[_PROMOTERS:]) - sum(scores[:_DETRACTORS])
    mean = sum(score * count for score, count in enumerate(scores)) / n
    return Ratings(n=n, mean=mean, nps=100 * points / n)


def _summary(figures: Figures) -> Summary:
    pace = (
        figures.paces[0]
        if figures.paces
        else ArmPace(arm="", interview_ms=Spread(), result_ms=Spread())
    )
    return Summary(
        cases=cases_of(figures.cases),
        interview_ms=pace.interview_ms,
        result_ms=pace.result_ms,
        turns=figures.turns,
        calls=sum(one.calls for one in figures.calls),
        completed_calls=sum(one.completed for one in figures.calls),
        analyses=figures.analyses,
        ratings=ratings_of(_all_scores(figures)),
        reviews=figures.reviews,
    )


def _all_scores(figures: Figures) -> list[int]:
    return [sum(counts[score] for counts in figures.scores.values()) for score in range(SCORES)]


def _days(days: Sequence[Slot], cells: Sequence[CaseCell]) -> list[DayCases]:
    return [
        DayCases(
            day=day,
            cases=cases_of([one for one in cells if day.since_ms <= one.at_ms < day.until_ms]),
        )
        for day in days
    ]


def _arms(figures: Figures) -> list[ArmReport]:
    names = {one.arm for one in figures.cases} | set(figures.scores)
    if not any(names):
        return []
    paces = {one.arm: one.interview_ms for one in figures.paces[1:]}
    costs = {one.arm: one for one in figures.costs[1:]}
    return [
        ArmReport(
            arm=name,
            cases=cases_of([one for one in figures.cases if one.arm == name]),
            interview_ms=paces.get(name, Spread()),
            ratings=ratings_of(figures.scores.get(name, ())),
            cost=costs.get(name),
        )
        for name in sorted(names)
    ]
