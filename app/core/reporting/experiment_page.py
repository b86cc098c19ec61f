"""The page of an experiment: the verdict first, then everything that it rests on."""

import math
from collections.abc import Callable, Sequence
from functools import partial
from statistics import median

from analytics.bayes import Posterior
from analytics.experiments.declaration import Metric
from analytics.experiments.report import Finding, Report
from analytics.novelty import Novelty
from analytics.outlook import Outlook
from analytics.results import Effect, NotComputable, Test
from analytics.srm import THRESHOLD
from analytics.verdict import SEVERAL_VARIANTS
from app.core.reporting.document import (
    Band,
    Block,
    Code,
    Document,
    Heading,
    Interval,
    Intervals,
    Moment,
    Note,
    Table,
    Tile,
    Tiles,
    Tone,
)
from app.core.reporting.experiment_words import SAID, SUFFIXES, amount, figure
from app.core.reporting.formats import NOTHING
from app.domain.experiments import Unit

_MOST_LABELS = 8
_LATE_HOURS = 24.0


def experiment_page(report: Report) -> Document:
    """Return the page."""
    declared = report.declaration
    blocks: list[Block] = [_tiles(report)]
    for arm, verdict in report.verdicts.items():
        said, tone = SAID[verdict.decision]
        blocks.append(Heading(text=f"Verdict on {arm}: {said}"))
        blocks += [Note(text=f"{reason}.", tone=tone) for reason in verdict.reasons]
        if verdict.days_left is not None:
            blocks.append(Note(text=f"At this pace, about {verdict.days_left:.0f} days more."))
    blocks += [
        Heading(text="What was asked", about="Settled before anybody looked."),
        Note(text=declared.question),
        Note(text=declared.hypothesis),
        Heading(text="Can the data be trusted?"),
        _health(report),
    ]
    for arm in declared.treatments:
        blocks += _of_arm(report, arm)
    blocks.append(Heading(text="How it was computed"))
    blocks += [Code(title=one.title, text=one.sql) for one in report.questions]
    versions = ", ".join(f"{name} {one}" for name, one in report.versions.items())
    return Document(
        language="en",
        title=declared.title,
        subtitle=f"{declared.key}, by {report.at:%Y-%m-%d %H:%M} UTC",
        blocks=blocks,
        footer=(
            f"Made by {versions}.",
            f"Flags: {', '.join(report.taken.flags) or 'none'}.",
            f"The unit is the person; {declared.alpha:.0%} error for the family of primaries.",
        ),
    )


def _tiles(report: Report) -> Tiles:
    declared = report.declaration
    counted = sum(report.counted.values())
    ratio = report.judged_ratio
    wrong = isinstance(ratio, Test) and ratio.p < THRESHOLD
    shares = " : ".join(str(report.taken.persons.get(arm, 0)) for arm in declared.arms)
    said = [SAID[one.decision] for one in report.verdicts.values()]
    return Tiles(
        tiles=[
            Tile(
                label="Verdict",
                value=said[0][0] if len(said) == 1 else f"{len(said)} arms",
                note="by the fixed test" if report.final else "in a way that allows daily looks",
                tone=said[0][1] if len(said) == 1 else "plain",
            ),
            Tile(
                label="Persons counted",
                value=f"{counted:,}",
                note=f"of {declared.planned_persons:,} planned",
            ),
            Tile(label="Days", value=f"{report.days:.1f}", note="since the first exposure"),
            Tile(
                label="Sample ratio",
                value=shares,
                note=_p_text(ratio),
                tone="bad" if wrong else "good" if isinstance(ratio, Test) else "faint",
            ),
        ]
    )


def _health(report: Report) -> Table:
    health, sequential = report.health, report.sequential_ratio
    several = health.share_in_several
    taken, counted = sum(report.taken.persons.values()), sum(report.counted.values())
    uncounted = taken - counted - health.persons_in_several
    late = report.lag_hours is not None and report.lag_hours > _LATE_HOURS
    rows: list[tuple[str, str, Tone]] = [
        _checked("Sample ratio, looked at daily", sequential, THRESHOLD),
        _checked("Sample ratio, looked at once", health.sample_ratio, THRESHOLD),
        (
            "Persons in several variants",
            f"{health.persons_in_several:,} ({several:.2%}), left out",
            "bad" if several > SEVERAL_VARIANTS else "good",
        ),
        _checked("Balance before the exposure", report.balance, 0.01),
        ("Cases of people without a name", f"{report.nameless:,}, in no experiment", "plain"),
        (
            "Latest outcome known",
            "none" if report.lag_hours is None else f"{report.lag_hours:.1f} hours ago",
            "bad" if late else "plain",
        ),
        (
            "Not counted",
            f"{uncounted:,}: too young ({report.declaration.maturity_hours:g} h), or not planned",
            "plain",
        ),
    ]
    return Table(
        headings=("Check", "Found"),
        rows=[(name, found) for name, found, _ in rows],
        names=2,
        tones=[tone for *_, tone in rows],
    )


