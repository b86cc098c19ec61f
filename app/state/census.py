"""What a server holds, counted key by key: for whoever wants to know that everything is there."""

import re

from msgspec import Struct

from app.state.copying import scanned
from app.state.keys import CaseKeys
from app.state.store import Store

_META = re.compile(rb"tri:\{([^{}:]+)\}:m")


class Census(Struct, frozen=True, kw_only=True):
    """What was counted."""

    cases: tuple[str, ...]
    """Their ids."""
    turns: int
    keys: int


async def census(store: Store) -> Census:
    """Count.

    Raises:
        StateUnavailable: if the storage does not answer.
    """
    cases: list[str] = []
    turns = keys = 0
    async for names in scanned(store):
        keys += len(names)
        found = [match[1].decode() for name in names if (match := _META.fullmatch(name))]
        turns += sum(await store.commands(("LLEN", CaseKeys(one).turns) for one in found))
        cases += found
    return Census(cases=tuple(cases), turns=turns, keys=keys)
