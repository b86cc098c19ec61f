"""The pool of connections to Valkey: redis-py's, without what it does for each command in vain."""

from typing import Any

from redis.asyncio import BlockingConnectionPool
from redis.asyncio.connection import AbstractConnection, Connection, ConnectionPool
from redis.connection import HiredisRespSerializer


class _Packing(AbstractConnection):
    """A connection that lets hiredis write commands, in a seventh of the time.

    redis-py's own connections do so for threads, and with asyncio only read with it.
    """

    _packer = HiredisRespSerializer()

    def pack_command(self, *args: Any) -> list[bytes]:
        """Return a command as it is sent."""
        packed: list[bytes] = self._packer.pack(*args)
        return packed


def _packing(kind: type[AbstractConnection]) -> type[AbstractConnection]:
    """Return a kind of connection with hiredis for its commands."""
    return type(kind.__name__, (_Packing, kind), {})


class LeanPool(BlockingConnectionPool):
    """Hands a free connection out at once, and looks at its end of file instead of reading from it.

    redis-py sets three timers for each command: for the wait for a connection even where one is
    free, and to see by a read that must not wait whether the free one is still good.
    """

    def __init__(
        self, *, connection_class: type[AbstractConnection] = Connection, **settings: Any
    ) -> None:
        """Take what redis-py's pool takes."""
        super().__init__(connection_class=_packing(connection_class), **settings)
        self._queued = 0

    async def get_connection(self, *_: Any, **__: Any) -> AbstractConnection:
        """Return a connection; where none is free, wait in line for one."""
        if self._queued or not self.can_get_connection():
            self._queued += 1
            try:
                found: AbstractConnection = await super().get_connection()
                return found
            finally:
                self._queued -= 1
        connection: AbstractConnection = self.get_available_connection()  # type: ignore[no-untyped-call]
        try:
            await self.ensure_connection(connection)
        except BaseException:
            await self.release(connection)
            raise
        return connection

    async def ensure_connection(self, connection: AbstractConnection) -> None:
        """See that a connection is there, and that the server has not hung up meanwhile.

        Nothing unread can be left on one: redis-py hangs up whenever reading an answer is given up.
        """
        reader = connection._reader
        if reader is None or reader.at_eof() or reader.exception() is not None:
            await super().ensure_connection(connection)

    async def release(self, connection: AbstractConnection) -> None:
        """Take a connection back, and tell those who wait for one."""
        if self._queued:
            await super().release(connection)
        else:
            await ConnectionPool.release(self, connection)
