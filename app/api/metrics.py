"""The page that Prometheus reads."""

from litestar import Response, get
from litestar.handlers import HTTPRouteHandler

from app.api.auth import Connection
from app.telemetry.exposition import Exposition
from app.telemetry.readers import Readers

PATH = "/metrics"


def metrics_route(exposition: Exposition, readers: Readers) -> HTTPRouteHandler:
    """Return the route that serves a process's metrics to those who may read them."""

    @get(PATH, include_in_schema=False)
    async def metrics(request: Connection) -> Response[bytes]:
        """Serve plain text, or OpenMetrics to who asks for it."""
        client = request.client
        await readers.admit(None if client is None else client.host, request.headers)
        page = await exposition.page(request.headers.get("accept", ""))
        # The framework adds the character set to what is text, and does not see that it is there.
        kind = page.content_type
        if kind.startswith("text/"):
            kind = kind.removesuffix("; charset=utf-8")
        return Response(page.body, media_type=kind)

    return metrics
