"""Looking at many cases at once: one that cannot be read never stands in the way of the others."""

from collections.abc import Callable, Sequence
from typing import TypeVar

import structlog

from app.domain.case import CaseState
from app.domain.errors import CaseUnreadable
from app.domain.sealing import CaseKey
from app.state import codec
from app.state.keys import CaseKeys
from app.state.sealing import KEY
from app.state.store import Store

T = TypeVar("T")

_log = structlog.get_logger(__name__)


def read(
    store: Store, case_id: str, wrapped: bytes | None, of: Callable[[CaseKey | None], T]
) -> T | CaseUnreadable:
    """Read something of a case, or say why it cannot be read, which is logged.

    Args:
        store: the storage.
        case_id: the case.
        wrapped: its key, as it stands with it.
        of: reads, with the case's key.
    """
    try:
        return of(store.sealer.key(case_id, wrapped))
    except CaseUnreadable as error:
        _log.warning("case.unreadable", case=case_id, reason=str(error))
        return error


async def states(store: Store, case_ids: Sequence[str]) -> list[CaseState | CaseUnreadable | None]:
    """Return the states of cases; None where there is none.

    Raises:
        StateUnavailable: if the storage does not answer.
    """
    rows = await store.commands(("HMGET", CaseKeys(one).meta, "s", KEY) for one in case_ids)
    return [
        None if data is None else _state(store, case_id, wrapped, data)
        for case_id, (data, wrapped) in zip(case_ids, rows, strict=True)
    ]


def _state(
    store: Store, case_id: str, wrapped: bytes | None, data: bytes
) -> CaseState | CaseUnreadable:
    return read(store, case_id, wrapped, lambda key: codec.STATE.open(key, data))
