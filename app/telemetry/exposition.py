"""The page that Prometheus reads: everything a process counts and what the storage says.

A storage that is away takes its gauges with it and nothing else: the page is still served, and
says that it is away.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import NamedTuple

import structlog
from prometheus_client.exposition import choose_encoder

from app.domain.errors import StateUnavailable
from app.domain.figures import Figures
from app.telemetry.kept import KeptGauges
from app.telemetry.metrics import Metrics

READ_SECONDS = 5.0
"""How long a scrape waits for the storage; Prometheus gives a scrape ten seconds in all."""
FRESH_SECONDS = 1.0
"""Scrapes that come closer together are told the same figures."""

_log = structlog.get_logger(__name__)


class Page(NamedTuple):
    """A page and what it is written in."""

    content_type: str
    body: bytes


class Exposition:
    """Serves the metrics of one process."""

    def __init__(self, metrics: Metrics, read: Callable[[], Awaitable[Figures]]) -> None:
        """Take the metrics, and what reads an installation's figures."""
        self._metrics = metrics
        self._read = read
        self._kept = KeptGauges(metrics.registry)
        self._reading = asyncio.Lock()
        self._read_at = float("-inf")

    async def page(self, accept: str) -> Page:
        """Return the page in the format that the reader asks for: OpenMetrics or plain text."""
        async with self._reading:
            if time.monotonic() - self._read_at > FRESH_SECONDS:
                self._kept.figures = await self._figures()
                self._read_at = time.monotonic()
        encode, content_type = choose_encoder(accept)
        # Thousands of lines take tens of milliseconds, and other people's words must not wait.
        return Page(content_type, await asyncio.to_thread(encode, self._metrics.registry))

    async def _figures(self) -> Figures | None:
        try:
            async with asyncio.timeout(READ_SECONDS):
                figures = await self._read()
        except (StateUnavailable, TimeoutError) as error:
            _log.warning("metrics.without_storage", reason=str(error) or "it is too slow")
            self._metrics.storage(ping_seconds=None)
            return None
        self._metrics.storage(ping_seconds=figures.ping_ms / 1_000)
        return figures
