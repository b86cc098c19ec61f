"""Everything that is held about a case, put together for the person whose case it is."""

import asyncio
from typing import Any

import msgspec
from msgspec import Struct

from app.core.intake import Intake
from app.core.reading import START
from app.domain.analysis import Analysis
from app.domain.case import Accepted, Command, Fill, Turn
from app.domain.clock import now_ms
from app.domain.delivery import Delivery, PushSubscription
from app.domain.facts import FACTS, kind_of
from app.domain.job import JobView
from app.domain.ledger import LedgerRow
from app.domain.opinion import Rated
from app.domain.playbook import Playbook
from app.state.follow import Follower, StoredEvent
from app.state.job_board import JobBoard
from app.state.keys import CaseKeys
from app.state.ledger import Ledger
from app.state.opinions import Opinions, Reviews
from app.state.outbox import Outbox
from app.state.records import CaseRecord


class Held(Struct, frozen=True, kw_only=True):
    """Everything that is held about a case."""

    at: int
    """When this was put together: Unix time in milliseconds."""
    record: CaseRecord
    playbook: Playbook
    committed: tuple[Turn, ...]
    waiting: tuple[Accepted, ...]
    submitted: Fill | None
    result: Analysis | None
    jobs: tuple[JobView, ...]
    rating: Rated | None
    reviews: Reviews
    events: tuple[StoredEvent, ...]
    calls: tuple[LedgerRow, ...]
    browsers: tuple[PushSubscription, ...]
    deliveries: tuple[Delivery, ...]


class Exporter:
    """Reads a case from every place in which something of it is kept."""

    def __init__(
        self,
        intake: Intake,
        board: JobBoard,
        opinions: Opinions,
        follower: Follower,
        ledger: Ledger,
        outbox: Outbox,
    ) -> None:
        self._intake = intake
        self._board = board
        self._opinions = opinions
        self._follower = follower
        self._ledger = ledger
        self._outbox = outbox

    async def gather(self, case_id: str, token: str) -> Held:
        """Return everything that is held about a case.

        Raises:
            CaseNotFound: no such case for this token.
        """
        record = await self._intake.open(case_id, token)
        committed, waiting = await self._intake.turns(record)
        looks = (self._board.view(case_id, turn) for turn in range(1, record.accepted + 1))
        jobs = await asyncio.gather(*looks)
        outbox = await self._outbox.look(case_id)
        commands: list[Command] = [one.command for one in committed]
        commands += [one.command for one in waiting]
        return Held(
            at=now_ms(),
            record=record,
            playbook=self._intake.playbook(record.state),
            committed=committed,
            waiting=waiting,
            submitted=next((one for one in commands if isinstance(one, Fill)), None),
            result=await self._intake.result(record) if record.has_result else None,
            jobs=tuple(one for one in jobs if one is not None),
            rating=await self._opinions.rating(case_id),
            reviews=await self._opinions.reviews(case_id),
            events=tuple(await self._follower.read(CaseKeys(case_id).events, START)),
            calls=tuple(await self._ledger.rows(case_id)),
            browsers=outbox.subscriptions,
            deliveries=outbox.deliveries,
        )


def counted() -> dict[str, list[str]]:
    """Return what is counted about any case: by kind of fact, the names of its fields.

    Facts are told to the warehouse and hold nobody's words: codes, numbers and times.
    """
    return {kind_of(fact): _names(fact) for fact in FACTS}


def _names(kind: type[Any]) -> list[str]:
    found: list[str] = []
    for one in msgspec.structs.fields(kind):
        nested = one.name in {"about", "row"}
        found += _names(one.type) if nested else [one.name]
    return found
