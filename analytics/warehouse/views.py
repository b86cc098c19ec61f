"""The views, in SQL that both engines take: cases as a whole, and what GrowthBook reads.

Times are UTC timestamps without a zone. Money is in USD here and whole nano-USD in the tables.
"""

from collections.abc import Callable, Mapping

Dialect = Mapping[str, str]
"""Where engines differ: `timestamp` turns milliseconds into a timestamp; `first_exposures`, where
it is there, finds each person's first exposure in a way that the engine is quick at.
"""


_NANO = 1_000_000_000


def _time(dialect: Dialect, column: str) -> str:
    return dialect["timestamp"].format(column)


def _per(expression: str, unit: int = 1) -> str:
    return f"CAST({expression} AS DOUBLE PRECISION) / {unit}"


def _latest_results(_: Dialect) -> str:
    return """
SELECT DISTINCT ON (case_id) * FROM analysis_done WHERE outcome = 'done'
ORDER BY case_id, turn DESC, occurred_ms DESC, id"""


def _latest_ratings(_: Dialect) -> str:
    return "SELECT DISTINCT ON (case_id) * FROM rating ORDER BY case_id, occurred_ms DESC, id"


def _latest_reviews(_: Dialect) -> str:
    """Return what counts for each case: what settled it, or else each reviewer's latest."""
    return """
SELECT DISTINCT ON (r.case_id, r.reviewer) r.* FROM review r
LEFT JOIN (SELECT DISTINCT ON (case_id) case_id, id FROM review WHERE settles
  ORDER BY case_id, occurred_ms DESC, id) s ON s.case_id = r.case_id
WHERE s.id IS NULL OR s.id = r.id
ORDER BY r.case_id, r.reviewer, r.occurred_ms DESC, r.id"""


def _cases(dialect: Dialect) -> str:
    return f"""
SELECT s.case_id, s.person AS user_id, s.playbook, s.playbook_version, s.locale, s.variant,
  s.experiment AS experiment_id, s.variation AS variation_id,
  {_time(dialect, "s.occurred_ms")} AS started_at,
  {_time(dialect, "c.occurred_ms")} AS completed_at,
  CASE WHEN c.id IS NOT NULL THEN 'completed' WHEN a.id IS NOT NULL THEN 'abandoned'
    ELSE 'open' END AS status,
  {_per("c.duration_ms", 1_000)} AS interview_seconds,
  {_per("f.since_opened_ms", 1_000)} AS result_seconds,
  t.turns, c.questions, c.handoff, r.code, r.urgency, r.complexity, r.needs_human, r.strategy,
  r.cached, g.score AS rating, v.reviews, v.correct AS reviews_correct,
  m.calls AS ai_calls, m.unpriced AS ai_calls_unpriced, m.cost_usd, m.saved_usd
FROM triage_started s
LEFT JOIN triage_completed c ON c.case_id = s.case_id
LEFT JOIN triage_abandoned a ON a.case_id = s.case_id
LEFT JOIN latest_results r ON r.case_id = s.case_id
LEFT JOIN (SELECT case_id, min(since_opened_ms) AS since_opened_ms FROM analysis_done
  WHERE outcome = 'done' GROUP BY case_id) f ON f.case_id = s.case_id
LEFT JOIN latest_ratings g ON g.case_id = s.case_id
LEFT JOIN (SELECT case_id, count(*) AS reviews,
  sum(CASE WHEN correct THEN 1 ELSE 0 END) AS correct
  FROM latest_reviews GROUP BY case_id) v ON v.case_id = s.case_id
LEFT JOIN (SELECT case_id, count(*) AS turns FROM turn GROUP BY case_id) t
  ON t.case_id = s.case_id
LEFT JOIN (SELECT case_id, sum(CASE WHEN outcome <> 'cached' THEN 1 ELSE 0 END) AS calls,
  sum(CASE WHEN cost_nano_usd IS NULL THEN 1 ELSE 0 END) AS unpriced,
  {_per("sum(cost_nano_usd)", _NANO)} AS cost_usd,
  {_per("sum(saved_nano_usd)", _NANO)} AS saved_usd
  FROM ai_call GROUP BY case_id) m ON m.case_id = s.case_id"""


def _exposures(dialect: Dialect) -> str:
    return f"""
SELECT person AS user_id, {_time(dialect, "min(occurred_ms)")} AS timestamp,
  experiment_id, variation_id
FROM exposure GROUP BY person, experiment_id, variation_id"""


