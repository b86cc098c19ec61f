"""Asks the warehouse what happened to whom, and brings back moments alone.

The unit is the person, who counts by the first variation they were exposed to; what happened before
their exposure is a covariate and never an outcome. Persons who were exposed to several variations
are counted, and left out of every metric. One question gives all metrics for each arm and group, so
that totals, what was known by each day, and slices are merges of the same rows.
"""

import datetime as dt
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from msgspec import Struct

from analytics.experiments.declaration import Declaration, Metric
from analytics.experiments.taken import Question, Taken
from analytics.moments import Count, JointMoments, Moments
from analytics.warehouse import Rows, Warehouse

_COLUMNS = ("n", "d", "pn", "pd")
"""Above and below the line, and both before the exposure."""


class Aggregate(Struct, frozen=True, kw_only=True):
    """What is known of a metric in one arm: persons below whose line something was counted."""

    joint: JointMoments
    """Of (above, below, above before, below before) for each person."""
    most: int
    """The largest count below the line of any person: 1 where everybody counts once."""
    successes: int
    """Persons with anything above the line."""
    had_before: int
    """Persons with anything below the line before their exposure."""
    logs: Moments
    """Of the logarithm of above over below, of persons where both are positive."""

    @property
    def is_single(self) -> bool:
        """Whether everybody counts once."""
        return self.most <= 1

    @property
    def count(self) -> Count:
        """Persons, and those who did it; only meaningful where everybody counts once."""
        return Count(n=self.joint.n, successes=self.successes)

    def merge(self, other: "Aggregate") -> "Aggregate":
        """Return both together."""
        return Aggregate(
            joint=self.joint.merge(other.joint),
            most=max(self.most, other.most),
            successes=self.successes + other.successes,
            had_before=self.had_before + other.had_before,
            logs=self.logs.merge(other.logs),
        )


class Group(Struct, frozen=True, kw_only=True):
    """An arm's persons of one group: of a day, or of a slice."""

    arm: str
    group: str
    persons: int
    metrics: Mapping[str, Aggregate]

    def merge(self, other: "Group") -> "Group":
        """Return both together, under the name of the second."""
        return Group(
            arm=other.arm,
            group=other.group,
            persons=self.persons + other.persons,
            metrics={name: one.merge(other.metrics[name]) for name, one in self.metrics.items()},
        )


