"""What the ledger's rows add up to in the latest weeks, by day, model, operation, arm and case."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from app.domain.ledger import LedgerRow, Query, Totals
from app.state.ledger import Ledger
from app.state.ledger_keys import SEPARATOR, cases_key, counted, pairs, sums_key
from app.state.store import Store

_HOUR_MS = 3_600_000
_LONGEST_RANGE_DAYS = 400


class LedgerSums:
    """Adds up."""

    def __init__(self, store: Store) -> None:
        """Take the connection."""
        self._store = store
        self._ledger = Ledger(store)

    async def sums(self, query: Query) -> list[Totals]:
        """Add rows up; the groups come in the order of their names.

        Raises:
            StateUnavailable: if the storage does not answer.
            ValueError: if more than 400 days are asked for, or cases together with what is not kept
                of them.
        """
        if query.case_id is not None:
            kept = [row for row in await self._ledger.rows(query.case_id) if _within(row, query)]
            return _grouped(((_of_row(row), counted(row)) for row in kept), query.by)
        if "case" in query.by:
            return await self._by_case(query)
        buckets = _buckets(query)
        answers = await self._store.commands(("HGETALL", sums_key(one)) for one in buckets)
        return _grouped(
            (
                (labels, {what: value})
                for bucket, fields in zip(buckets, answers, strict=True)
                for labels, what, value in _read_sums(bucket, fields)
                if _asked(labels, query)
            ),
            query.by,
        )

    async def _by_case(self, query: Query) -> list[Totals]:
        if set(query.by) - {"case", "day"} or query.model or query.operation or query.arm:
            raise ValueError("of cases, only their costs by day are kept; ask for one case's rows")
        days = list(_days(query))
        answers = await self._store.commands(("HGETALL", cases_key(day)) for day in days)
        return _grouped(
            (
                ({"case": case, "day": f"{day:%Y-%m-%d}"}, {_CASE_FIELDS[what]: int(value)})
                for day, fields in zip(days, answers, strict=True)
                for (case, what), value in (
                    (name.decode().rsplit(SEPARATOR, 1), value) for name, value in pairs(fields)
                )
            ),
            query.by,
        )


_CASE_FIELDS = {"calls": "calls", "cost": "cost_nano_usd"}


def _of_row(row: LedgerRow) -> dict[str, str]:
    at = datetime.fromtimestamp(row.completed_ms / 1_000, UTC)
    return {
        **_times(f"{at:%Y-%m-%dT%H}"),
        "provider": row.provider,
        "model": row.model,
        "operation": row.operation,
        "arm": row.arm,
        "case": row.case_id,
    }


def _times(bucket: str) -> dict[str, str]:
    return {"hour": bucket, "day": bucket[:10], "month": bucket[:7]}


def _read_sums(bucket: str, fields: Any) -> Iterable[tuple[dict[str, str], str, int]]:
    for name, value in pairs(fields):
        provider, model, operation, arm, what = name.decode().split(SEPARATOR)
        labels = {"provider": provider, "model": model, "operation": operation, "arm": arm}
        yield {**_times(bucket), **labels}, what, int(value)


def _grouped(
    counted: Iterable[tuple[Mapping[str, str], Mapping[str, int]]], by: Sequence[str]
) -> list[Totals]:
    groups: dict[tuple[str, ...], dict[str, int]] = {}
    for labels, counts in counted:
        group = groups.setdefault(tuple(labels[one] for one in by), {})
        for what, value in counts.items():
            group[what] = group.get(what, 0) + value
    return [
        Totals(key=dict(zip(by, names, strict=True)), **groups[names]) for names in sorted(groups)
    ]


def _asked(labels: Mapping[str, str], query: Query) -> bool:
    wanted = {
        "provider": query.provider,
        "model": query.model,
        "operation": query.operation,
        "arm": query.arm,
    }
    return all(value is None or labels[name] == value for name, value in wanted.items())


def _within(row: LedgerRow, query: Query) -> bool:
    return query.since_ms <= row.completed_ms < query.until_ms and _asked(_of_row(row), query)


def _days(query: Query) -> Iterable[datetime]:
    day = datetime.fromtimestamp(query.since_ms / 1_000, UTC)
    day = day.replace(hour=0, minute=0, second=0, microsecond=0)
    end = datetime.fromtimestamp(query.until_ms / 1_000, UTC)
    if (end - day).days > _LONGEST_RANGE_DAYS:
        raise ValueError(f"sums are kept for {_LONGEST_RANGE_DAYS} days")
    while day < end:
        yield day
        day += timedelta(days=1)


def _buckets(query: Query) -> list[str]:
    """Return the days that lie in a range as a whole, and the hours of those that do not."""
    buckets = []
    hour_asked = "hour" in query.by
    for day in _days(query):
        start = int(day.timestamp() * 1_000)
        first = max(start, query.since_ms - query.since_ms % _HOUR_MS)
        last = min(start + 24 * _HOUR_MS, -(-query.until_ms // _HOUR_MS) * _HOUR_MS)
        if last - first == 24 * _HOUR_MS and not hour_asked:
            buckets.append(f"{day:%Y-%m-%d}")
            continue
        buckets += [
            f"{datetime.fromtimestamp(at / 1_000, UTC):%Y-%m-%dT%H}"
            for at in range(first, last, _HOUR_MS)
        ]
    return buckets
