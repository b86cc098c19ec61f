"""Which reports are due, which are made and sent, and who works on one: for all workers at once.

A report is named `kind:day`. It is entered once, worked on under a lease, and stays on the list of
what is due until it has arrived. What is told of it is kept with it, so whoever goes on after a
worker has died sends the same.
"""

import secrets
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime
from typing import Annotated, Any, Literal, get_args

from msgspec import Meta, Struct

from app.domain.errors import StateUnavailable
from app.domain.figures import ReportKind
from app.state import keys
from app.state.figures import note_report_sent
from app.state.leases import LEASE_MS
from app.state.ledger_keys import pairs
from app.state.store import Store

KEPT_SECONDS = 400 * 86_400
"""How long it is known how a report stood."""
_KNOWN = 1_000


class ReportName(Struct, frozen=True, kw_only=True, order=True):
    """Which report: of costs on a day, of performance in the week that begins with it."""

    kind: ReportKind
    day: date

    def __str__(self) -> str:
        """Return its name in storage.

        >>> str(ReportName(kind="costs", day=date(2026, 11, 25)))
        'costs:2026-11-25'
        """
        return f"{self.kind}:{self.day.isoformat()}"

    @classmethod
    def parse(cls, text: str) -> "ReportName":
        """Read a name as `str` writes it.

        Raises:
            ValueError: if it is none.
        """
        kind, _, day = text.partition(":")
        found = next((one for one in get_args(ReportKind) if one == kind), None)
        if found is None:
            raise ValueError(f"there is no report {text!r}")
        return cls(kind=found, day=date.fromisoformat(day))


class ConclusionName(Struct, frozen=True, kw_only=True, order=True):
    """The report on an experiment that has ended."""

    key: str
    """The experiment's."""

    @property
    def kind(self) -> Literal["experiment"]:
        """What it is about."""
        return "experiment"

    def __str__(self) -> str:
        """Return its name in storage.

        >>> str(ConclusionName(key="tone"))
        'experiment:tone'
        """
        return f"{self.kind}:{self.key}"


Name = ReportName | ConclusionName


def parse_name(text: str) -> Name:
    """Read a name as `str` writes it.

    Raises:
        ValueError: if it is none.

    >>> parse_name("experiment:tone").kind
    'experiment'
    """
    kind, _, key = text.partition(":")
    return ConclusionName(key=key) if kind == "experiment" else ReportName.parse(text)


class ReportState(Struct, frozen=True, kw_only=True):
    """How a report stands."""

    made_ms: Annotated[int | None, Meta(description="When its files were written.")] = None
    sent_ms: Annotated[int | None, Meta(description="When it arrived.")] = None
    given_up_ms: Annotated[int | None, Meta(description="When nobody tried any more.")] = None
    tries: Annotated[int, Meta(description="Attempts that failed.")] = 0
    error: Annotated[str | None, Meta(description="Why the last one did.")] = None
    message: bytes | None = None
    """What is told of it, as whoever made it wrote that."""

    @property
    def over(self) -> bool:
        """Whether nothing is left to do."""
        return self.sent_ms is not None or self.given_up_ms is not None


class ReportClaim(Struct, frozen=True, kw_only=True):
    """The right to work on a report, for as long as its lease is renewed."""

    name: Name
    lease: str

    @property
    def lease_key(self) -> str:
        """The lease's key."""
        return keys.report(str(self.name)) + ":k"


