"""The page about speed and success: of the models, of our own part, and of the work behind."""

from dashboards.asking import CALLS, FAILED, only_some, per_second, quantile, success, value
from dashboards.building import Chart, Page, Query, Row, Step, Unit

_DURATION = "gen_ai_client_operation_duration_seconds"
_FIRST = "gen_ai_client_operation_time_to_first_chunk_seconds"


def _quantiles(histogram: str, where: str = "") -> tuple[Query, ...]:
    return (
        Query(quantile(0.5, histogram, where=where), "half are faster (p50)"),
        Query(quantile(0.95, histogram, where=where), "95 % are faster (p95)"),
        Query(quantile(0.99, histogram, where=where), "99 % are faster (p99)"),
    )


_GLANCE = Row(
    "At a glance",
    (
        Chart(
            title="Calls of models that succeed",
            description="Share of attempts that completed, of all that we did not give up "
            "ourselves. A failed attempt is repeated at another model, so people notice fewer "
            "than this says.",
            unit=Unit.SHARE,
            kind="figures",
            calm="red",
            steps=(Step(0.95, "orange"), Step(0.99, "green")),
            decimals=2,
            queries=(Query(success(), "succeed"),),
            width=6,
            height=5,
        ),
        Chart(
            title="First word, 95 % within",
            description="From a person's message to the first word of the answer, as the person "
            "sees it: everything included.",
            unit=Unit.SECONDS,
            kind="figures",
            steps=(Step(2.5, "orange"), Step(5, "red")),
            queries=(Query(quantile(0.95, "triage_turn_first_word_seconds"), "95 % within"),),
            width=6,
            height=5,
        ),
        Chart(
            title="Our own share, 95 % within",
            description="The part of a turn that is Triage's own doing: the time of the providers "
            "and the pauses of pacing are not in it.",
            unit=Unit.SECONDS,
            kind="figures",
            steps=(Step(0.05, "orange"), Step(0.1, "red")),
            queries=(Query(quantile(0.95, "triage_turn_overhead_seconds"), "95 % within"),),
            width=6,
            height=5,
        ),
        Chart(
            title="Conversations open",
            description="Event streams that are open at this moment, over all instances: people "
            "who wait for words.",
            unit=Unit.COUNT,
            kind="figures",
            calm="blue",
            queries=(Query("sum(triage_streams_open)", "streams"),),
            width=6,
            height=5,
            decimals=0,
        ),
    ),
)

_MODELS = Row(
    "Models",
    (
        Chart(
            title="Time to the first words of a model",
            description="From asking a model to its first visible text, in the interview. It is "
            "what people wait for; the dashed line is our objective for 95 % of calls.",
            unit=Unit.SECONDS,
            steps=(Step(2.56, "orange"),),
            queries=_quantiles(_FIRST, 'operation="interview"'),
        ),
        Chart(
            title="Duration of calls",
            description="From asking a model to the end of its answer, of calls of every purpose.",
            unit=Unit.SECONDS,
            queries=_quantiles(_DURATION),
        ),
        Chart(
            title="Time to the first words by model",
            description="95 % of a model's calls say their first words within this time. One line "
            "that climbs away from the others is a provider in trouble.",
            unit=Unit.SECONDS,
            queries=(Query(quantile(0.95, _FIRST, "provider", "model"), "{{provider}} {{model}}"),),
        ),
        Chart(
            title="Duration by purpose",
            description="95 % of calls end within this time, by what was asked for. Analyses take "
            "far longer than the interview, and nobody watches them.",
            unit=Unit.SECONDS,
            queries=(Query(quantile(0.95, _DURATION, "operation"), "{{operation}}"),),
        ),
    ),
)

_SUCCESS = Row(
    "Success",
    (
        Chart(
            title="Models passed over",
            description="1 while a model is not asked because it failed lately: its breaker is "
            "open.",
            unit=Unit.COUNT,
            top=1,
            queries=(
                Query("max by (provider, model) (triage_breaker_open)", "{{provider}} {{model}}"),
            ),
        ),
        Chart(
            title="Success by model",
            description="Share of attempts that completed, by model. Below the dashed line for "
            "some minutes an alert is sent.",
            unit=Unit.SHARE,
            steps=(Step(0.95, "red"),),
            top=1,
            queries=(Query(success("provider", "model"), "{{provider}} {{model}}"),),
        ),
        Chart(
            title="Calls by outcome",
            description="Attempts a second by how they ended. `cut` lost its end, `invalid` broke "
            "the agreed form, `cancelled` was given up by us, often because the person spoke on.",
            unit=Unit.PER_SECOND,
            stacked=True,
            queries=(Query(per_second(CALLS, "outcome"), "{{outcome}}"),),
        ),
        Chart(
            title="Failures by cause",
            description="Failed attempts a second by cause. `rate_limited` asks for a higher "
            "quota or a second provider; `timeout` and `overloaded` are theirs to mend.",
            unit=Unit.PER_SECOND,
            stacked=True,
            queries=(
                Query(
                    only_some(
                        per_second(CALLS, "provider", "error_type", where=FAILED),
                        "error_type",
                        "none",
                    ),
                    "{{provider}} {{error_type}}",
                ),
            ),
        ),
    ),
)

