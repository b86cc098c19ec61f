"""Analyses a table with one row for each person: a Parquet file, a view, or a query of anybody.

For figures that are in no warehouse of ours. One question, in one pass, brings the moments of all
metrics by arm; whatever comes after it does not grow with the table.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal

from msgspec import Struct

from analytics.metrics import Analysis, Plan, analyse_mean, analyse_ratio, analyse_share
from analytics.moments import Count, JointMoments
from analytics.quantiles import Quantile, Ranks, quantile_ranks
from analytics.results import NotComputable, Test
from analytics.srm import srm_chi_square

Ask = Callable[[str], Sequence[Sequence[Any]]]
"""Asks in SQL and returns rows: such as `lambda sql: connection.execute(sql).fetchall()`."""


class TableMetric(Struct, frozen=True, kw_only=True):
    """A metric, by the columns that it is made of.

    Raises:
        ValueError: a ratio without what it is divided by, or another metric with it.
    """

    name: str
    kind: Literal["share", "mean", "ratio"]
    value: str
    """What is added up; of a share 0 or 1."""
    per: str | None = None
    """Of a ratio: what that is divided by."""
    before: str | None = None
    """Of a mean: the same value before the exposure, which narrows it (CUPED)."""

    def __post_init__(self) -> None:
        if (self.kind == "ratio") != (self.per is not None):
            raise ValueError(f"{self.name}: a ratio, and only a ratio, is divided by something")
        if self.before is not None and self.kind != "mean":
            raise ValueError(f"{self.name}: only a mean is narrowed by what was before")

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns whose joint moments it needs."""
        return tuple(one for one in (self.value, self.per, self.before) if one is not None)


class TableArm(Struct, frozen=True, kw_only=True):
    """What is known of an arm."""

    persons: int
    moments: Mapping[str, JointMoments]
    """By metric, of its columns; persons in whom one of them is absent do not count."""


class TableFindings(Struct, frozen=True, kw_only=True):
    """What a table says of an experiment."""

    persons: Mapping[str, int]
    sample_ratio: Test | NotComputable
    analyses: Mapping[tuple[str, str], Analysis]
    """By treatment and metric."""


def analyse_table(
    ask: Ask,
    source: str,
    metrics: Sequence[TableMetric],
    *,
    arms: Mapping[str, float],
    control: str,
    arm: str = "variant",
    plan: Plan,
) -> TableFindings:
    """Analyse an experiment from one row for each person.

    Args:
        ask: how the table is asked.
        source: what stands behind FROM: a table's name, `read_parquet('people.parquet')`.
        metrics: at least one.
        arms: the intended weight of each arm, the control among them.
        control: the arm that the others are compared with.
        arm: the column that names a person's arm.
        plan: alpha and the planned n.

    Raises:
        ValueError: the control is no arm.

    >>> import duckdb
    >>> people = "(SELECT i % 2 AS variant, i % 5 % 2 AS done FROM range(1000) r(i))"
    >>> found = analyse_table(
    ...     lambda sql: duckdb.execute(sql).fetchall(), people,
    ...     [TableMetric(name="done", kind="share", value="done")],
    ...     arms={"0": 1, "1": 1}, control="0", plan=Plan(planned_n=1000))
    >>> found.persons, round(found.analyses["1", "done"].difference.p, 6)
    ({'0': 500, '1': 500}, 1.0)
    """
    if control not in arms:
        raise ValueError(f"{control!r} is none of the arms")
    known = table_moments(ask, source, metrics, arm=arm)
    persons = {name: known[name].persons if name in known else 0 for name in arms}
    return TableFindings(
        persons=persons,
        sample_ratio=srm_chi_square(list(persons.values()), list(arms.values())),
        analyses={
            (name, metric.name): _analysed(metric, known.get(control), known.get(name), plan)
            for name in arms
            if name != control
            for metric in metrics
        },
    )


def table_moments(
    ask: Ask, source: str, metrics: Sequence[TableMetric], *, arm: str = "variant"
) -> dict[str, TableArm]:
    """Return every arm's moments, from one pass over the table."""
    selected = ", ".join(one for metric in metrics for one in _aggregates(metric))
    rows = ask(
        f"SELECT CAST({_quoted(arm)} AS VARCHAR), count(*), {selected} FROM {source} GROUP BY 1"  # noqa: S608
    )
    found = {}
    for name, persons, *values in rows:
        left = iter(values)
        moments = {metric.name: _moments(metric, left) for metric in metrics}
        found[str(name)] = TableArm(persons=int(persons), moments=moments)
    return found


