"""Every metric there is: its name, what it counts, its labels and its buckets.

Names follow the OpenTelemetry conventions for generative AI where those have one. Counters and
histograms are of one process; gauges marked as kept in the storage are read from there at each
scrape and are the same at every process: take their `max`, never their `sum`.
"""

from typing import Literal

from msgspec import Struct

Kind = Literal["counter", "gauge", "histogram"]

DURATION_SECONDS = tuple(0.01 * 2**n for n in range(16))
"""OpenTelemetry's 0.01 to 81.92, and twice doubled for analyses: up to 327.68."""
OVERHEAD_SECONDS = (
    0.0001, 0.0002, 0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0,
)  # fmt: skip
CASE_USD = (1e-4, 3e-4, 1e-3, 3e-3, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0)
CASE_SECONDS = (1.0, 5.0, 15.0, 30.0, 60.0, 120.0, 300.0, 600.0, 1200.0, 1800.0, 3600.0, 86400.0)


class Metric(Struct, frozen=True, kw_only=True):
    """One metric as it is declared."""

    name: str
    kind: Kind
    help: str
    labels: tuple[str, ...] = ()
    buckets: tuple[float, ...] = ()
    kept: bool = False
    """A gauge that is read from the storage: every process of an installation tells the same."""


def _counter(name: str, what: str, *labels: str) -> Metric:
    return Metric(name=name, kind="counter", help=what, labels=labels)


def _gauge(name: str, what: str, *labels: str) -> Metric:
    return Metric(name=name, kind="gauge", help=what, labels=labels)


def _kept(name: str, what: str, *labels: str) -> Metric:
    return Metric(name=name, kind="gauge", help=what, labels=labels, kept=True)


def _histogram(name: str, what: str, buckets: tuple[float, ...], *labels: str) -> Metric:
    return Metric(name=name, kind="histogram", help=what, labels=labels, buckets=buckets)


# Calls of models: one for each attempt, and its money.

_CALL = ("provider", "model", "operation")

AI_CALLS = _counter(
    "triage_ai_calls_total",
    "Attempts at models; error_type is `none` where one completed.",
    *_CALL,
    "outcome",
    "error_type",
)
AI_DURATION = _histogram(
    "gen_ai_client_operation_duration_seconds",
    "How long attempts took, whatever became of them.",
    DURATION_SECONDS,
    *_CALL,
)
AI_FIRST_CHUNK = _histogram(
    "gen_ai_client_operation_time_to_first_chunk_seconds",
    "How long attempts took to their first visible text.",
    DURATION_SECONDS,
    *_CALL,
)
AI_INPUT_TOKENS = _counter(
    "gen_ai_client_inference_usage_input_tokens_total",
    "Tokens read, those from and into the provider's cache included.",
    *_CALL,
)
AI_OUTPUT_TOKENS = _counter(
    "gen_ai_client_inference_usage_output_tokens_total",
    "Tokens written, those of reasoning included.",
    *_CALL,
)
AI_CACHE_READ_TOKENS = _counter(
    "gen_ai_client_inference_usage_cache_read_input_tokens_total",
    "Tokens read from the provider's cache; part of the input.",
    *_CALL,
)
AI_CACHE_WRITE_TOKENS = _counter(
    "gen_ai_client_inference_usage_cache_write_input_tokens_total",
    "Tokens written into the provider's cache; part of the input.",
    *_CALL,
)
AI_REASONING_TOKENS = _counter(
    "gen_ai_client_inference_usage_reasoning_output_tokens_total",
    "Tokens of reasoning; part of the output.",
    *_CALL,
)
AI_TOKENS = (
    AI_INPUT_TOKENS,
    AI_OUTPUT_TOKENS,
    AI_CACHE_READ_TOKENS,
    AI_CACHE_WRITE_TOKENS,
    AI_REASONING_TOKENS,
)
AI_COST = _counter(
    "triage_ai_cost_usd_total",
    "What attempts cost; source says how that is known.",
    *_CALL,
    "arm",
    "source",
)
AI_UNPRICED = _counter(
    "triage_ai_unpriced_calls_total",
    "Attempts whose cost is not known because the model has no price.",
    "provider",
    "model",
)
BREAKER_OPEN = _gauge(
    "triage_breaker_open",
    "1 while a model is passed over because it failed lately, else 0.",
    "provider",
    "model",
)
PRICE_CATALOG_AGE = _gauge(
    "triage_price_catalog_age_seconds", "How old the catalogue of prices is."
)

