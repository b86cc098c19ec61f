"""What a report holds: every figure an analyst is shown, and where it came from."""

import datetime as dt
from collections.abc import Mapping

from msgspec import Struct

from analytics.experiments.declaration import Declaration, Metric
from analytics.experiments.taken import Question, Taken
from analytics.metrics import Analysis
from analytics.novelty import Novelty
from analytics.outlook import Outlook
from analytics.results import Effect, NotComputable, Test
from analytics.verdict import Health, Verdict


class Point(Struct, frozen=True, kw_only=True):
    """What was known by the end of a day, in a way that may be looked at every day."""

    day: str
    persons: int
    effect: Effect | NotComputable


class SliceFinding(Struct, frozen=True, kw_only=True):
    """An effect in one slice of people."""

    slice: str
    value: str
    persons: int
    effect: Effect | NotComputable


class Finding(Struct, frozen=True, kw_only=True):
    """A metric of one arm against the control."""

    metric: Metric
    arm: str
    persons: tuple[int, int]
    """Who counts: control, treatment."""
    analysis: Analysis
    adjusted_p: float | None
    """After Holm over primaries and arms, after Benjamini and Hochberg over the rest."""
    non_inferior: Effect | NotComputable | None = None
    """The one-sided test of a guardrail against its margin; a sequence until the end."""
    outlook: Outlook | NotComputable | None = None
    """For a primary: how far it has come."""
    by_day: tuple[Point, ...] = ()
    novelty: Novelty | NotComputable | None = None
    slices: tuple[SliceFinding, ...] = ()
    interactions: Mapping[str, Test | NotComputable] = {}
    """Whether the effect differs between a slice's people, by slice."""


class Report(Struct, frozen=True, kw_only=True, tag_field="schema", tag="experiment/1"):
    """Everything an analyst is shown."""

    declaration: Declaration
    at: dt.datetime
    """What had happened until then counts: UTC."""
    taken: Taken
    counted: Mapping[str, int]
    """Persons of each arm who were exposed long enough ago, and to one variation only."""
    days: float
    """Since the first exposure."""
    health: Health
    sequential_ratio: Test | NotComputable
    """The sample ratio in a way that may be looked at every day."""
    balance: Test | NotComputable
    """Whether arms differ in how many had been here before."""
    nameless: int
    """Cases of people without a name, who can be in no experiment."""
    lag_hours: float | None
    """How long ago the latest outcome happened that the warehouse knows of."""
    final: bool
    """Whether the fixed test judges: as many persons as planned have come, or it is over."""
    findings: tuple[Finding, ...]
    verdicts: Mapping[str, Verdict]
    """By treatment arm."""
    questions: tuple[Question, ...]
    versions: Mapping[str, str]

    @property
    def judged_ratio(self) -> Test | NotComputable:
        """The sample ratio as the verdict reads it: until the end in the daily way."""
        return self.health.sample_ratio if self.final else self.sequential_ratio

    def of(self, arm: str, role: str | None = None) -> tuple[Finding, ...]:
        """Return an arm's findings, of one role or all."""
        found = (one for one in self.findings if one.arm == arm)
        return tuple(one for one in found if role is None or one.metric.role == role)
