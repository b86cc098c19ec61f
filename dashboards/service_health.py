"""The page about the service: are its promises kept, are its parts there, does work pile up."""

from dashboards.asking import only_some, per_second, value
from dashboards.building import Chart, Page, Query, Row, Step, Unit

_BURN = (Step(1, "yellow"), Step(6, "orange"), Step(14.4, "red"))


def _burn(of: str) -> tuple[Query, ...]:
    return (
        Query(f"triage:{of}:burn_rate1h", "last hour"),
        Query(f"triage:{of}:burn_rate6h", "last 6 hours"),
        Query(f"triage:{of}:burn_rate3d", "last 3 days"),
    )


_GLANCE = Row(
    "At a glance",
    (
        Chart(
            title="Alerts",
            description="Alerts of Triage that fire at this moment. Each has a page in "
            "docs/runbooks that says what to do.",
            unit=Unit.COUNT,
            kind="figures",
            steps=(Step(1, "red"),),
            queries=(
                Query(
                    'count(ALERTS{alertname=~"Triage.+", alertstate="firing"}) or vector(0)',
                    "firing",
                ),
            ),
            width=4,
            height=5,
        ),
        Chart(
            title="Processes",
            description="API instances and workers that Prometheus reaches, and those that it "
            "does not.",
            unit=Unit.COUNT,
            kind="figures",
            calm="blue",
            queries=(
                Query('sum by (job) (up{job=~"triage-.+"})', "{{job}} up"),
                Query('sum by (job) (1 - up{job=~"triage-.+"})', "{{job}} down"),
            ),
            width=8,
            height=5,
        ),
        Chart(
            title="Storage answers",
            description="Whether Valkey answers every process. Without it nothing new is "
            "accepted; what was acknowledged is kept.",
            unit=Unit.COUNT,
            kind="figures",
            calm="red",
            steps=(Step(1, "green"),),
            words=(("0", "no"), ("1", "yes")),
            queries=(Query("min(triage_storage_up)", "answers"),),
            width=4,
            height=5,
        ),
        Chart(
            title="Wait for an operator",
            description="Analyses and messages that were given up, and conversations that need a "
            "human. See `triage jobs list --state dead`, `triage webhooks deliveries --failed` "
            "and `triage handoff list`.",
            unit=Unit.COUNT,
            kind="figures",
            steps=(Step(1, "orange"),),
            queries=(
                Query(value("triage_dead_letters", "kind"), "{{kind}} given up"),
                Query(value("triage_handoffs_open"), "people who wait for a human"),
            ),
            width=8,
            height=5,
        ),
    ),
)

_PROMISES = Row(
    "Promises",
    (
        Chart(
            title="Calls of models: budget for errors burns",
            description="We promise that 99 % of calls succeed. At 1 the errors allowed for 30 "
            "days last exactly 30 days, at 14.4 they are gone in 2. Dashed lines are where alerts "
            "begin.",
            unit=Unit.TIMES,
            steps=_BURN,
            queries=_burn("ai_errors"),
        ),
        Chart(
            title="First words: budget for slowness burns",
            description="We promise that 95 % of the interview's calls say their first words "
            "within 2.56 s. At 1 the slow calls allowed for 30 days last exactly 30 days.",
            unit=Unit.TIMES,
            steps=_BURN,
            queries=_burn("ai_slow"),
        ),
    ),
)

_WORK = Row(
    "Work",
    (
        Chart(
            title="Cases",
            description="Cases in an hour: opened, completed, and abandoned, which means gone "
            "without an end.",
            unit=Unit.COUNT,
            queries=(Query("sum by (status) (increase(triage_cases_total[1h]))", "{{status}}"),),
            width=8,
        ),
        Chart(
            title="Refused requests",
            description="Requests a second that were answered with a problem, by its kind. Many "
            "of one kind are a broken client, or somebody who tries doors.",
            unit=Unit.PER_SECOND,
            stacked=True,
            queries=(
                Query(
                    only_some(
                        per_second("triage_problems_total", "problem", "status"), "problem", "none"
                    ),
                    "{{status}} {{problem}}",
                ),
            ),
            width=8,
        ),
        Chart(
            title="Orphaned conversations",
            description="Cases with a turn that nobody has worked on for 10 seconds. Takeovers "
            "should keep this at zero; else no instance is well.",
            unit=Unit.COUNT,
            queries=(Query(value("triage_orphaned_conversations"), "conversations"),),
            steps=(Step(1, "red"),),
            width=8,
        ),
    ),
)

