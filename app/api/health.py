"""Probes: is the process alive, can it serve, how is the storage."""

from litestar import Controller, Response, get
from litestar.openapi.datastructures import ResponseSpec

from app.api.problems import documented
from app.api.schema import Health, RedisHealth
from app.core.runner import TurnRunner
from app.domain.errors import StateUnavailable
from app.state.store import Store

_UNREADY = ResponseSpec(
    data_container=Health,
    description="It cannot; try again after `Retry-After` seconds.",
    generate_examples=False,
)
_AWAY = ResponseSpec(
    data_container=RedisHealth,
    description="It does not serve; `detail` says why.",
    generate_examples=False,
)


class HealthController(Controller):
    """Probes at the root, without credentials; they say nothing about any case."""

    path = "/health"
    tags = ("Health",)

    @get(
        "/live",
        operation_id="get_liveness",
        summary="Is the process alive?",
        response_description="It is.",
        responses=documented(400, 431),
    )
    async def live(self) -> Health:
        """Answer as long as the event loop turns."""
        return Health(status="ok")

    @get(
        "/ready",
        operation_id="get_readiness",
        summary="Can this instance serve?",
        response_description="It can.",
        responses={503: _UNREADY, **documented(400, 431)},
    )
    async def ready(self, store: Store, runner: TurnRunner) -> Response[Health]:
        """Answer 503 while Valkey is away, loading or full, and while this instance drains."""
        if runner.draining:
            return _unready("this instance is shutting down")
        try:
            status = await store.status()
        except StateUnavailable as error:
            return _unready(str(error))
        if status.full:
            return _unready("storage is unavailable: its memory is full")
        if not status.takes_writes:
            return _unready("storage is unavailable: its disk is full, or replicas are missing")
        return Response(Health(status="ok"))

    @get(
        "/redis",
        operation_id="get_storage",
        summary="How is the storage?",
        response_description="It serves.",
        responses={503: _AWAY, **documented(400, 431)},
    )
    async def redis(self, store: Store) -> Response[RedisHealth]:
        """Return the storage's version, latency, memory and persistence.

        Of a cluster, a part may be down, which is told; the others go on, and instances are ready.
        """
        try:
            status = await store.status()
        except StateUnavailable as error:
            unavailable = RedisHealth(status="unavailable", detail=str(error))
            return Response(unavailable, status_code=503, headers={"Retry-After": "1"})
        if status.down:
            part = RedisHealth(status="unavailable", detail="; ".join(status.down))
            return Response(part, status_code=503, headers={"Retry-After": "1"})
        return Response(
            RedisHealth(
                status="ok",
                server=status.server,
                ping_ms=status.ping_ms,
                used_memory_bytes=status.used_memory,
                max_memory_bytes=status.max_memory,
                persistence=status.persistence,
            )
        )


def _unready(detail: str) -> Response[Health]:
    return Response(
        Health(status="unavailable", detail=detail), status_code=503, headers={"Retry-After": "1"}
    )