class Evidence:
    """What the warehouse says of an experiment at one moment; every question is kept."""

    def __init__(self, warehouse: Warehouse, declaration: Declaration, at: dt.datetime) -> None:
        """Ask about what had happened until `at`, which is UTC without a zone."""
        self._warehouse = warehouse
        self._declared = declaration
        self._at = at
        self._all_fit = False
        self.questions: list[Question] = []

    def taken(self) -> Taken:
        """Return who was taken in."""
        rows = self._ask(
            "who was taken in, and by which flags",
            """
SELECT CAST(CAST(timestamp AS DATE) AS VARCHAR) AS day, variation_id, count(*),
  sum(CASE WHEN several THEN 1 ELSE 0 END), min(timestamp), max(timestamp), flags
FROM first_exposures WHERE experiment_id = $1 AND timestamp < $2
GROUP BY 1, 2, flags ORDER BY 1, 2, flags""",
            (self._declared.key, self._at),
        )
        # Nobody has to be left out as one too many, so nobody has to be sorted.
        self._all_fit = sum(row[2] for row in rows) <= self._declared.planned_persons
        persons: Counter[str] = Counter()
        by_day: dict[str, dict[str, int]] = {}
        since: dict[str, dt.datetime] = {}
        for day, arm, came, _, first, _, flags in rows:
            persons[arm] += came
            arms = by_day.setdefault(day, {})
            arms[arm] = arms.get(arm, 0) + came
            since[flags] = min(first, since.get(flags, first))
        return Taken(
            persons=dict(persons),
            several=int(sum(row[3] for row in rows)),
            first=min((row[4] for row in rows), default=None),
            last=max((row[5] for row in rows), default=None),
            by_day=by_day,
            flags=tuple(sorted(since, key=lambda name: (since[name], name))),
        )

    def by_person(self) -> dict[str, list[Group]]:
        """Return every metric's moments by arm and each property of persons, from one pass.

        The properties are the day of the first exposure, under `day`, and the declared slices, as
        they were known at it.
        """
        properties = {"day": "min(CAST(p.timestamp AS DATE))"}
        properties |= {name: f"min(p.{name})" for name in self._declared.slices}
        return self._groups("every metric by day of exposure and by slice", properties)

    def by_lag(self) -> list[Group]:
        """Return every metric's moments by arm and days since the person's own exposure."""
        lag = "CAST(f.timestamp AS DATE) - CAST(p.timestamp AS DATE)"
        title = "every metric by days since exposure"
        groups = self._groups(title, {"lag": f"min({lag})"}, per=lag)["lag"]
        return [one for one in groups if one.group.isdigit()]

    def nameless(self, since: dt.datetime) -> int:
        """Return how many cases were begun since then by people without a name."""
        sql = """
SELECT count(*) FROM cases WHERE user_id = case_id AND started_at >= $1 AND started_at < $2"""
        ((found,),) = self._ask("cases of people without a name", sql, (since, self._at))
        return int(found)

    def latest(self) -> dt.datetime | None:
        """Return when the latest outcome that is known of happened."""
        sql = "SELECT max(timestamp) FROM all_facts WHERE timestamp < $1"
        ((found,),) = self._ask("the latest outcome", sql, (self._at,))
        return found if isinstance(found, dt.datetime) else None

    def scores(self, metric: Metric) -> dict[str, list[int]]:
        """Return by arm how many persons gave each score from 0 to 10, in their latest rating."""
        rows = self._ask(
            f"scores for {metric.name}",
            f"""
WITH {self._people()}, latest AS (
  SELECT DISTINCT ON (p.user_id) p.arm, f.value FROM people p JOIN all_facts f
    ON f.user_id = p.user_id AND f.timestamp >= p.timestamp AND f.timestamp < $2
  WHERE f.fact = $4 ORDER BY p.user_id, f.timestamp DESC, f.case_id)
SELECT arm, CAST(value AS INTEGER), count(*) FROM latest GROUP BY 1, 2""",
            (*self._moment(), metric.fact),
        )
        found = {arm: [0] * 11 for arm in self._declared.arms}
        for arm, score, persons in rows:
            if arm in found and 0 <= score <= 10:
                found[arm][score] = persons
        return found

    def sizes(self, metric: Metric) -> dict[str, int]:
        """Return by arm how many values of a fact there are."""
        rows = self._ask(
            f"values for {metric.name}",
            f"WITH {self._values()} SELECT arm, count(*) FROM found GROUP BY arm",
            (*self._moment(), metric.fact),
        )
        return dict(rows)

    def at_shares(
        self, metric: Metric, shares: Mapping[str, Sequence[float]]
    ) -> dict[str, list[float]]:
        """Return by arm the values at or below which these shares of all lie."""
        found = {}
        for arm, wanted in shares.items():
            columns = ", ".join(
                f"percentile_disc({share!r}) WITHIN GROUP (ORDER BY value)" for share in wanted
            )
            rows = self._ask(
                f"quantiles for {metric.name} in {arm}",
                f"WITH {self._values()} SELECT {columns} FROM found WHERE arm = $5",
                (*self._moment(), metric.fact, arm),
            )
            found[arm] = [float(one) for one in rows[0]]
        return found

    def below(self, metric: Metric, bounds: Mapping[str, float]) -> dict[str, JointMoments]:
        """Return by arm the joint moments of (values at or below a bound, values) per person."""
        found = {}
        for arm, bound in bounds.items():
            rows = self._ask(
                f"values at or below the quantile for {metric.name} in {arm}",
                f"""
WITH {self._values()}, persons AS (
  SELECT CAST(sum(CASE WHEN value <= $6 THEN 1 ELSE 0 END) AS DOUBLE PRECISION) AS x,
    CAST(count(*) AS DOUBLE PRECISION) AS y
  FROM found WHERE arm = $5 GROUP BY user_id)
SELECT count(*), avg(x), avg(y), var_pop(x), covar_pop(x, y), var_pop(y) FROM persons""",
                (*self._moment(), metric.fact, arm, bound),
            )
            n, x, y, xx, xy, yy = rows[0]
            found[arm] = JointMoments(
                n=n, means=(x, y), products=((xx * n, xy * n), (xy * n, yy * n))
            )
        return found

    def persons(self) -> Rows:
        """Return what every person who counts did: nobody's name, the arm, and their sums."""
        counted = ",\n    ".join(
            f"{_sum(value, fact, '>=')} AS {one.name}_{column}"
            for one in self._declared.metrics
            for column, value, fact in (("sum", "f.value", one.fact), ("count", "1", one.counted))
        )
        sql = f"""
WITH {self._people()}
SELECT row_number() OVER (ORDER BY p.timestamp, p.user_id) AS person, p.arm,
    CAST(p.timestamp AS DATE) AS exposed_on, p.locale, p.playbook,
    {counted}
FROM people p LEFT JOIN all_facts f ON f.user_id = p.user_id AND f.timestamp < $2
GROUP BY p.user_id, p.arm, p.timestamp, p.locale, p.playbook ORDER BY person"""
        return self._warehouse.query(sql, self._moment())

    def _moment(self) -> tuple[Any, ...]:
        mature = self._at - dt.timedelta(hours=self._declared.maturity_hours)
        return (self._declared.key, self._at, mature)

    def _people(self) -> str:
        """Return who counts: of those exposed in the declared days, as many as were planned.

        The first ones count, so that a report made after the plan was full judges the same persons
        again: whoever goes on looking is not given more chances to find something.
        """
        days = ""
        if (starts := self._declared.starts) is not None:
            days += f" AND timestamp >= TIMESTAMP '{starts.isoformat()}'"
        if (ends := self._declared.ends) is not None:
            days += f" AND timestamp < TIMESTAMP '{(ends + dt.timedelta(days=1)).isoformat()}'"
        planned = self._declared.planned_persons
        most = "" if self._all_fit else f"\n  ORDER BY timestamp, user_id LIMIT {planned}"
        return f"""people AS (
  SELECT user_id, variation_id AS arm, timestamp, locale, playbook FROM first_exposures
  WHERE experiment_id = $1 AND timestamp < $3 AND NOT several{days}{most})"""

    def _values(self) -> str:
        return f"""{self._people()}, found AS (
  SELECT p.user_id, p.arm, f.value FROM people p JOIN all_facts f
    ON f.user_id = p.user_id AND f.timestamp >= p.timestamp AND f.timestamp < $2
  WHERE f.fact = $4)"""

    def _groups(
        self, title: str, properties: Mapping[str, str], *, per: str = ""
    ) -> dict[str, list[Group]]:
        """Return moments by arm and each property: a person has one, or one for each of `per`.

        Persons are told apart by their name alone: digests of all that they have one of as well
        would take a join's time again.
        """
        metrics = [one for one in self._declared.metrics if one.kind in {"share", "mean", "ratio"}]
        counted = ",\n    ".join(
            f"{_sum(value, fact, when)} AS m{number}_{column}"
            for number, one in enumerate(metrics)
            for column, value, fact, when in (
                ("n", "f.value", one.fact, ">="),
                ("d", "1", one.counted, ">="),
                ("pn", "f.value", one.fact, "<"),
                ("pd", "1", one.counted, "<"),
            )
        )
        wanted = sorted({name for one in metrics for name in (one.fact, one.counted)})
        names = ", ".join(f"'{name}'" for name in wanted)
        moments = ",\n  ".join(_moments(f"m{number}_") for number in range(len(metrics)))
        columns = ", ".join(f"{sql} AS by_{name}" for name, sql in properties.items())
        which = " ".join(f"WHEN GROUPING(by_{one}) = 0 THEN '{one}'" for one in properties)
        told = " ".join(
            f"WHEN GROUPING(by_{one}) = 0 THEN CAST(by_{one} AS VARCHAR)" for one in properties
        )
        sets = ", ".join(f"(arm, by_{name})" for name in properties)
        units = f"p.user_id, {per}" if per else "p.user_id"
        rows = self._ask(
            title,
            f"""
WITH {self._people()}, persons AS (
  SELECT min(p.arm) AS arm, {columns},
    {counted}
  FROM people p LEFT JOIN all_facts f ON f.user_id = p.user_id AND f.timestamp < $2
    AND f.fact IN ({names})
  GROUP BY {units})
SELECT CASE {which} END, arm, CASE {told} END AS grouped, count(*),
  {moments}
FROM persons GROUP BY GROUPING SETS ({sets}) ORDER BY 1, 3, 2""",
            self._moment(),
        )
        found: dict[str, list[Group]] = {name: [] for name in properties}
        for name, *row in rows:
            if row[0] in self._declared.arms:
                found[name].append(_group(metrics, row))
        return found

    def _ask(self, title: str, sql: str, parameters: tuple[Any, ...]) -> list[tuple[Any, ...]]:
        self.questions.append(Question(title=title, sql=sql.strip(), parameters=parameters))
        return self._warehouse.query(sql, parameters).rows


