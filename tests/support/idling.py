"""Many open event streams in one process, each of which only counts what it is told."""

import asyncio
import time
from collections import Counter
from pathlib import Path

from tests.support.api import BASE, Case


class Idle:
    """One open stream of a case's own events."""

    def __init__(self, port: int, case: Case) -> None:
        """Name it; nothing happens before `open`."""
        self._port = port
        self._case = case
        self._writer: asyncio.StreamWriter | None = None
        self._reading: asyncio.Task[None] | None = None
        self.told: Counter[str] = Counter()
        """How many lines of which kind came: `:` are heartbeats, `event` events."""
        self.last = 0.0
        """When something came, on the monotonic clock."""
        self.longest = 0.0
        """The longest silence so far."""
        self._changed = asyncio.Event()

    @property
    def is_open(self) -> bool:
        """Whether the other side has not hung up."""
        return self._reading is not None and not self._reading.done()

    async def open(self) -> None:
        """Ask for the stream, and wait until it has said that it is open."""
        reader, self._writer = await asyncio.open_connection("127.0.0.1", self._port)
        path = f"{BASE}/cases/{self._case.id}/events"
        head = f"GET {path} HTTP/1.1\r\nHost: here\r\nAuthorization: Bearer {self._case.token}\r\n"
        self._writer.write(f"{head}\r\n".encode())
        status = await reader.readline()
        assert b" 200 " in status, status
        while (line := await reader.readline()) != b": ok\n":
            assert line, "it hung up"
        self.last = time.monotonic()
        self._reading = asyncio.create_task(self._read(reader))

    async def hear(self, kind: str, number: int) -> None:
        """Wait until so many lines of a kind have come; fails where it was hung up on."""
        while self.told[kind] < number:
            assert self.is_open, f"it was hung up on after {self.told}"
            self._changed.clear()
            await self._changed.wait()

    async def close(self) -> None:
        """Hang up."""
        if self._reading is not None:
            self._reading.cancel()
            await asyncio.gather(self._reading, return_exceptions=True)
        if self._writer is not None:
            self._writer.transport.abort()

    async def _read(self, reader: asyncio.StreamReader) -> None:
        try:
            await self._count(reader)
        finally:
            self._changed.set()

    async def _count(self, reader: asyncio.StreamReader) -> None:
        while line := await reader.readline():
            name = line.partition(b":")[0]
            if line == b"\n" or (line[:1].isalnum() and b":" not in line):
                continue  # the end of an event, or the size of a chunk
            now = time.monotonic()
            self.longest = max(self.longest, now - self.last)
            self.last = now
            self.told[name.decode() or ":"] += 1
            self._changed.set()


def cpu_seconds(pid: int) -> float:
    """Return the processor's time that a process has used."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2].split()
    return (int(fields[11]) + int(fields[12])) / 100