def _aggregates(metric: TableMetric) -> list[str]:
    """Return what is asked of a metric: n, means, and centred products of its columns."""
    columns = [_quoted(one) for one in metric.columns]
    whole = " AND ".join(f"{one} IS NOT NULL" for one in columns)
    only = f" FILTER ({whole})" if len(columns) > 1 else ""
    asked = [f"count({columns[0]}){only}", *(f"avg({one}){only}" for one in columns)]
    for number, one in enumerate(columns):
        asked.append(f"var_pop({one}){only}")
        asked += [f"covar_pop({one}, {other})" for other in columns[number + 1 :]]
    return asked


def _moments(metric: TableMetric, values: Any) -> JointMoments:
    k = len(metric.columns)
    n = int(next(values))
    means = tuple(float(next(values) or 0.0) for _ in range(k))
    products = [[0.0] * k for _ in range(k)]
    for i in range(k):
        for j in range(i, k):
            products[i][j] = products[j][i] = float(next(values) or 0.0) * n
    return JointMoments(n=n, means=means, products=tuple(map(tuple, products)))


def _analysed(metric: TableMetric, a: TableArm | None, b: TableArm | None, plan: Plan) -> Analysis:
    if a is None or b is None:
        nothing = NotComputable(reason="an arm has nobody yet")
        return Analysis(difference=nothing, lift=nothing, sequence=nothing, posterior=nothing)
    pair = a.moments[metric.name], b.moments[metric.name]
    match metric.kind:
        case "share":
            counts = [Count(n=one.n, successes=round(one.means[0] * one.n)) for one in pair]
            return analyse_share(counts[0], counts[1], plan)
        case "ratio":
            return analyse_ratio(*pair, plan)
        case "mean":
            joint = pair if metric.before is not None else None
            return analyse_mean(pair[0].column(0), pair[1].column(0), plan, joint=joint)


def _quoted(name: str) -> str:
    """Return a name as SQL has it."""
    doubled = name.replace('"', '""')
    return f'"{doubled}"'


def table_quantiles(
    ask: Ask, source: str, column: str, shares: Sequence[float], *, arm: str = "variant"
) -> dict[str, dict[float, Quantile]]:
    """Return quantiles of a column by arm, each with the interval of order statistics.

    One value for each person; an arm with too few values for an interval lacks that quantile.

    Raises:
        ValueError: a share is no quantile.

    >>> import duckdb
    >>> found = table_quantiles(lambda sql: duckdb.execute(sql).fetchall(),
    ...     "(SELECT 'a' AS variant, i AS seconds FROM range(1000) r(i))", "seconds", [0.5])
    >>> found["a"][0.5].estimate, found["a"][0.5].lower, found["a"][0.5].upper
    (499.0, 469.0, 530.0)
    """
    name, value = _quoted(arm), _quoted(column)
    sizes = ask(f"SELECT CAST({name} AS VARCHAR), count({value}) FROM {source} GROUP BY 1")  # noqa: S608
    wanted: dict[str, list[float]] = {}
    known: dict[str, dict[float, Ranks]] = {}
    for one, n in sizes:
        found = {q: quantile_ranks(int(n), q) for q in shares}
        known[one] = {q: ranks for q, ranks in found.items() if isinstance(ranks, Ranks)}
        wanted[one] = [
            at for q, ranks in known[one].items() for at in (q, ranks.lower, ranks.upper)
        ]
    every = sorted({at for one in wanted.values() for at in one})
    if not every:
        return {one: {} for one in known}
    rows = ask(
        f"SELECT CAST({name} AS VARCHAR), quantile_disc({value}, {every!r}) FROM {source}"  # noqa: S608
        " GROUP BY 1"
    )
    at = {one: dict(zip(every, values, strict=True)) for one, values in rows}
    return {
        str(one): {
            q: Quantile(
                n=int(n),
                q=q,
                estimate=float(at[one][q]),
                lower=float(at[one][ranks.lower]),
                upper=float(at[one][ranks.upper]),
            )
            for q, ranks in known[one].items()
        }
        for one, n in sizes
    }
