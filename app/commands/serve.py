"""`triage serve`: one API instance."""

import asyncio
import contextlib
import gc
import os
import resource
import signal
import socket
from collections.abc import Mapping
from types import FrameType

import click
import structlog
import uvicorn
import uvloop

from app.api.protocol import ProblemProtocol
from app.commands.place import open_to
from app.commands.storage import storage_url
from app.core.access.secret import check_secret, hasher
from app.core.rules import Rules
from app.domain.errors import StateUnavailable
from app.engine import load_rules
from app.logging import set_up_logging
from app.main import Parts, build_parts, create_app, drain
from app.settings import Settings, read_settings
from app.state.access import AccessBook

_GRACE_SECONDS = 5
"""How long open connections may take to end once everything has been handed over."""
_GARBAGE = (10_000, 20, 50)
"""How many objects more there are before the collector looks. Turns leave little garbage, and each
look walks over all that runs at the time."""


class DrainingServer(uvicorn.Server):
    """A server that lets its streams go before it waits for them."""

    def __init__(self, config: uvicorn.Config, parts: Parts) -> None:
        super().__init__(config)
        self._parts = parts
        self._draining: asyncio.Task[None] | None = None

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Listen, and look at how many wait before the door."""
        await super().startup(sockets)
        listening = [one for server in self.servers for one in server.sockets]
        self._parts.door.watch(one.fileno() for one in listening)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Close the door for good."""
        self._parts.door.close()
        await super().shutdown(sockets)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Begin to drain on the first signal; Ctrl-C pressed again waits no longer.

        The framework would raise the signal once more when all is done. An instance that was asked
        to end has not been killed: it says that it has stopped, and its status is 0.
        """
        del frame
        if self._draining is None:
            self._draining = asyncio.get_running_loop().create_task(drain(self._parts))
        if self.should_exit and sig == signal.SIGINT:
            self.force_exit = True
        self.should_exit = True


@click.command()
def serve() -> None:
    """Run one API instance, on TRIAGE_HOST and TRIAGE_PORT.

    It needs storage: TRIAGE_REDIS_URL, or the embedded server of a running `triage up` with the
    same TRIAGE_VAR. Any number of instances may share one storage.
    """
    # Nothing that a start builds is garbage, and the collector would walk it again and again.
    gc.freeze()
    gc.disable()
    settings = read_settings(os.environ)
    set_up_logging(settings, f"api:{settings.port}")
    uvloop.run(run(settings, load_rules(settings)))


async def run(settings: Settings, rules: Mapping[str, Rules]) -> None:
    """Serve until a signal ends it."""
    _allow_connections()
    parts = build_parts(settings, storage_url(settings), rules)
    await _check_secret(settings, parts)

    class Protocol(ProblemProtocol):
        stalled_seconds = settings.stalled_seconds
        request_seconds = settings.request_seconds

    config = uvicorn.Config(
        create_app(parts),
        host=settings.host,
        port=settings.port,
        http=Protocol,
        ws="none",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        lifespan="on",
        timeout_graceful_shutdown=_GRACE_SECONDS,
    )
    # What is built now lives as long as the process. Left to the collector, it is walked again and
    # again, and every conversation stands still meanwhile.
    gc.freeze()
    gc.set_threshold(*_GARBAGE)
    gc.enable()
    log = structlog.get_logger(__name__)
    log.info(
        "instance.starting",
        host=settings.host,
        port=settings.port,
        intake=open_to(settings),
    )
    await DrainingServer(config, parts).serve()
    log.info("instance.stopped")


def _allow_connections() -> None:
    """Take all the file descriptors there may be: each reader is one, and 1,024 are soon gone."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    with contextlib.suppress(OSError, ValueError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


async def _check_secret(settings: Settings, parts: Parts) -> None:
    """Do not start where every token would be refused, or nothing could be read.

    A storage that is away is waited for.
    """
    with contextlib.suppress(StateUnavailable):
        await check_secret(AccessBook(parts.store), hasher(settings), settings)
        await parts.masters.look()
