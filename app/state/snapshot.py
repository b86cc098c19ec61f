"""A picture of everything that a server holds, taken over the network while it goes on serving.

It is asked for as a replica asks: the server forks, and its child sends what was there in that
moment, whole, as an RDB file. So it needs no file of the server's machine, works with embedded and
distant servers alike, and is of one point in time, whatever is written meanwhile. Servers say of
such a replica that it takes the file only, so nothing is kept for it afterwards.
"""

from collections.abc import Callable
from typing import Protocol

from msgspec import Struct
from redis import BlockingConnectionPool, Redis, exceptions

from app.domain.errors import StateUnavailable
from app.state import connecting
from app.state.connecting import ClusterPlace

_PIECE = 1 << 20
_MARK_BYTES = 40
_ASK_SECONDS = 3.0
_MAGIC = (b"REDIS", b"VALKEY")
_LEAST_HEAD = 16
_NOT_ALLOWED = ("NOPERM", "no permissions", "unknown command", "NOAUTH")

Write = Callable[[bytes], object]


class Taken(Struct, frozen=True, kw_only=True):
    """What was taken of one server."""

    server: str
    """Product and version, `valkey 9.1.2`."""
    began_ms: int
    """The server's clock before it was asked, Unix time in milliseconds: all that was there by then
    is in it."""
    size_bytes: int


def take(url: str, write: Write, *, timeout: float = 60.0) -> Taken:
    """Take a picture of a server and hand it on piece by piece.

    Args:
        url: of a server, a primary or a replica, or of Sentinels; see `app.state.connecting`.
        write: takes each piece.
        timeout: seconds in which something has to come; a server that prepares says so every few.

    Raises:
        StateUnavailable: saying what went wrong; what was handed on until then is worth nothing.
    """
    try:
        pool = connecting.thread_pool(url, socket_timeout=timeout, socket_connect_timeout=5.0)
    except ValueError as error:
        raise StateUnavailable(f"the address cannot be read: {error}") from error
    try:
        server, began_ms = _about(pool)
        size = _receive(pool, write)
    except exceptions.ResponseError as error:
        raise StateUnavailable(_refusal(str(error))) from error
    except (exceptions.RedisError, OSError) as error:
        raise StateUnavailable(f"it could not be copied: {error}") from error
    finally:
        pool.disconnect()
    return Taken(server=server, began_ms=began_ms, size_bytes=size)


def _about(pool: BlockingConnectionPool) -> tuple[str, int]:
    client = Redis(connection_pool=pool)
    seconds, microseconds = client.execute_command("TIME")
    info = client.execute_command("INFO", "server")
    version = info.get("valkey_version") or info.get("redis_version", "?")
    began_ms = int(seconds) * 1_000 + int(microseconds) // 1_000
    return f"{info.get('server_name', 'redis')} {version}", began_ms


class _Socket(Protocol):
    def recv(self, size: int, /) -> bytes: ...


def _receive(pool: BlockingConnectionPool, write: Write) -> int:
    connection = pool.get_connection()
    try:
        for words in (("rdb-only", "1"), ("capa", "eof")):
            connection.send_command("REPLCONF", *words)
            connection.read_response()
        connection.send_command("SYNC")
        # What comes now is no answer that the client could read, and it has no way to its socket.
        return Payload(connection._sock, write).receive()
    finally:
        connection.disconnect()
        pool.release(connection)


class Payload:
    """What a server sends after SYNC: a length or a mark, then the file."""

    def __init__(self, socket: _Socket, write: Write) -> None:
        self._socket = socket
        self._write = write
        self._held = b""

    def receive(self) -> int:
        """Hand the file on; returns its length in bytes."""
        head = self._line()
        if head.startswith(b"-"):
            raise exceptions.ResponseError(head[1:].decode(errors="replace"))
        if not head.startswith(b"$"):
            raise OSError("it answered with something else than a copy")
        while len(self._held) < _LEAST_HEAD:
            self._more()
        if not self._held.startswith(_MAGIC):
            raise OSError("what came is no copy")
        if head.startswith(b"$EOF:"):
            return self._until(head[5:])
        return self._exactly(int(head[1:]))

    def _line(self) -> bytes:
        """Return the first line; empty ones say that the server is still preparing."""
        while True:
            line, found, rest = self._held.partition(b"\n")
            if not found:
                self._more()
                continue
            self._held = rest
            if line := line.strip():
                return line

    def _more(self) -> None:
        piece = self._socket.recv(_PIECE)
        if not piece:
            raise OSError("it hung up before everything had come")
        self._held += piece

    def _exactly(self, size: int) -> int:
        left = size
        while left:
            if not self._held:
                self._more()
            piece, self._held = self._held[:left], self._held[left:]
            self._write(piece)
            left -= len(piece)
        return size

    def _until(self, mark: bytes) -> int:
        """Hand on what comes before the mark, which is the last that comes."""
        size = 0
        while not (len(self._held) >= _MARK_BYTES and self._held.endswith(mark)):
            if sure := self._held[:-_MARK_BYTES]:
                self._write(sure)
                size += len(sure)
                self._held = self._held[-_MARK_BYTES:]
            self._more()
        rest = self._held[:-_MARK_BYTES]
        self._write(rest)
        return size + len(rest)


def _refusal(text: str) -> str:
    if any(one in text for one in _NOT_ALLOWED):
        return (
            f"it lets nobody copy it ({text}). The user of the address needs +sync, +replconf,"
            " +info and +time; where a provider keeps SYNC to itself, use its own snapshots"
        )
    return f"it could not be copied: {text}"


def servers_of(url: str) -> list[str]:
    """Return the addresses of all servers that have to be copied to have everything.

    That is the server itself or, of a cluster, each primary.

    Raises:
        StateUnavailable: if no node of the cluster says who they are.
    """
    try:
        place = connecting.cluster_of(url)
    except ValueError as error:
        raise StateUnavailable(f"the address cannot be read: {error}") from error
    if place is None:
        return [url]
    head, at, _ = url.partition("://")[2].rpartition("@")
    scheme = "rediss" if place.tls else "redis"
    return [f"{scheme}://{head}{at}{_host(host)}:{port}" for host, port in _primaries(place)]


def _primaries(place: ClusterPlace) -> list[tuple[str, int]]:
    reasons = []
    for where in place.nodes:
        pool = connecting.thread_node_pool(
            place, where, socket_timeout=_ASK_SECONDS, socket_connect_timeout=_ASK_SECONDS
        )
        try:
            rows = Redis(connection_pool=pool).execute_command("CLUSTER", "SLOTS")
        except (exceptions.RedisError, OSError) as error:
            reasons.append(str(error))
            continue
        finally:
            pool.disconnect()
        primaries = [row[2] for row in rows]
        return sorted({(one[0].decode() or where[0], int(one[1])) for one in primaries})
    raise StateUnavailable(f"no node of its cluster answers: {'; '.join(reasons)}")


def _host(name: str) -> str:
    return f"[{name}]" if ":" in name else name