_WORKERS = Row(
    "Workers",
    (
        Chart(
            title="Workers alive",
            description="Workers that gave a sign of life within 15 seconds. Two survive each "
            "other's death without a pause; without any, analyses wait.",
            unit=Unit.COUNT,
            queries=(Query(value("triage_workers"), "workers"),),
            width=8,
        ),
        Chart(
            title="Oldest analysis that waits",
            description="For how long the oldest analysis has waited that nobody works on, by "
            "queue. Above the dashed line an alert is sent.",
            unit=Unit.SECONDS,
            steps=(Step(60, "red"),),
            queries=(Query(value("triage_queue_oldest_age_seconds", "queue"), "{{queue}}"),),
            width=8,
        ),
        Chart(
            title="Analyses by what became of them",
            description="How often in an hour a worker ended with an analysis, by queue and "
            "outcome.",
            unit=Unit.COUNT,
            stacked=True,
            queries=(
                Query(
                    only_some(
                        "sum by (queue, outcome) (increase(triage_jobs_total[1h]))",
                        "outcome",
                        "none",
                    ),
                    "{{queue}} {{outcome}}",
                ),
            ),
            width=8,
        ),
        Chart(
            title="Messages to the world",
            description="Attempts a second to deliver webhooks and push messages, by what became "
            "of them. A failed attempt is repeated; what is given up is counted above.",
            unit=Unit.PER_SECOND,
            stacked=True,
            queries=(
                Query(
                    only_some(
                        per_second("triage_deliveries_total", "kind", "outcome"), "outcome", "none"
                    ),
                    "{{kind}} {{outcome}}",
                ),
            ),
            width=8,
        ),
        Chart(
            title="Events on their way to the warehouse",
            description="Events that wait to be written into the warehouse. It is emptied by a "
            "worker every few seconds; a line that only climbs means that none does.",
            unit=Unit.COUNT,
            queries=(Query(value("triage_facts_waiting"), "events"),),
            width=8,
        ),
        Chart(
            title="Sweeps",
            description="How often in an hour workers have tidied the indexes: about 120 times.",
            unit=Unit.COUNT,
            queries=(Query("sum(increase(triage_sweeps_total[1h]))", "sweeps"),),
            width=8,
        ),
    ),
)

_STORAGE = Row(
    "Valkey",
    (
        Chart(
            title="Round trip to the storage",
            description="What a PING of Valkey takes, by process. It is part of every turn: on "
            "one machine it should lie well below a millisecond.",
            unit=Unit.SECONDS,
            queries=(Query("max by (instance) (triage_storage_ping_seconds)", "{{instance}}"),),
        ),
        Chart(
            title="Memory of the storage",
            description="Memory that Valkey uses, and its limit; a limit of zero means that it "
            "has none. When it is full, nothing new is accepted.",
            unit=Unit.BYTES,
            queries=(Query(value("triage_storage_memory_bytes", "what"), "{{what}}"),),
        ),
    ),
)

_PROCESSES = Row(
    "Processes",
    (
        Chart(
            title="Processor time",
            description="Share of one processor core that each process takes. At 100 % a process "
            "cannot do more: start another one.",
            unit=Unit.SHARE,
            queries=(
                Query(
                    'rate(process_cpu_seconds_total{job=~"triage-.+"}[$__rate_interval])',
                    "{{job}} {{instance}}",
                ),
            ),
            width=8,
        ),
        Chart(
            title="Memory of processes",
            description="Memory that each process holds. A line that only climbs is a leak: "
            "please report it.",
            unit=Unit.BYTES,
            queries=(
                Query('process_resident_memory_bytes{job=~"triage-.+"}', "{{job}} {{instance}}"),
            ),
            width=8,
        ),
        Chart(
            title="Versions",
            description="How many processes run which version. Two versions for longer than a "
            "release takes mean that one was forgotten.",
            unit=Unit.COUNT,
            queries=(
                Query("count by (process, version) (triage_build_info)", "{{process}} {{version}}"),
            ),
            width=8,
        ),
    ),
)

PAGE = Page(
    uid="triage-service-health",
    title="Triage: service health",
    description="Whether the service keeps its promises, whether its parts are there, and whether "
    "work piles up. Begin here when something is wrong.",
    rows=(_GLANCE, _PROMISES, _WORK, _WORKERS, _STORAGE, _PROCESSES),
)
