"""What a server holds, counted key by key: for whoever wants to know that everything is there."""

import re

from msgspec import Struct

from app.state.keys import CaseKeys
from app.state.store import Store

_META = re.compile(rb"tri:\{([^{}:]+)\}:m")
_PAGE = 1_000


class Census(Struct, frozen=True, kw_only=True):
    """What was counted."""

    cases: tuple[str, ...]
    """Their ids."""
    turns: int
    keys: int


async def census(store: Store) -> Census:
    """Count what one server holds, to which nobody writes meanwhile.

    Raises:
        StateUnavailable: if the storage does not answer.
    """
    cases: dict[str, None] = {}
    turns = 0
    async for names in store.scan("*", _PAGE):
        found = [match[1].decode() for name in names if (match := _META.fullmatch(name))]
        new = [one for one in dict.fromkeys(found) if one not in cases]
        turns += sum(await store.commands(("LLEN", CaseKeys(one).turns) for one in new))
        cases.update(dict.fromkeys(new))
    keys = int(await store.command("DBSIZE"))
    return Census(cases=tuple(cases), turns=turns, keys=keys)