def _checked(name: str, test: Test | NotComputable, threshold: float) -> tuple[str, str, Tone]:
    if isinstance(test, NotComputable):
        return name, test.reason, "plain"
    wrong = test.p < threshold
    return name, f"{_p_text(test)}{', wrong' if wrong else ''}", "bad" if wrong else "good"


def _of_arm(report: Report, arm: str) -> list[Block]:
    findings = report.of(arm)
    against = f"{arm} against {report.declaration.control}"
    blocks: list[Block] = [
        Heading(
            text=f"Metrics: {against}",
            about=(
                "The difference with interval and p of the fixed test; p adjusted, after Holm for"
                " primaries and after Benjamini and Hochberg for the rest, is "
                + ("of the fixed test." if report.final else "of what may be looked at every day.")
            ),
        ),
        _metrics(findings),
    ]
    lifts = [one for one in findings if isinstance(one.analysis.lift, Effect)]
    if lifts:
        blocks.append(_lifts(lifts))
    guardrails = [one for one in findings if one.metric.role == "guardrail"]
    if guardrails:
        about = "Not worse than the margin, or not yet known; the sequence may be looked at daily."
        blocks += [Heading(text="Guardrails", about=about), _guardrails(guardrails)]
    for one in findings:
        if one.metric.role == "primary":
            blocks += _primary(report, one)
    return blocks


def _metrics(findings: Sequence[Finding]) -> Table:
    rows = []
    for one in findings:
        unit, difference = one.metric.unit, one.analysis.difference
        if isinstance(difference, NotComputable):
            rows.append((_named(one.metric), *[NOTHING] * 5, difference.reason))
            continue
        rows.append(
            (
                _named(one.metric),
                amount(difference.control, unit),
                amount(difference.treatment, unit),
                _interval(difference, unit),
                _p_number(difference),
                _adjusted(one.adjusted_p),
                _chance(one.analysis.posterior),
            )
        )
    return Table(
        headings=(
            "Metric",
            "Control",
            "Treatment",
            "Difference",
            "p",
            "p adjusted",
            "Will win",
        ),
        rows=rows,
    )


def _lifts(findings: Sequence[Finding]) -> Intervals:
    effects = [(one, one.analysis.lift) for one in findings]
    known = [(one, effect) for one, effect in effects if isinstance(effect, Effect)]
    ends = [abs(end) for _, one in known for end in (one.low, one.high) if math.isfinite(end)]
    return Intervals(
        title="Lift of every metric with its interval",
        legend="Lift over the control, with its 95 % interval.",
        intervals=[
            Interval(
                label=one.metric.label,
                low=_finite(effect.low),
                middle=effect.estimate,
                high=_finite(effect.high),
                text=_lift_text(effect),
                tone=_tone(one.metric, effect),
            )
            for one, effect in known
        ],
        scale=_scale(_reach(ends), lambda value: f"{100 * value:+.0f} %"),
    )


def _reach(ends: Sequence[float]) -> float:
    """Return how far the axis of lifts goes: one metric beyond all others does not flatten them."""
    return min(max(ends, default=0.1), 4 * median(ends)) if ends else 0.1


def _guardrails(findings: Sequence[Finding]) -> Table:
    rows: list[tuple[str, ...]] = []
    tones: list[Tone] = []
    for one in findings:
        unit, margin = one.metric.unit, one.metric.margin or 0.0
        test, sequence = one.non_inferior, one.analysis.sequence
        worse = -margin if one.metric.better == "increase" else margin
        kept = isinstance(test, Effect) and test.p < test.alpha
        rows.append(
            (
                one.metric.label,
                amount(worse, unit, sign=True),
                _interval(sequence, unit) if isinstance(sequence, Effect) else sequence.reason,
                _p_number(test) if isinstance(test, Effect) else NOTHING,
                "holds" if kept else "not known",
            )
        )
        tones.append("good" if kept else "plain")
    return Table(
        headings=("Guardrail", "Margin", "Difference so far", "p of not worse", "Found"),
        rows=rows,
        tones=tones,
    )


