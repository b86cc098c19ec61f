"""What somebody was given stays theirs, also when weights change: GrowthBook's sticky buckets."""

from typing import Any

import msgspec
from growthbook import AbstractAsyncStickyBucketService

from app.domain.errors import StateUnavailable
from app.state.flags import Flags
from plugins.flags.payload import PERSON

_decode = msgspec.json.Decoder(dict[str, Any]).decode


class StickyBuckets(AbstractAsyncStickyBucketService):
    """Keeps assignments of people in the shared storage."""

    def __init__(self, flags: Flags) -> None:
        self._flags = flags
        self.units = frozenset({PERSON})
        """The attributes that experiments hash; nothing else keeps what it was given."""

    async def get_assignments(
        self,
        attributeName: str,  # noqa: N803 -- the client's name for it
        attributeValue: str,  # noqa: N803
    ) -> dict[str, Any] | None:
        """Return what a unit was given; None where that is not known."""
        found = await self._flags.assignments(self.get_key(attributeName, attributeValue))
        return None if found is None else _decode(found)

    async def save_assignments(self, doc: dict[str, Any]) -> None:
        """Keep what a unit was given."""
        unit = self.get_key(doc["attributeName"], doc["attributeValue"])
        await self._flags.keep_assignments(unit, msgspec.json.encode(doc))

    async def get_all_assignments(self, attributes: dict[str, str]) -> dict[str, dict[str, Any]]:
        """Return what somebody was given, by each attribute that experiments hash.

        Where the storage does not answer, people get what the flags say now.
        """
        found = {}
        for name, value in attributes.items():
            if name not in self.units:
                continue
            try:
                kept = await self.get_assignments(name, value)
            except StateUnavailable:
                return {}
            if kept is not None:
                found[self.get_key(name, value)] = kept
        return found

    async def forget(self, person: str) -> None:
        """Forget what a person was given in experiments, as `person_key` names them."""
        await self._flags.forget_assignments(self.get_key(PERSON, person))