def total(groups: Sequence[Group]) -> dict[str, Group]:
    """Return each arm's groups merged into one."""
    found: dict[str, Group] = {}
    for one in groups:
        found[one.arm] = found[one.arm].merge(one) if one.arm in found else one
    return found


def _sum(value: str, fact: str, when: str) -> str:
    return (
        f"CAST(COALESCE(sum(CASE WHEN f.fact = '{fact}' AND f.timestamp {when} p.timestamp"
        f" THEN {value} END), 0) AS DOUBLE PRECISION)"
    )


def _moments(m: str) -> str:
    """Return what makes an `Aggregate`, over persons below whose line something was counted."""
    only = f"FILTER (WHERE {m}d > 0)"
    means = [f"avg({m}{one}) {only}" for one in _COLUMNS]
    products = [
        f"covar_pop({m}{one}, {m}{other}) {only}"
        for number, one in enumerate(_COLUMNS)
        for other in _COLUMNS[number:]
    ]
    positive = f"FILTER (WHERE {m}d > 0 AND {m}n > 0)"
    rate = f"ln(CASE WHEN {m}d > 0 AND {m}n > 0 THEN {m}n / {m}d ELSE 1 END)"
    return ", ".join(
        [
            f"count(*) {only}",
            f"max({m}d)",
            f"count(*) {positive}",
            f"count(*) FILTER (WHERE {m}d > 0 AND {m}pd > 0)",
            f"avg({rate}) {positive}",
            f"var_pop({rate}) {positive}",
            *means,
            *products,
        ]
    )


_WIDTH = 6 + len(_COLUMNS) + len(_COLUMNS) * (len(_COLUMNS) + 1) // 2


def _group(metrics: Sequence[Metric], row: Sequence[Any]) -> Group:
    arm, group, persons, *rest = row
    return Group(
        arm=arm,
        group=str(group),
        persons=persons,
        metrics={
            one.name: _aggregate(rest[number * _WIDTH : (number + 1) * _WIDTH])
            for number, one in enumerate(metrics)
        },
    )


def _aggregate(values: Sequence[Any]) -> Aggregate:
    n, most, positive, before, log_mean, log_variance, *rest = (one or 0 for one in values)
    width = len(_COLUMNS)
    means, upper = rest[:width], iter(rest[width:])
    products = [[0.0] * width for _ in range(width)]
    for one in range(width):
        for other in range(one, width):
            products[one][other] = products[other][one] = float(next(upper)) * n
    return Aggregate(
        joint=JointMoments(
            n=n,
            means=tuple(float(one) for one in means),
            products=tuple(tuple(one) for one in products),
        ),
        most=int(most),
        successes=positive,
        had_before=before,
        logs=Moments(n=positive, mean=float(log_mean), m2=float(log_variance) * positive),
    )
