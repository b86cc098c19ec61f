"""Keep the processes of one machine running: embedded Valkey, the API, the worker.

Each child dies with this process, and its log lines are passed on under its name. Once everything
was ready, a child that ends is started again with a growing pause. Stopping goes the other way
round: first those that use the storage, then the storage.
"""

import asyncio
import contextlib
import os
import signal
import time
from asyncio.subprocess import PIPE, STDOUT, Process
from collections.abc import Callable, Coroutine, Mapping
from typing import Any

from msgspec import Struct

from app.diskroom import LOOK_SECONDS
from app.domain.errors import TriageError
from app.embedded import EmbeddedValkey, ValkeyNotStarted
from app.tether import Tether

_GRACE_SECONDS = 8.0
"""A little longer than an instance gives its own connections."""
_FIRST_PAUSE = 0.2
_LONGEST_PAUSE = 10.0
_STEADY_SECONDS = 20.0
"""A child that lived this long starts again with the shortest pause."""

Say = Callable[[str, str], None]
"""Takes the name of who speaks and a line."""


class ChildFailed(TriageError):
    """Something that must run does not come up."""


class Child(Struct, frozen=True, kw_only=True):
    """A process to keep running."""

    name: str
    command: list[str]
    env: Mapping[str, str]


class Supervisor:
    """Runs children until it is told to stop; made, used and stopped on the main thread."""

    def __init__(self, say: Say, tether: Tether, *, grace: float = _GRACE_SECONDS) -> None:
        """Say where lines go, what ties the children to this process, and how long they may take.

        `grace` is in seconds: how long a child may take to end before it is killed.
        """
        self._say = say
        self._grace = grace
        self._tether = tether
        self._stopping = asyncio.Event()
        self._failed: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._ready_once = False
        self._running: dict[str, Process] = {}
        self._tasks: list[asyncio.Task[None]] = []

    def keep(self, child: Child) -> None:
        """Start a child and keep it running."""
        self._watch(self._keep_child(child))

    def keep_valkey(self, valkey: EmbeddedValkey) -> None:
        """Keep an embedded Valkey running that has been started, and off a full disk."""
        self._watch(self._keep_valkey(valkey))
        self._watch(self._keep_room(valkey))

    def mark_ready(self) -> None:
        """Say that everything was up once: from now on a child that ends is started again."""
        self._ready_once = True

    def request_stop(self) -> None:
        """Ask for the end; asked a second time, kill the children at once."""
        if self._stopping.is_set():
            for process in self._running.values():
                _signal(process, signal.SIGKILL)
        self._stopping.set()

    async def until_stopped(self, work: Coroutine[Any, Any, None] | None = None) -> bool:
        """Wait for `work`, if any, or else for good; True if a stop was asked for meanwhile.

        Raises:
            ChildFailed: a child does not come up.
        """
        asked = asyncio.ensure_future(self._stopping.wait())
        waiting: set[asyncio.Future[Any]] = {asked, self._failed}
        if work is not None:
            waiting.add(asyncio.ensure_future(work))
        try:
            done, _ = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
            for one in done:
                one.result()
            return self._stopping.is_set()
        finally:
            for one in waiting - {self._failed}:
                one.cancel()

    async def stop(self) -> None:
        """End the children and wait for them: asked first, killed after a grace period."""
        self._stopping.set()
        for process in self._running.values():
            _signal(process, signal.SIGTERM)
        _, late = await asyncio.wait(self._tasks, timeout=self._grace) if self._tasks else ((), ())
        if late:
            for name, process in self._running.items():
                self._say(name, "did not end in time and is killed")
                _signal(process, signal.SIGKILL)
            await asyncio.wait(late)
        if self._failed.done():
            self._failed.exception()  # whoever waits has been told; a later failure is of no use

    def _watch(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        task.add_done_callback(self._note_failure)
        self._tasks.append(task)

    def _note_failure(self, task: asyncio.Task[None]) -> None:
        error = None if task.cancelled() else task.exception()
        if error is not None and not self._failed.done():
            self._failed.set_exception(error)

    async def _keep_child(self, child: Child) -> None:
        pause = _FIRST_PAUSE
        while not self._stopping.is_set():
            started = time.monotonic()
            status = await self._run_once(child)
            if self._stopping.is_set():
                return
            if not self._ready_once:
                raise ChildFailed(
                    f"{child.name} does not start: it ended with {_status_text(status)}; "
                    "its own words are above"
                )
            pause = self._next_pause(pause, started)
            self._say(child.name, f"ended with {_status_text(status)}; again in {pause:g} s")
            await self._pause(pause)
            pause *= 2

    async def _run_once(self, child: Child) -> int:
        process = await asyncio.create_subprocess_exec(
            *self._tether.command(child.command),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=PIPE,
            stderr=STDOUT,
            env=dict(child.env),
            pass_fds=self._tether.fds,
            start_new_session=True,
        )
        self._running[child.name] = process
        if self._stopping.is_set():
            _signal(process, signal.SIGTERM)
        try:
            await self._pass_on(child.name, process)
            return await process.wait()
        finally:
            del self._running[child.name]

    async def _pass_on(self, name: str, process: Process) -> None:
        """Pass on what the process writes, line by line, until it closes its output."""
        if process.stdout is None:
            return
        rest = b""
        while chunk := await process.stdout.read(65536):
            *lines, rest = (rest + chunk).split(b"\n")
            for line in lines:
                self._say(name, line.decode(errors="replace"))
        if rest:
            self._say(name, rest.decode(errors="replace"))

    async def _keep_valkey(self, valkey: EmbeddedValkey) -> None:
        """Start it again whenever it ends; the process is made on this thread, as its tie needs."""
        pause = _FIRST_PAUSE
        while True:
            started = time.monotonic()
            if await self._until_ended_or_stopping(valkey):
                return
            pause = self._next_pause(pause, started)
            self._say("valkey", f"ended unexpectedly; starting it again (log: {valkey.log})")
            ended = time.monotonic()
            try:
                valkey.spawn()
                await asyncio.to_thread(valkey.wait_ready)
            except ValkeyNotStarted as error:
                self._say("valkey", f"{error}; again in {pause:g} s")
                await self._pause(pause)
                pause *= 2
            else:
                self._say("valkey", f"serves again after {time.monotonic() - ended:.2f} s")

    async def _keep_room(self, valkey: EmbeddedValkey) -> None:
        while not self._stopping.is_set():
            if changed := await asyncio.to_thread(valkey.guard_room):
                self._say("valkey", changed)
            await self._pause(LOOK_SECONDS)

    async def _until_ended_or_stopping(self, valkey: EmbeddedValkey) -> bool:
        """Wait for either; True when stopping. The waiting thread ends with the server."""
        ended = asyncio.ensure_future(asyncio.to_thread(valkey.wait))
        stopping = asyncio.ensure_future(self._stopping.wait())
        await asyncio.wait({ended, stopping}, return_when=asyncio.FIRST_COMPLETED)
        stopping.cancel()
        return self._stopping.is_set()

    def _next_pause(self, pause: float, started: float) -> float:
        if time.monotonic() - started > _STEADY_SECONDS:
            return _FIRST_PAUSE
        return min(pause, _LONGEST_PAUSE)

    async def _pause(self, seconds: float) -> None:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._stopping.wait(), seconds)


def child_environment(environ: Mapping[str, str], **settings: str) -> dict[str, str]:
    """Return the environment of a child: ours, these settings, and output without a delay."""
    return {**environ, "PYTHONUNBUFFERED": "1", **settings}


def _signal(process: Process, number: signal.Signals) -> None:
    """Signal a child's whole session, so that nothing it started stays behind."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, number)


def _status_text(status: int) -> str:
    return f"status {status}" if status >= 0 else signal.Signals(-status).name
