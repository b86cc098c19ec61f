"""The worker's own port, at which Prometheus reads its metrics and nothing else is served."""

import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import structlog
from aiohttp import web

from app.domain.errors import (
    AccessSecretWrong,
    InvalidInput,
    NotAuthenticated,
    ScopeMissing,
    StateUnavailable,
)
from app.telemetry.exposition import Exposition
from app.telemetry.readers import Readers

_log = structlog.get_logger(__name__)


@asynccontextmanager
async def served(
    exposition: Exposition, readers: Readers, host: str, port: int | None
) -> AsyncIterator[str | None]:
    """Serve `/metrics` while the block runs, and give its address; without a port, nothing is.

    Raises:
        InvalidInput: if something else listens at that port.
    """
    if port is None:
        yield None
        return

    async def metrics(request: web.Request) -> web.Response:
        try:
            await readers.admit(request.remote, request.headers)
        except (NotAuthenticated, ScopeMissing) as refusal:
            status = 401 if isinstance(refusal, NotAuthenticated) else 403
            return web.Response(
                status=status, text=f"{refusal}\n", headers={"WWW-Authenticate": "Bearer"}
            )
        except (StateUnavailable, AccessSecretWrong) as error:
            return web.Response(status=503, text=f"{error}\n", headers={"Retry-After": "1"})
        page = await exposition.page(request.headers.get("Accept", ""))
        return web.Response(body=page.body, headers={"Content-Type": page.content_type})

    app = web.Application()
    app.router.add_get("/metrics", metrics)
    runner = web.AppRunner(app, access_log=None, handle_signals=False)
    await runner.setup()
    try:
        try:
            await web.TCPSite(runner, host, port, shutdown_timeout=1.0).start()
        except OSError as error:
            raise InvalidInput(
                f"TRIAGE_METRICS_PORT: cannot listen on {host}:{port}: {error.strerror}"
            ) from None
        reached = socket.gethostname() if host in {"0.0.0.0", "::"} else host  # noqa: S104
        at = f"[{reached}]" if ":" in reached else reached
        address = f"http://{at}:{runner.addresses[0][1]}/metrics"
        _log.info("metrics.served", address=address)
        yield address
    finally:
        await runner.cleanup()
