"""How long facts are kept: by the playbook they belong to, in whole months and days (UTC).

Nothing is made anonymous instead of being removed. A row without a case's or a person's name could
still be told from all others by its times and codes, and rows whose names are replaced count people
twice wherever an experiment reaches over the day of the replacement. What experiments and reports
found is kept as sums, which name nobody.
"""

import datetime as dt
import re
from collections.abc import Iterator, Mapping

from analytics.warehouse.interface import Outdated, Warehouse

_PLAYBOOK = re.compile(r"[a-z][a-z0-9_]{0,39}\Z")
_EPOCH = dt.date(1970, 1, 1)
_DAY_MS = 86_400_000


def cut_ms(today: dt.date, months: int) -> int:
    """Return since when rows are kept: the beginning of a day (UTC), in milliseconds.

    >>> cut_ms(dt.date(2026, 3, 31), 1) == cut_ms(dt.date(2026, 3, 28), 1)
    True
    """
    whole = today.year * 12 + today.month - 1 - months
    year, month = divmod(whole, 12)
    last = 31
    while True:
        try:
            first = dt.date(year, month + 1, min(today.day, last))
        except ValueError:  # the month is shorter
            last -= 1
        else:
            return (first - _EPOCH).days * _DAY_MS


def cuts_of(today: dt.date, months: Mapping[str, int]) -> dict[str, int]:
    """Return since when rows are kept, by playbook; `months` says for how long."""
    return {name: cut_ms(today, one) for name, one in months.items()}


def outdated_by(cuts: Mapping[str, int]) -> str:
    """Return the condition in SQL under which a row is older than is kept of its playbook.

    >>> outdated_by({"tone": 7})
    "(playbook = 'tone' AND occurred_ms < 7)"

    Raises:
        ValueError: a name cannot be a playbook's.
    """
    if bad := [name for name in cuts if not _PLAYBOOK.match(name)]:
        raise ValueError(f"{bad[0]!r} is no name of a playbook")
    return " OR ".join(
        f"(playbook = '{name}' AND occurred_ms < {int(cut)})" for name, cut in sorted(cuts.items())
    )


def outdated(warehouse: Warehouse, cuts: Mapping[str, int]) -> tuple[Outdated, ...]:
    """Say what `retain` would remove, by table and playbook.

    Raises:
        WarehouseError: the warehouse cannot be reached.
    """
    return tuple(_outdated(warehouse, cuts, outdated_by(cuts))) if cuts else ()


def unclaimed(warehouse: Warehouse, cuts: Mapping[str, int]) -> tuple[Outdated, ...]:
    """Say what is kept of playbooks that no cut is known for.

    Raises:
        WarehouseError: the warehouse cannot be reached.
    """
    known = ", ".join(f"'{name}'" for name in sorted(cuts))
    where = f"playbook NOT IN ({known})" if cuts else "true"
    return tuple(one for one in _outdated(warehouse, cuts, where) if one.playbook)


def _outdated(warehouse: Warehouse, cuts: Mapping[str, int], where: str) -> Iterator[Outdated]:
    for one in warehouse.status():
        if not one.rows:
            continue
        columns = warehouse.query(f'SELECT * FROM "{one.name}" LIMIT 0').columns
        named = "playbook" in columns
        found = warehouse.query(
            f"SELECT {'playbook' if named else repr('')} AS of_playbook, count(*),"
            " CAST(min(day) AS VARCHAR(10)), CAST(max(day) AS VARCHAR(10))"
            f' FROM "{one.name}" WHERE'
            f" {where if named else f'occurred_ms < {min(cuts.values(), default=0)}'}"
            " GROUP BY 1 ORDER BY 1"
        )
        for playbook, rows, first, last in found.rows:
            if rows:
                yield Outdated(
                    table=one.name, playbook=playbook, rows=rows, first_day=first, last_day=last
                )
