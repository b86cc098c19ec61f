"""The page about experiments: who came, what the arms do to people, and what to do about it.

Workers compute these figures every ten minutes. Effects are drawn as multiples of what was settled
before: of the smallest effect that matters, and of the margin of each guardrail. So metrics of
any unit stand in one picture.
"""

from dashboards.asking import value
from dashboards.building import Chart, Page, Query, Row, Step, Unit

_EXPOSED = value("triage_experiment_exposures", "experiment", "arm")
_CAME = f"sum by (experiment) ({_EXPOSED})"
_RATIO = value("triage_experiment_sample_ratio_p_value", "experiment")
_BROKEN = value("triage_experiment_guardrail_broken", "experiment", "metric", "arm")
_NAMES = "{{experiment}} {{arm}}"


def _multiples(role: str, stat: str) -> str:
    """Return effects of metrics of a role, each divided by its limit."""
    by = ("experiment", "metric", "arm")
    effect = value(f'triage_experiment_effect{{stat="{stat}"}}', *by)
    limit = value(f'triage_experiment_limit{{role="{role}"}}', "experiment", "metric")
    return f"{effect} / on (experiment, metric) group_left () {limit}"


def _with_interval(role: str) -> tuple[Query, ...]:
    named = "{{experiment}} {{arm}}: {{metric}}"
    return (
        Query(_multiples(role, "value"), named),
        Query(_multiples(role, "low"), f"{named}, one end"),
        Query(_multiples(role, "high"), f"{named}, other end"),
    )


def _evidence(p: str) -> str:
    """Return how many zeros a p begins with: 3 is 0.001."""
    return f"0 - log10(clamp_min({p}, 1e-300))"


_GLANCE = Row(
    "At a glance",
    (
        Chart(
            title="What to do",
            description="The verdict on each arm. It is read from the report, whose reasons are "
            "in `triage experiment report` and on the operators' page.",
            unit=Unit.COUNT,
            kind="figures",
            calm="blue",
            steps=(Step(1, "green"), Step(2, "yellow"), Step(3, "orange"), Step(4, "red")),
            words=(
                ("0", "keep running"),
                ("1", "ship"),
                ("2", "stop, no effect"),
                ("3", "roll back"),
                ("4", "invalid"),
            ),
            queries=(Query(value("triage_experiment_decision", "experiment", "arm"), _NAMES),),
            width=8,
            height=5,
        ),
        Chart(
            title="Of the planned persons",
            description="People who came, as a share of those by whom it is decided. Once all "
            "have come, the fixed test judges, and once only.",
            unit=Unit.SHARE,
            kind="figures",
            calm="blue",
            queries=(
                Query(
                    f"{_CAME} / {value('triage_experiment_planned_persons', 'experiment')}",
                    "{{experiment}}",
                ),
            ),
            width=6,
            height=5,
        ),
        Chart(
            title="Guardrails broken",
            description="Metrics that must not get worse and did, wholly beyond their margin. "
            "Take the arm back.",
            unit=Unit.COUNT,
            kind="figures",
            steps=(Step(1, "red"),),
            queries=(Query(f"sum by (experiment) ({_BROKEN})", "{{experiment}}"),),
            width=5,
            height=5,
            decimals=0,
        ),
        Chart(
            title="Computed",
            description="How long ago a worker computed an experiment last. It does so every ten "
            "minutes, unless TRIAGE_EXPERIMENT_SECONDS says otherwise.",
            unit=Unit.SECONDS,
            kind="figures",
            steps=(Step(1_800, "orange"), Step(3_600, "red")),
            queries=(
                Query(
                    "time() - "
                    + value("triage_experiment_computed_timestamp_seconds", "experiment"),
                    "{{experiment}}",
                ),
            ),
            width=5,
            height=5,
        ),
    ),
)

_WHO = Row(
    "Who came",
    (
        Chart(
            title="People by arm",
            description="People by the arm that they saw first. Lines that part although the arms "
            "have equal weights mean a mismatch; see beside.",
            unit=Unit.COUNT,
            queries=(Query(_EXPOSED, _NAMES),),
            width=8,
        ),
        Chart(
            title="Evidence of a wrong sample ratio",
            description="The number of zeros of p: 3 means that such a split comes once in a "
            "thousand times. From the dashed line on the experiment is invalid.",
            unit=Unit.COUNT,
            steps=(Step(3, "red"),),
            queries=(Query(_evidence(_RATIO), "{{experiment}}"),),
            width=8,
        ),
        Chart(
            title="People who saw several arms",
            description="As a share of all who came. Above the dashed line the experiment is "
            "invalid: `user_ref` is not stable, or people were dealt anew.",
            unit=Unit.SHARE,
            steps=(Step(0.01, "red"),),
            queries=(
                Query(
                    f"{value('triage_experiment_several_arms', 'experiment')} / ({_CAME} > 0)",
                    "{{experiment}}",
                ),
            ),
            width=8,
        ),
    ),
)

_EFFECTS = Row(
    "What the arms do",
    (
        Chart(
            title="Effect on the primary metrics",
            description="In multiples of the smallest effect that matters, upwards what is good: "
            "0 is no effect, 1 is just worth it. The interval may be looked at every day; once "
            "it is wholly above 0 the metric is better, wholly within ±1 nothing matters.",
            unit=Unit.TIMES,
            steps=(Step(1, "green"),),
            queries=_with_interval("primary"),
            height=10,
        ),
        Chart(
            title="Harm to the guardrails",
            description="In multiples of the margin, upwards what is bad: 0 is no harm, 1 is the "
            "margin. Once an interval is wholly above the dashed line the guardrail is broken; "
            "wholly below, it holds.",
            unit=Unit.TIMES,
            steps=(Step(1, "red"),),
            queries=_with_interval("guardrail"),
            height=10,
        ),
        Chart(
            title="Evidence of an effect, by metric",
            description="The number of zeros of p after corrections for many metrics: above the "
            "dashed line it is below 0.05. Until the planned persons have come, p is one that "
            "may be looked at every day.",
            unit=Unit.COUNT,
            steps=(Step(1.301, "green"),),
            queries=(
                Query(
                    _evidence(
                        value(
                            'triage_experiment_effect{stat="p_value"}',
                            "experiment",
                            "metric",
                            "arm",
                        )
                    ),
                    "{{experiment}} {{arm}}: {{metric}}",
                ),
            ),
        ),
        Chart(
            title="Guardrails, broken or not",
            description="1 while the whole interval of a guardrail lies beyond its margin. An "
            "alert is sent, and the verdict is to roll back.",
            unit=Unit.COUNT,
            top=1,
            queries=(Query(_BROKEN, "{{experiment}} {{arm}}: {{metric}}"),),
        ),
    ),
)

PAGE = Page(
    uid="triage-experiments",
    title="Triage: experiments",
    description="Who came to each experiment, whether its data can be trusted, what its arms do to "
    "people, and what to do. The report of an experiment tells everything else.",
    rows=(_GLANCE, _WHO, _EFFECTS),
    start="now-7d",
    refresh="5m",
)