def _primary(report: Report, one: Finding) -> list[Block]:
    signed = _signed(one.metric.unit)
    blocks: list[Block] = []
    points = [(each, each.effect) for each in one.by_day if isinstance(each.effect, Effect)]
    if points:
        blocks.append(
            Heading(
                text=f"{one.metric.label}, day by day",
                about="What was known by each day. The band holds at every look: stopping when it "
                "leaves zero raises no false alarm.",
            )
        )
        every = max(1, math.ceil(len(points) / _MOST_LABELS))
        # The first days' bands are wide beyond reading: the scale is set by the later half.
        later = [effect for _, effect in points[len(points) // 2 :]]
        reach = max(max(abs(each.low), abs(each.high)) for each in later)
        aim = one.metric.smallest_effect
        blocks.append(
            Band(
                title=f"{one.metric.label}: the difference so far with its interval",
                legend=f"Difference of {one.arm} to {report.declaration.control} so far, with an "
                "interval that may be looked at every day.",
                moments=[
                    Moment(
                        label=each.day[5:] if number % every == 0 else "",
                        title=f"{each.day}, {each.persons:,} persons: "
                        + _interval(effect, one.metric.unit),
                        low=effect.low,
                        middle=effect.estimate,
                        high=effect.high,
                    )
                    for number, (each, effect) in enumerate(points)
                ],
                scale=_scale(reach, signed),
                lines=[] if aim is None or aim > reach else [(aim, f"matters from {signed(aim)}")],
            )
        )
    blocks += [
        Heading(text=f"{one.metric.label}: how far, for whom, for how long"),
        _details(one, signed),
    ]
    return blocks


def _details(one: Finding, signed: Callable[[float], str]) -> Table:
    rows: list[tuple[str, str]] = []
    match one.outlook:
        case Outlook(power_now=power, additional_users=more, detectable_now=least):
            rows.append(("Smallest detectable effect now", signed(least)))
            rows.append(("Power for what matters", f"{power:.0%}"))
            rows.append(("Persons still to come", f"{math.ceil(more):,}"))
        case NotComputable(reason=reason):
            rows.append(("Outlook", reason))
        case None:
            pass
    match one.novelty:
        case Novelty(slope=slope, fades=fades, p=p):
            wears = ", it fades" if fades else ""
            rows.append(("Change of the effect per day", f"{signed(slope)} (p = {p:.2g}){wears}"))
        case NotComputable(reason=reason):
            rows.append(("Change of the effect per day", reason))
        case None:
            pass
    for each in one.slices:
        found = (
            _interval(each.effect, one.metric.unit)
            if isinstance(each.effect, Effect)
            else each.effect.reason
        )
        rows.append((f"{each.slice} {each.value} ({each.persons:,})", found))
    for name, test in one.interactions.items():
        text = test.reason if isinstance(test, NotComputable) else _p_text(test)
        rows.append((f"Does it differ by {name}?", text))
    return Table(headings=("What", "Found"), rows=rows, names=2)


def _signed(unit: Unit) -> Callable[[float], str]:
    return partial(amount, unit=unit, sign=True)


def _interval(effect: Effect, unit: Unit) -> str:
    def end(value: float) -> str:
        if not math.isfinite(value):
            return "∞" if value > 0 else "−∞"
        return figure(value, unit, sign=True)

    middle = figure(effect.estimate, unit, sign=True)
    return f"{middle} [{end(effect.low)}, {end(effect.high)}]{SUFFIXES[unit]}"


def _lift_text(lift: Effect | NotComputable) -> str:
    if isinstance(lift, NotComputable):
        return NOTHING
    return _interval(lift, "share").replace(" points", " %")


def _p_number(effect: Effect) -> str:
    return f"{effect.p:.3g}" if effect.p > 1e-300 else f"10^{effect.log10_p:.0f}"


def _named(metric: Metric) -> str:
    """Name a metric, with what it should be whatever the other arm does."""
    if metric.target is None:
        return metric.label
    return f"{metric.label} (target {amount(metric.target, metric.unit)})"


def _adjusted(p: float | None) -> str:
    """Write an adjusted p; what is too small for a number is not called nothing.

    >>> _adjusted(0.0262), _adjusted(0.0), _adjusted(None)
    ('0.0262', '< 1e-300', '–')
    """
    if p is None:
        return NOTHING
    return f"{p:.3g}" if p > 1e-300 else "< 1e-300"


def _p_text(test: Test | NotComputable) -> str:
    return test.reason if isinstance(test, NotComputable) else f"p = {test.p:.2g}"


def _chance(found: Posterior | NotComputable) -> str:
    return NOTHING if isinstance(found, NotComputable) else f"{found.chance_to_win:.1%}"


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None


def _tone(metric: Metric, effect: Effect) -> Tone:
    """Say whether an interval lies on one side of no effect, and on which."""
    if effect.low <= 0 <= effect.high:
        return "plain"
    return "good" if (effect.low > 0) == (metric.better == "increase") else "bad"


def _scale(reach: float, write: Callable[[float], str]) -> list[tuple[float, str]]:
    """Return an axis around zero that reaches that far, in round steps."""
    step = 10 ** math.floor(math.log10(max(reach, 1e-9)))
    for factor in (0.5, 1, 2, 5, 10):
        if step * factor * 2 >= reach:
            step *= factor
            break
    return [(one * step, write(one * step) if one else "0") for one in (-2, -1, 0, 1, 2)]
