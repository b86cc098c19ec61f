"""The open streams of one instance: how many a credential has, and how they are closed at once."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, Literal

from msgspec import Struct

from app.domain.errors import InstanceFull
from app.state.access import Holder


class Credential(Struct, frozen=True):
    """By what a stream was authorised."""

    kind: Literal["case", "key"]
    name: str
    """The case's or the key's id."""
    digest: str = ""
    """Of the key's token: each of a key's tokens ends by itself."""

    @property
    def holder(self) -> Holder:
        """Who is counted as having it."""
        return self.kind, self.name


class OpenStream:
    """One open stream. It ends by itself, or is cut; either way it has to be closed."""

    def __init__(self, credential: Credential) -> None:
        self.credential = credential
        self._cut: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    @property
    def is_cut(self) -> bool:
        """Whether it may go on no longer."""
        return self._cut.done()

    def cut(self) -> None:
        """Say that it may go on no longer."""
        if not self._cut.done():
            self._cut.set_result(None)

    async def heard(self, receive: Callable[[], Awaitable[Any]]) -> Any | None:
        """Return what the other side says next; None once the stream is cut."""
        hearing = asyncio.ensure_future(receive())
        try:
            await asyncio.wait({hearing, self._cut}, return_when=asyncio.FIRST_COMPLETED)
            return hearing.result() if hearing.done() else None
        finally:
            hearing.cancel()


class OpenStreams:
    """All open streams of an instance."""

    def __init__(self, most: int) -> None:
        """Take how many there may be; 0 is no limit."""
        self._most = most
        self._open: dict[Holder, set[OpenStream]] = {}
        self._left: set[Holder] = set()
        self.count = 0

    def open(self, credential: Credential) -> OpenStream:
        """Note a stream before its first byte.

        Raises:
            InstanceFull: if there are as many as there may be.
        """
        if 0 < self._most <= self.count:
            raise InstanceFull("this instance has as many open streams as it takes")
        stream = OpenStream(credential)
        self._open.setdefault(credential.holder, set()).add(stream)
        self.count += 1
        return stream

    def close(self, stream: OpenStream) -> None:
        """Forget a stream."""
        holder = stream.credential.holder
        held = self._open.get(holder, set())
        if stream in held:
            held.discard(stream)
            self._left.add(holder)
            self.count -= 1
        if not held:
            self._open.pop(holder, None)

    def of(self, holder: Holder) -> int:
        """Return how many a case or a key has here."""
        return len(self._open.get(holder, ()))

    def left(self) -> dict[Holder, int]:
        """Return who closed one since this was asked last, and how many they have still."""
        left, self._left = self._left, set()
        return {holder: self.of(holder) for holder in left}

    def counts(self) -> dict[Holder, int]:
        """Return who has how many."""
        return {holder: len(held) for holder, held in self._open.items()}

    def cut(self, unless: Callable[[Credential], bool]) -> int:
        """Cut every stream whose credential is not good any more; returns how many."""
        bad = [
            one
            for held in self._open.values()
            for one in held
            if not one.is_cut and not unless(one.credential)
        ]
        for one in bad:
            one.cut()
        return len(bad)