class Reports:
    """The reports of an installation."""

    def __init__(self, store: Store) -> None:
        """Take the connection."""
        self._store = store

    async def since_ms(self, now_ms: int) -> int:
        """Return when this installation first asked for it: now, if it never did.

        Raises:
            StateUnavailable: if the storage does not answer.
        """
        _, since, _ = await self._store.commands(
            [
                ("SET", keys.REPORTS_SINCE, now_ms, "NX"),
                ("GET", keys.REPORTS_SINCE),
                ("EXPIRE", keys.REPORTS_SINCE, KEPT_SECONDS),
            ]
        )
        if since is None:
            raise StateUnavailable("it has lost what was just written")
        return int(since)

    async def enter(self, names: Sequence[Name], now_ms: int) -> None:
        """Put reports on the list of what is due, each once for ever.

        Raises:
            StateUnavailable: if the storage does not answer.
        """
        if not names:
            return
        known = await self._store.command("ZMSCORE", keys.REPORTS_KNOWN, *map(str, names))
        for name, score in zip(names, known, strict=True):
            if score is None:
                # Two workers may both come here: the later one finds it over, and takes it off.
                await self._store.commands(
                    [
                        ("ZADD", keys.REPORTS_DUE, "NX", now_ms, str(name)),
                        ("ZADD", keys.REPORTS_KNOWN, "NX", now_ms, str(name)),
                        ("ZREMRANGEBYRANK", keys.REPORTS_KNOWN, 0, -_KNOWN - 1),
                        ("EXPIRE", keys.REPORTS_DUE, KEPT_SECONDS),
                        ("EXPIRE", keys.REPORTS_KNOWN, KEPT_SECONDS),
                    ]
                )

    async def due(self, now_ms: int) -> list[Name]:
        """Return the reports to work on now.

        Raises:
            StateUnavailable: if the storage does not answer.
        """
        found = await self._store.command("ZRANGEBYSCORE", keys.REPORTS_DUE, "-inf", now_ms)
        return [parse_name(one.decode()) for one in found]

    async def next_ms(self) -> int | None:
        """Return when the next report is to be worked on; None if none is waiting.

        Raises:
            StateUnavailable: if the storage does not answer.
        """
        found = await self._store.command("ZRANGE", keys.REPORTS_DUE, 0, 0, "WITHSCORES")
        return round(float(found[-1])) if found else None

    async def known(self) -> dict[Name, ReportState]:
        """Return the latest reports that were ever due, the newest day first.

        Raises:
            StateUnavailable: if the storage does not answer.
        """
        found = await self._store.command("ZRANGE", keys.REPORTS_KNOWN, 0, -1)
        names = [parse_name(one.decode()) for one in found]
        rows = await self._store.commands(("HGETALL", keys.report(str(one))) for one in names)
        states = dict(zip(names, map(_state, rows), strict=True))
        return dict(sorted(states.items(), key=lambda one: _order(*one), reverse=True))

    async def is_known(self, name: Name) -> bool:
        """Say whether a report was ever due.

        Raises:
            StateUnavailable: if the storage does not answer.
        """
        return await self._store.command("ZSCORE", keys.REPORTS_KNOWN, str(name)) is not None

    async def claim(self, name: Name) -> ReportClaim | None:
        """Take the right to work on a report; None where somebody has it.

        Raises:
            StateUnavailable: if the storage does not answer.
        """
        claim = ReportClaim(name=name, lease=secrets.token_hex(8))
        taken = await self._store.command("SET", claim.lease_key, claim.lease, "NX", "PX", LEASE_MS)
        return claim if taken else None

    async def release(self, claim: ReportClaim) -> None:
        """Give the right back.

        Raises:
            StateUnavailable: if the storage does not answer; it then runs out by itself.
        """
        await self._store.run("let_go", [claim.lease_key], [claim.lease])

    async def holds(self, claim: ReportClaim) -> bool:
        """Say whether the right is still ours, and keep it.

        Raises:
            StateUnavailable: if the storage does not answer.
        """
        return bool(await self._store.run("renew", [claim.lease_key], [claim.lease, LEASE_MS]))

    async def state(self, name: Name) -> ReportState:
        """Return how a report stands.

        Raises:
            StateUnavailable: if the storage does not answer.
        """
        return _state(await self._store.command("HGETALL", keys.report(str(name))))

    async def made(self, name: Name, message: bytes, now_ms: int) -> None:
        """Note that its files are there, and what is to be told of it.

        Raises:
            StateUnavailable: if the storage does not answer.
        """
        await self._note(name, {"made_ms": now_ms, "message": message})

    async def postponed(self, name: Name, error: str, next_ms: int) -> None:
        """Note that an attempt failed, and when to try again.

        Raises:
            StateUnavailable: if the storage does not answer.
        """
        key = keys.report(str(name))
        await self._store.commands(
            [
                ("HINCRBY", key, "tries", 1),
                ("HSET", key, "error", error),
                ("EXPIRE", key, KEPT_SECONDS),
                ("ZADD", keys.REPORTS_DUE, "XX", next_ms, str(name)),
            ]
        )

    async def sent(self, name: Name, now_ms: int) -> None:
        """Note that it has arrived, and take it off the list.

        Raises:
            StateUnavailable: if the storage does not answer.
        """
        await self._note(name, {"sent_ms": now_ms})
        if isinstance(name, ReportName):
            await note_report_sent(self._store, name.kind, now_ms)
        await self.take_off(name)

    async def give_up(self, name: Name, now_ms: int) -> None:
        """Note that nobody tries any more, and take it off the list.

        Raises:
            StateUnavailable: if the storage does not answer.
        """
        await self._note(name, {"given_up_ms": now_ms})
        await self.take_off(name)

    async def take_off(self, name: Name) -> None:
        """Take a report off the list of what is due.

        Raises:
            StateUnavailable: if the storage does not answer.
        """
        await self._store.command("ZREM", keys.REPORTS_DUE, str(name))

    async def _note(self, name: Name, fields: Mapping[str, int | bytes]) -> None:
        key = keys.report(str(name))
        pairs = [part for field, value in fields.items() for part in (field, value)]
        await self._store.commands([("HSET", key, *pairs), ("EXPIRE", key, KEPT_SECONDS)])


def _order(name: Name, state: ReportState) -> tuple[date, str]:
    if isinstance(name, ReportName):
        return name.day, str(name)
    return datetime.fromtimestamp((state.made_ms or 0) / 1_000, UTC).date(), str(name)


def _state(row: Any) -> ReportState:
    fields: dict[str, bytes] = {name.decode(): value for name, value in pairs(row)}
    values: dict[str, Any] = {
        name: int(fields[name])
        for name in ("made_ms", "sent_ms", "given_up_ms", "tries")
        if name in fields
    }
    if "error" in fields:
        values["error"] = fields["error"].decode()
    return ReportState(**values, message=fields.get("message"))