_PEOPLE = Row(
    "What people notice",
    (
        Chart(
            title="First word of an answer",
            description="From a person's message to the first word of the answer. In the guided "
            "interview no model is asked: it is there at once.",
            unit=Unit.SECONDS,
            queries=(
                Query(
                    quantile(0.95, "triage_turn_first_word_seconds", "interviewer"),
                    "{{interviewer}}, 95 % within",
                ),
                Query(
                    quantile(0.5, "triage_turn_first_word_seconds", "interviewer"),
                    "{{interviewer}}, half within",
                ),
            ),
            width=8,
        ),
        Chart(
            title="Turns by outcome",
            description="Turns a second by how they ended. Each `failed` one is a bug that a "
            "person has seen: look for `turn.failed` in the log.",
            unit=Unit.PER_SECOND,
            stacked=True,
            queries=(Query(per_second("triage_turns_total", "outcome"), "{{outcome}}"),),
            width=8,
        ),
        Chart(
            title="From opening a case to its result",
            description="Half of all cases have their first result within this time, by how the "
            "result is made. People think and type meanwhile: most of it is theirs.",
            unit=Unit.SECONDS,
            queries=(
                Query(quantile(0.5, "triage_case_duration_seconds", "strategy"), "{{strategy}}"),
            ),
            width=8,
        ),
    ),
)

_OWN = Row(
    "Our own part",
    (
        Chart(
            title="Our own share of a turn",
            description="What Triage itself adds to a turn: reading, deciding, storing. It should "
            "lie in milliseconds; above the dashed line look at the processor and at Valkey.",
            unit=Unit.SECONDS,
            steps=(Step(0.1, "red"),),
            queries=_quantiles("triage_turn_overhead_seconds"),
            width=8,
        ),
        Chart(
            title="Open streams by instance",
            description="Event streams that are open, by API instance. Unequal lines mean that "
            "the load balancer favours one.",
            unit=Unit.COUNT,
            queries=(Query("sum by (instance) (triage_streams_open)", "{{instance}}"),),
            width=8,
        ),
        Chart(
            title="Resumed streams and takeovers",
            description="Streams that went on elsewhere after a lost connection, and turns that "
            "went on at another instance after theirs had died, in an hour. Takeovers without a "
            "release mean that instances crash.",
            unit=Unit.COUNT,
            queries=(
                Query("sum(increase(triage_stream_resumes_total[1h]))", "resumed streams"),
                Query("sum(increase(triage_turn_takeovers_total[1h]))", "takeovers"),
            ),
            width=8,
        ),
    ),
)

_BEHIND = Row(
    "Analyses in the background",
    (
        Chart(
            title="Wait for a worker",
            description="95 % of analyses are begun within this time after they were asked for, "
            "by queue. It should be milliseconds: more means that all workers are busy, or gone.",
            unit=Unit.SECONDS,
            queries=(Query(quantile(0.95, "triage_job_wait_seconds", "queue"), "{{queue}}"),),
            width=8,
        ),
        Chart(
            title="Duration of analyses",
            description="95 % of analyses are made within this time once a worker has begun, by "
            "queue. Nearly all of it is models at work.",
            unit=Unit.SECONDS,
            queries=(Query(quantile(0.95, "triage_job_duration_seconds", "queue"), "{{queue}}"),),
            width=8,
        ),
        Chart(
            title="Analyses not over yet",
            description="Analyses that wait or are being made, by queue. A line that only climbs "
            "needs more workers.",
            unit=Unit.COUNT,
            queries=(Query(value("triage_queue_depth", "queue"), "{{queue}}"),),
            width=8,
        ),
    ),
)

PAGE = Page(
    uid="triage-performance",
    title="Triage: performance",
    description="How fast answers and analyses come, how many calls of models succeed, and what "
    "of the time is Triage's own. p95 is the time within which 95 of 100 are done.",
    rows=(_GLANCE, _MODELS, _SUCCESS, _PEOPLE, _OWN, _BEHIND),
)
