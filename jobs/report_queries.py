"""The questions that reports put to the warehouse, in SQL of both its engines.

Each takes the beginning and the end of a time. Percentiles are linear between the two nearest
values, as `percentile_cont` has them.
"""

from app.core.reporting.spans import QUARTER_MS

_DEAREST = 5
_TROUBLES = 40
_ARM = "CASE WHEN {0}.variation IS NULL THEN '' ELSE {0}.experiment || ':' || {0}.variation END"
_RANGE = "{0}.occurred_ms >= $1 AND {0}.occurred_ms < $2"
_BEGAN = f"{{0}}.occurred_ms - {{0}}.occurred_ms % {QUARTER_MS}"


def _count_if(condition: str) -> str:
    return f"COALESCE(sum(CASE WHEN {condition} THEN 1 ELSE 0 END), 0)"


def _spread(column: str, condition: str = "TRUE") -> str:
    """Return SQL for the four figures of a `Spread`."""
    kept = f"FILTER (WHERE {condition} AND {column} IS NOT NULL)"
    shares = [
        f"percentile_cont({share}) WITHIN GROUP (ORDER BY {column}) {kept}"
        for share in (0.5, 0.95, 0.99)
    ]
    return ", ".join([f"count(*) {kept}", *shares])


CELLS = f"""
SELECT {_BEGAN.format("m")} AS began, m.provider, m.model, m.operation, m.arm,
  {_count_if("m.outcome <> 'cached'")}, {_count_if("m.outcome = 'completed'")},
  {_count_if("m.outcome = 'cached'")}, {_count_if("m.source = 'unpriced'")},
  {_count_if("m.source = 'estimated'")}, sum(m.input), sum(m.cached), sum(m.output),
  COALESCE(sum(m.cost_nano_usd), 0), COALESCE(sum(m.saved_nano_usd), 0)
FROM ai_call m WHERE {_RANGE.format("m")} GROUP BY 1, 2, 3, 4, 5"""  # noqa: S608

TROUBLE = f"""
SELECT m.outcome, COALESCE(m.error, ''), m.source, m.model, m.operation, count(*) AS calls,
  COALESCE(sum(m.cost_nano_usd), 0)
FROM ai_call m WHERE {_RANGE.format("m")} AND m.outcome <> 'cached'
  AND (m.outcome <> 'completed' OR m.source IN ('estimated', 'unpriced'))
GROUP BY 1, 2, 3, 4, 5 ORDER BY calls DESC, 1, 2, 3, 4, 5 LIMIT {_TROUBLES}"""  # noqa: S608

DEAREST = f"""
SELECT m.case_id, count(*), sum(m.cost_nano_usd) AS cost
FROM ai_call m WHERE {_RANGE.format("m")} AND m.case_id <> '' AND m.outcome <> 'cached'
GROUP BY m.case_id HAVING sum(m.cost_nano_usd) > 0
ORDER BY cost DESC, m.case_id LIMIT {_DEAREST}"""  # noqa: S608

TRIAGES = f"""
WITH costs AS (
  SELECT c.case_id, {_ARM.format("c")} AS arm, COALESCE(sum(m.cost_nano_usd), 0) AS cost,
    {_count_if("m.source = 'unpriced'")} AS unpriced
  FROM triage_completed c LEFT JOIN ai_call m ON m.case_id = c.case_id
  WHERE {_RANGE.format("c")} GROUP BY 1, 2)
SELECT arm, count(*), avg(cost) FILTER (WHERE unpriced = 0), {_count_if("unpriced > 0")},
  {_spread("cost", "unpriced = 0")}
FROM costs GROUP BY GROUPING SETS ((), (arm)) ORDER BY grouping(arm) DESC, arm"""  # noqa: S608

CASES = f"""
WITH started AS (
  SELECT {_BEGAN.format("s")} AS began, {_ARM.format("s")} AS arm,
    EXISTS (SELECT 1 FROM triage_completed c WHERE c.case_id = s.case_id) AS completed,
    EXISTS (SELECT 1 FROM triage_abandoned a WHERE a.case_id = s.case_id) AS abandoned
  FROM triage_started s WHERE {_RANGE.format("s")})
SELECT began, arm, count(*), {_count_if("completed")}, {_count_if("abandoned AND NOT completed")}
FROM started GROUP BY 1, 2"""  # noqa: S608

PACES = f"""
WITH results AS (SELECT case_id, min(since_opened_ms) AS took FROM analysis_done
    WHERE outcome = 'done' GROUP BY case_id),
  cases AS (SELECT {_ARM.format("s")} AS arm, c.duration_ms AS interview, r.took AS result
    FROM triage_started s LEFT JOIN triage_completed c ON c.case_id = s.case_id
    LEFT JOIN results r ON r.case_id = s.case_id WHERE {_RANGE.format("s")})
SELECT arm, {_spread("interview")}, {_spread("result")}
FROM cases GROUP BY GROUPING SETS ((), (arm)) ORDER BY grouping(arm) DESC, arm"""  # noqa: S608

TURNS = f"""
SELECT count(*), {_count_if("t.outcome = 'completed'")}, {_count_if("t.outcome = 'cancelled'")},
  {_count_if("t.outcome = 'failed'")}, {_count_if("t.degraded")},
  {_spread("t.duration_ms", "t.outcome = 'completed'")}
FROM turn t WHERE {_RANGE.format("t")}"""  # noqa: S608

CALLS = f"""
SELECT m.model, m.operation, count(*), {_count_if("m.outcome = 'completed'")},
  {_spread("m.first_token_ms")}, {_spread("m.latency_ms", "m.outcome = 'completed'")}
FROM ai_call m WHERE {_RANGE.format("m")} AND m.outcome NOT IN ('cached', 'cancelled', 'lost')
GROUP BY 1, 2"""  # noqa: S608

ANALYSES = f"""
SELECT {_count_if("a.outcome = 'done'")}, {_count_if("a.outcome = 'given_up'")},
  {_count_if("a.background")}, {_count_if("a.attempts > 1")},
  {_count_if("a.outcome = 'done' AND a.strategy <> a.planned")}, {_count_if("a.cached")},
  {_spread("a.waited_ms", "a.background AND a.outcome = 'done'")}
FROM analysis_done a WHERE {_RANGE.format("a")}"""  # noqa: S608

SCORES_GIVEN = f"""
SELECT {_ARM.format("r")}, r.score, count(*) FROM latest_ratings r
WHERE {_RANGE.format("r")} GROUP BY 1, 2"""  # noqa: S608

REVIEWS = f"""
SELECT count(*), {_count_if("r.correct")} FROM latest_reviews r
WHERE {_RANGE.format("r")}"""  # noqa: S608