def _all_facts(dialect: Dialect) -> str:
    """Return every outcome as a fact with a value, whether anybody was exposed or not."""

    def one(fact: str, value: str, table: str, where: str = "") -> str:
        return (
            f"SELECT person AS user_id, {_time(dialect, 'occurred_ms')} AS timestamp,"
            f" '{fact}' AS fact, {value} AS value, case_id,"
            f" playbook, variant FROM {table} {where}"
        )

    nps = _per("CASE WHEN score >= 9 THEN 100 WHEN score <= 6 THEN -100 ELSE 0 END")
    known = "WHERE NOT EXISTS (SELECT 1 FROM triage_completed c WHERE c.case_id = a.case_id)"
    cost = (
        f"SELECT s.person AS user_id, {_time(dialect, 'm.occurred_ms')} AS timestamp,"
        f" 'cost_usd' AS fact, {_per('m.cost_nano_usd', _NANO)} AS value, m.case_id,"
        " s.playbook, s.variant FROM ai_call m JOIN triage_started s ON s.case_id = m.case_id"
        " WHERE m.cost_nano_usd IS NOT NULL"
    )
    return "\nUNION ALL\n".join(
        (
            one("started", _per("1"), "triage_started"),
            one("turn", _per("1"), "turn"),
            one("completed", _per("1"), "triage_completed"),
            one(
                "interview_seconds",
                _per("duration_ms", 1_000),
                "triage_completed",
            ),
            one("abandoned", _per("1"), "triage_abandoned a", known),
            one(
                "result_seconds",
                _per("since_opened_ms", 1_000),
                "latest_results",
            ),
            one("rating", _per("score"), "latest_ratings"),
            one("nps", nps, "latest_ratings"),
            one(
                "correct",
                _per("CASE WHEN correct THEN 1 ELSE 0 END"),
                "latest_reviews",
            ),
            cost,
        )
    )


def _facts(_: Dialect) -> str:
    return """
SELECT f.* FROM all_facts f
JOIN (SELECT user_id, min(timestamp) AS first_seen FROM exposures GROUP BY user_id) e
  ON e.user_id = f.user_id AND f.timestamp >= e.first_seen"""


FIRST_BY_PLACE = """
SELECT person AS user_id, experiment_id, arg_min(variation_id, place) AS variation_id,
  min(variation_id) <> max(variation_id) AS several, {timestamp} AS timestamp,
  arg_min(locale, place) AS locale, arg_min(playbook, place) AS playbook,
  arg_min(flags, place) AS flags
FROM (SELECT *, (occurred_ms << 20) + (hash(id) >> 44)::BIGINT AS place FROM exposure)
GROUP BY person, experiment_id"""
"""For engines that have `arg_min`: one pass, in which a column that nobody asks for costs nothing.

Of exposures in the same millisecond the one whose id has the least digest comes first.
"""


def _first_exposures(dialect: Dialect) -> str:
    if (quick := dialect.get("first_exposures")) is not None:
        return quick.format(timestamp=_time(dialect, "min(occurred_ms)"))
    return f"""
SELECT DISTINCT ON (e.person, e.experiment_id) e.person AS user_id, e.experiment_id,
  e.variation_id, v.several, {_time(dialect, "e.occurred_ms")} AS timestamp,
  e.locale, e.playbook, e.flags
FROM exposure e JOIN (SELECT person, experiment_id,
    min(variation_id) <> max(variation_id) AS several
  FROM exposure GROUP BY person, experiment_id) v
  ON v.person = e.person AND v.experiment_id = e.experiment_id
ORDER BY e.person, e.experiment_id, e.occurred_ms, e.variation_id, e.id"""


def _outcomes(_: Dialect) -> str:
    return """
SELECT e.experiment_id, e.variation_id, e.several, e.timestamp AS exposed_at, f.*
FROM first_exposures e
JOIN all_facts f ON f.user_id = e.user_id AND f.timestamp >= e.timestamp"""


VIEWS: Mapping[str, Callable[[Dialect], str]] = {
    "latest_results": _latest_results,
    "latest_ratings": _latest_ratings,
    "latest_reviews": _latest_reviews,
    "cases": _cases,
    "exposures": _exposures,
    "first_exposures": _first_exposures,
    "all_facts": _all_facts,
    "facts": _facts,
    "outcomes": _outcomes,
}
"""In the order in which they are made, since they build upon each other."""
