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
    """Return every arm's moments, from one pass over the table.

    Sums are of deviations from the mean of some rows, so that nothing is lost where values are
    large and differ little; engines add them up several times faster than they track covariances.
    Where rows lack a value of a metric with several, that metric is asked for again without them.
    """
    columns = tuple(dict.fromkeys(one for metric in metrics for one in metric.columns))
    pilots = _pilots(ask, source, columns)
    whole = _asked(ask, source, metrics, arm, pilots)
    partial = [
        metric
        for metric in metrics
        if len(metric.columns) > 1
        and any(len({*counts(metric)}) > 1 for _, counts, _ in whole.values())
    ]
    found = {
        name: {metric.name: moments(metric) for metric in metrics}
        for name, (_, _, moments) in whole.items()
    }
    for metric in partial:
        present = " AND ".join(f"{_quoted(one)} IS NOT NULL" for one in metric.columns)
        kept = f"(SELECT * FROM {source} WHERE {present})"  # noqa: S608
        again = _asked(ask, kept, [metric], arm, pilots)
        for name, moments in found.items():
            known = again.get(name)
            moments[metric.name] = known[2](metric) if known else _nobody(len(metric.columns))
    return {
        name: TableArm(persons=whole[name][0], moments=moments) for name, moments in found.items()
    }


_PILOT_ROWS = 10_000
_Counts = Callable[[TableMetric], Sequence[int]]
_Moments = Callable[[TableMetric], JointMoments]


def _pilots(ask: Ask, source: str, columns: Sequence[str]) -> dict[str, float]:
    """Return a value in the middle of each column."""
    means = ", ".join(f"avg(CAST({_quoted(one)} AS DOUBLE PRECISION))" for one in columns)
    names = ", ".join(map(_quoted, columns))
    (row,) = ask(f"SELECT {means} FROM (SELECT {names} FROM {source} LIMIT {_PILOT_ROWS})")  # noqa: S608
    return {one: float(value or 0.0) for one, value in zip(columns, row, strict=True)}


def _asked(
    ask: Ask,
    source: str,
    metrics: Sequence[TableMetric],
    arm: str,
    pilots: Mapping[str, float],
) -> dict[str, tuple[int, _Counts, _Moments]]:
    """Return by arm its persons, how many values each column of a metric has, and its moments."""
    columns = list(dict.fromkeys(one for metric in metrics for one in metric.columns))
    pairs = list(
        dict.fromkeys(
            (one, other)
            for metric in metrics
            for number, one in enumerate(metric.columns)
            for other in metric.columns[number:]
        )
    )
    at = {name: f"x{number}" for number, name in enumerate(columns)}
    deviations = ", ".join(
        f"CAST({_quoted(name)} AS DOUBLE PRECISION) - {pilots[name]!r} AS {at[name]}"
        for name in columns
    )
    asked = [f"count({at[one]})" for one in columns]
    asked += [f"sum({at[one]})" for one in columns]
    asked += [f"sum({at[one]} * {at[other]})" for one, other in pairs]
    rows = ask(
        f"SELECT CAST(arm AS VARCHAR), count(*), {', '.join(asked)}"  # noqa: S608
        f" FROM (SELECT {_quoted(arm)} AS arm, {deviations} FROM {source}) GROUP BY 1"
    )
    k = len(columns)
    found: dict[str, tuple[int, _Counts, _Moments]] = {}
    for name, persons, *values in rows:
        sizes = dict(zip(columns, map(int, values[:k]), strict=True))
        sums = dict(zip(columns, values[k : 2 * k], strict=True))
        products = dict(zip(pairs, values[2 * k :], strict=True))

        def counts(metric: TableMetric, sizes: Mapping[str, int] = sizes) -> list[int]:
            return [sizes[one] for one in metric.columns]

        def moments(
            metric: TableMetric,
            sizes: Mapping[str, int] = sizes,
            sums: Mapping[str, Any] = sums,
            products: Mapping[tuple[str, str], Any] = products,
        ) -> JointMoments:
            return _centred(metric.columns, sizes, sums, products, pilots)

        found[str(name)] = (int(persons), counts, moments)
    return found


def _centred(
    columns: Sequence[str],
    sizes: Mapping[str, int],
    sums: Mapping[str, Any],
    products: Mapping[tuple[str, str], Any],
    pilots: Mapping[str, float],
) -> JointMoments:
    """Return moments about the means from sums about the pilots."""
    n, k = sizes[columns[0]], len(columns)
    if not n:
        return _nobody(k)
    means = [float(sums[one] or 0.0) / n for one in columns]
    centred = [[0.0] * k for _ in range(k)]
    for i in range(k):
        for j in range(i, k):
            product = float(products[columns[i], columns[j]] or 0.0)
            centred[i][j] = centred[j][i] = product - n * means[i] * means[j]
    return JointMoments(
        n=n,
        means=tuple(pilots[one] + mean for one, mean in zip(columns, means, strict=True)),
        products=tuple(map(tuple, centred)),
    )


def _nobody(k: int) -> JointMoments:
    return JointMoments(n=0, means=(0.0,) * k, products=((0.0,) * k,) * k)


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