# Money by the ledger, and budgets.

AI_SPEND = _kept(
    "triage_ai_spend_usd", "Spent in the hour, day or month (UTC) that runs.", "window"
)
BUDGET_LIMIT = _kept("triage_budget_limit_usd", "The budget of a period.", "scope", "period")
BUDGET_SPENT = _kept(
    "triage_budget_spent_usd", "Spent of the budget in the period that runs.", "scope", "period"
)
BUDGET_RESERVED = _kept(
    "triage_budget_reserved_usd", "Reserved for calls that are under way.", "scope", "period"
)
BUDGET_PERIOD_END = _kept(
    "triage_budget_period_end_timestamp_seconds", "When the period ends.", "scope", "period"
)
BUDGET_ACTIONS = _counter(
    "triage_budget_actions_total",
    "What was done with less than planned because a budget ran out.",
    "action",
)

# Cases and turns.

CASES = _counter(
    "triage_cases_total",
    "Cases started, completed, and abandoned: gone without an end.",
    "status",
    "arm",
    "playbook",
)
CASE_COST = _histogram(
    "triage_case_cost_usd",
    "What a case cost up to its first result; only where every price is known.",
    CASE_USD,
    "strategy",
    "arm",
)
CASE_DURATION = _histogram(
    "triage_case_duration_seconds",
    "Time from opening a case to its first result.",
    CASE_SECONDS,
    "strategy",
    "arm",
)
TURNS = _counter(
    "triage_turns_total",
    "Turns that were committed, by how they ended and who answered.",
    "outcome",
    "interviewer",
)
TURN_DURATION = _histogram(
    "triage_turn_duration_seconds",
    "Time from accepting a command to its commit.",
    DURATION_SECONDS,
    "interviewer",
)
TURN_FIRST_WORD = _histogram(
    "triage_turn_first_word_seconds",
    "Time from accepting a message to the first word of its answer.",
    DURATION_SECONDS,
    "interviewer",
)
TURN_OVERHEAD = _histogram(
    "triage_turn_overhead_seconds",
    "Our own share of a turn: from its claim to its commit without the providers' time and pauses.",
    OVERHEAD_SECONDS,
)
TURN_TAKEOVERS = _counter(
    "triage_turn_takeovers_total", "Turns that went on here after their owner had died."
)
STREAMS_OPEN = _gauge("triage_streams_open", "Event streams that are open.")
STREAM_RESUMES = _counter(
    "triage_stream_resumes_total", "Streams that went on from a place that was seen before."
)
PROBLEMS = _counter(
    "triage_problems_total",
    "Requests that were answered with a problem, by its kind.",
    "problem",
    "status",
)
ORPHANED = _kept(
    "triage_orphaned_conversations",
    "Cases with a turn that nobody has worked on for 10 s.",
)
HANDOFFS = _kept("triage_handoffs_open", "Cases in which a human is waited for or answers.")

# Background work.

JOBS = _counter(
    "triage_jobs_total",
    "What became of each time a worker began with an analysis.",
    "queue",
    "outcome",
)
JOB_WAIT = _histogram(
    "triage_job_wait_seconds",
    "Time from asking for an analysis to the first worker that began with it.",
    DURATION_SECONDS,
    "queue",
)
JOB_DURATION = _histogram(
    "triage_job_duration_seconds",
    "Time a worker took, from beginning with an analysis to its result.",
    DURATION_SECONDS,
    "queue",
)
QUEUE_DEPTH = _kept("triage_queue_depth", "Analyses that are not over, those in work included.",
                    "queue")  # fmt: skip
