"""The supervisor: passes words on, starts again, and always comes to an end."""

import asyncio
import shutil
import sys
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from app.appendonly import DataDamaged
from app.diskroom import DiskRoom
from app.embedded import EmbeddedValkey
from app.supervise import Child, ChildFailed, Supervisor, child_environment
from app.tether import Tether
from tests.support.valkey import Wire


class Heard:
    """Collects what is said and lets a test wait for it."""

    def __init__(self) -> None:
        self.lines: list[tuple[str, str]] = []
        self._changed = asyncio.Condition()
        self._tasks: set[asyncio.Task[None]] = set()

    def __call__(self, name: str, line: str) -> None:
        """Take a line."""
        self.lines.append((name, line))
        task = asyncio.ensure_future(self._notify())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def until(self, holds: Callable[[list[str]], bool]) -> None:
        """Wait until it holds of the lines."""
        async with asyncio.timeout(20), self._changed:
            await self._changed.wait_for(lambda: holds([line for _, line in self.lines]))

    async def _notify(self) -> None:
        async with self._changed:
            self._changed.notify_all()


@asynccontextmanager
async def supervising(heard: Heard, grace: float = 5.0) -> AsyncIterator[Supervisor]:
    """A supervisor that is stopped at the end."""
    tether = Tether()
    supervisor = Supervisor(heard, tether, grace=grace)
    try:
        yield supervisor
    finally:
        await supervisor.stop()
        tether.close()


def child(script: str, name: str = "child") -> Child:
    """A child that runs this Python script."""
    return Child(name=name, command=[sys.executable, "-c", script], env=child_environment({}))


async def test_every_line_is_passed_on_under_its_name() -> None:
    """Lines, errors, bytes that are no text and a last line without an end all arrive in order."""
    heard = Heard()
    script = (
        "import sys; print('one'); print('two', file=sys.stderr);"
        "sys.stdout.buffer.write(b'\\xff three'); sys.stdout.flush(); sys.stdin.read()"
    )
    async with supervising(heard) as supervisor:
        supervisor.mark_ready()
        supervisor.keep(child(script))
        await heard.until(lambda lines: "\ufffd three" in lines)
    assert heard.lines[:3] == [("child", "one"), ("child", "two"), ("child", "\ufffd three")]


async def test_a_child_that_ends_is_started_again_with_growing_pauses() -> None:
    """Each quick end doubles the pause before the next start."""
    heard = Heard()
    async with supervising(heard) as supervisor:
        supervisor.mark_ready()
        supervisor.keep(child("raise SystemExit(3)"))
        await heard.until(lambda lines: len(lines) >= 3)
    assert [line for _, line in heard.lines[:3]] == [
        f"ended with status 3; again in {pause} s" for pause in ("0.2", "0.4", "0.8")
    ]


async def test_a_child_that_does_not_come_up_is_an_error() -> None:
    """Before everything was ready once, an end is final and says what it was."""
    heard = Heard()
    async with supervising(heard) as supervisor:
        supervisor.keep(child("import os; os.kill(os.getpid(), 9)", "api"))
        with pytest.raises(ChildFailed, match="api does not start: it ended with SIGKILL"):
            await supervisor.until_stopped()


async def test_a_child_that_will_not_end_is_killed() -> None:
    """After the grace period nothing is waited for any longer."""
    heard = Heard()
    script = (
        "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN);"
        "print('deaf', flush=True); time.sleep(60)"
    )
    async with supervising(heard, grace=0.3) as supervisor:
        supervisor.keep(child(script))
        await heard.until(lambda lines: "deaf" in lines)
        began = time.monotonic()
        supervisor.request_stop()
        await supervisor.stop()
        assert time.monotonic() - began < 20, "it would have slept for a minute"
    assert ("child", "did not end in time and is killed") in heard.lines


async def test_asking_twice_does_not_wait() -> None:
    """The second request to stop kills at once."""
    heard = Heard()
    script = (
        "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN);"
        "print('deaf', flush=True); time.sleep(60)"
    )
    async with supervising(heard, grace=30) as supervisor:
        supervisor.keep(child(script))
        await heard.until(lambda lines: "deaf" in lines)
        supervisor.request_stop()
        supervisor.request_stop()
        began = time.monotonic()
        await supervisor.stop()
        assert time.monotonic() - began < 20, "the grace period is longer"


async def test_work_that_ends_is_told_from_a_stop() -> None:
    """`until_stopped` says whether the work is done or somebody wants to leave."""
    heard = Heard()

    async def wait_for(event: asyncio.Event) -> None:
        await event.wait()

    done = asyncio.Event()
    done.set()
    async with supervising(heard) as supervisor:
        assert not await supervisor.until_stopped(wait_for(done))
        supervisor.request_stop()
        assert await supervisor.until_stopped(wait_for(asyncio.Event()))


async def test_a_storage_that_ends_is_started_again(tmp_path: Path) -> None:
    """A killed Valkey serves again within moments, under another process id."""
    heard = Heard()
    valkey = EmbeddedValkey(tmp_path)
    valkey.start()
    try:
        async with supervising(heard) as supervisor:
            supervisor.keep_valkey(valkey)
            old = valkey.pid
            valkey.kill()
            await heard.until(lambda lines: any("serves again after" in line for line in lines))
            assert valkey.pid != old
    finally:
        valkey.stop()


async def test_a_storage_without_room_takes_no_writes(tmp_path: Path) -> None:
    """Where less is free than the reserve, writes are refused and reading goes on, and it says so.

    So it is also with the server that comes after one that ended.
    """
    heard = Heard()
    with EmbeddedValkey(tmp_path) as before, Wire(before.socket) as wire:
        wire.call("SET", "a", "1")
    valkey = EmbeddedValkey(tmp_path, reserve=10**18)
    valkey.start()
    try:
        async with supervising(heard) as supervisor:
            supervisor.keep_valkey(valkey)
            await heard.until(lambda lines: any("no writes are taken" in line for line in lines))
            valkey.kill()
            await heard.until(lambda lines: any("serves again after" in line for line in lines))
            with Wire(valkey.socket) as wire:
                with pytest.raises(AssertionError, match="NOREPLICAS"):
                    wire.call("SET", "a", "2")
                assert wire.call("GET", "a") == b"1"
    finally:
        valkey.stop()


def test_writes_are_taken_again_only_where_there_is_clearly_room(tmp_path: Path) -> None:
    """A reserve that is just there again is not yet enough, so that writing does not flutter."""
    free = shutil.disk_usage(tmp_path).free
    room = DiskRoom(tmp_path, reserve=int(free * 0.8))
    room.look()
    assert not room.is_short
    room.is_short = True
    room.look()
    assert room.is_short
    assert "no writes are taken" in room.words()


async def test_a_storage_whose_data_is_damaged_ends_everything(tmp_path: Path) -> None:
    """What cannot be trusted is not served, however often it is started."""
    heard = Heard()
    valkey = EmbeddedValkey(tmp_path)
    valkey.start()
    try:
        async with supervising(heard) as supervisor:
            supervisor.keep_valkey(valkey)
            (valkey.folder / "appendonlydir" / "appendonly.aof.manifest").unlink()
            valkey.kill()
            with pytest.raises(DataDamaged):
                await supervisor.until_stopped()
    finally:
        valkey.stop()


def test_children_inherit_and_override() -> None:
    """A child's environment is ours with the given settings on top."""
    env = child_environment({"A": "1", "B": "2"}, B="3")
    assert (env["A"], env["B"], env["PYTHONUNBUFFERED"]) == ("1", "3", "1")