QUEUE_AGE = _kept(
    "triage_queue_oldest_age_seconds",
    "For how long the oldest analysis that nobody works on has waited.",
    "queue",
)
DEAD_LETTERS = _kept("triage_dead_letters", "What was given up and waits for an operator.", "kind")
WORKERS = _kept("triage_workers", "Workers that gave a sign of life within 15 s.")
WORKER_SLOTS = _kept("triage_worker_slots", "How many analyses all workers take at once.", "queue")
DELIVERIES = _counter(
    "triage_deliveries_total", "Attempts to tell the world, by what became of them.", "kind",
    "outcome",
)  # fmt: skip
FACTS_WAITING = _kept("triage_facts_waiting", "Events that wait to be written into the warehouse.")
FACTS_AGE = _kept(
    "triage_facts_oldest_age_seconds", "For how long the oldest of these events has waited."
)
FACTS_LOST = _kept(
    "triage_facts_lost", "Events that found no room because no worker drained them, ever."
)
SWEEPS = _counter("triage_sweeps_total", "How often this worker has tidied the indexes.")
SWEPT = _counter(
    "triage_swept_total",
    "Cases that a sweep forgot because they are gone, or found with a forgotten turn.",
    "what",
)
REPORT_SENT = _kept(
    "triage_report_sent_timestamp_seconds",
    "When a report was sent last; absent until one was.",
    "report",
)

# The audit trail.

AUDIT_FAILURES = _counter(
    "triage_audit_failures_total", "Entries of the audit trail that could not be written."
)
AUDIT_ENTRIES = _kept("triage_audit_entries", "Entries that were ever written, trimmed ones too.")
AUDIT_BROKEN = _kept(
    "triage_audit_broken",
    "The entry at which the audit trail did not hold when a worker last verified it, 0 where it"
    " did.",
)

# The cache of similar analyses.

CACHE_REQUESTS = _counter(
    "triage_cache_requests_total",
    "Look-ups in the cache of similar analyses; `barred` may not be served from others.",
    "analysis",
    "result",
)
CACHE_SAVED = _counter(
    "triage_cache_saved_usd_total", "What the spared analyses had cost.", "analysis"
)

# The storage and the process.

STORAGE_UP = _gauge("triage_storage_up", "1 while the storage answers this process, else 0.")
STORAGE_PING = _gauge("triage_storage_ping_seconds", "Round trip to the storage.")
STORAGE_MEMORY = _kept(
    "triage_storage_memory_bytes", "Memory of the storage; limit 0 means none.", "what"
)
BUILD_INFO = _gauge("triage_build_info", "Always 1; its labels tell what runs.", "version",
                    "python", "process")  # fmt: skip

# Experiments; a worker computes their values every ten minutes.

EXPERIMENT_EXPOSURES = _kept(
    "triage_experiment_exposures", "People who saw an arm first.", "experiment", "arm"
)
EXPERIMENT_PLANNED = _kept(
    "triage_experiment_planned_persons", "By how many persons it is decided.", "experiment"
)
EXPERIMENT_EFFECT = _kept(
    "triage_experiment_effect",
    "Effect on a metric against the control as the verdict reads it: stat is `value`, `low`, `high`"
    " or `p_value`; in the metric's unit, shares from -1 to 1.",
    "experiment",
    "metric",
    "arm",
    "stat",
)
EXPERIMENT_LIMIT = _kept(
    "triage_experiment_limit",
    "Of primaries the smallest effect that matters, with the sign of what is good; of guardrails"
    " the difference, with the sign of what is bad, beyond which they are broken.",
    "experiment",
    "metric",
    "role",
)
EXPERIMENT_SAMPLE_RATIO = _kept(
    "triage_experiment_sample_ratio_p_value",
    "How likely such a split of people is by chance, as the verdict reads it; close to 0 is a"
    " mismatch.",
    "experiment",
)
EXPERIMENT_SEVERAL = _kept(
    "triage_experiment_several_arms", "People who saw several arms.", "experiment"
)
EXPERIMENT_GUARDRAIL = _kept(
    "triage_experiment_guardrail_broken",
    "1 where an arm has harmed a metric that must not get worse, else 0.",
    "experiment",
    "metric",
    "arm",
)
EXPERIMENT_DECISION = _kept(
    "triage_experiment_decision",
    "What to do with an arm: 0 keep running, 1 ship, 2 stop for want of an effect, 3 roll back,"
    " 4 invalid.",
    "experiment",
    "arm",
)
EXPERIMENT_COMPUTED = _kept(
    "triage_experiment_computed_timestamp_seconds", "When it was computed last.", "experiment"
)

DECLARED: tuple[Metric, ...] = tuple(
    value for value in tuple(globals().values()) if isinstance(value, Metric)
)
