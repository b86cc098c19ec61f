"""Traces, where OpenTelemetry's own environment variables ask for them; nothing otherwise.

A span says what was done, for how long and how it ended: codes, numbers and the case's id. It never
holds what anybody said, nor the words of an error, which may repeat that.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Literal, Protocol, runtime_checkable

from app.domain.ledger import LedgerRow

CASE = "gen_ai.conversation.id"
"""The attribute that names the case, by the conventions for generative AI."""

Value = str | int | float | bool
Role = Literal["server", "consumer", "internal"]
"""`server`: answers a request. `consumer`: does what was asked for earlier."""


@runtime_checkable
class Span(Protocol):
    """Something that is under way."""

    def set(self, attributes: Mapping[str, Value | None]) -> None:
        """Say more about it; what is None is left out. An `error.type` says that it failed."""
        ...


@runtime_checkable
class Tracing(Protocol):
    """The traces of one process."""

    @contextmanager
    def span(
        self, name: str, *, parent: str | None = None, role: Role = "internal"
    ) -> Iterator[Span]:
        """Trace what the block does.

        Args:
            name: What is done, of a closed set.
            parent: Where the trace comes from, as `carried` gave it; by default what is under way.
            role: What the span is in the trace.
        """
        ...

    def arrived(self, traceparent: bytes | None) -> None:
        """Let what this request does belong to the trace of whoever asks."""
        ...

    def carried(self) -> str | None:
        """Return what is under way as a W3C `traceparent`, to be kept and gone on with later."""
        ...

    def exemplar(self) -> dict[str, str] | None:
        """Return the trace that is under way as an exemplar's labels, if it is recorded."""
        ...

    def attempt(self, row: LedgerRow) -> None:
        """Trace an attempt at a model that is over."""
        ...

    def close(self) -> None:
        """Send what is left, for a moment."""
        ...


class _Nothing:
    def set(self, _: Mapping[str, Value | None]) -> None:
        """Say nothing."""


_NOTHING = _Nothing()


class Untraced:
    """Traces nothing."""

    @contextmanager
    def span(
        self, _name: str, *, parent: str | None = None, role: Role = "internal"
    ) -> Iterator[Span]:
        """Do nothing around the block."""
        del parent, role
        yield _NOTHING

    def arrived(self, traceparent: bytes | None) -> None:
        """Do nothing."""

    def carried(self) -> None:
        """Return nothing."""

    def exemplar(self) -> None:
        """Return nothing."""

    def attempt(self, row: LedgerRow) -> None:
        """Do nothing."""

    def close(self) -> None:
        """Do nothing."""


def is_wanted(environ: Mapping[str, str]) -> bool:
    """Say whether the environment asks for traces.

    It does by naming where they go, or who exports them; `OTEL_SDK_DISABLED` turns everything off.

    >>> is_wanted({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:4318"})
    True
    >>> is_wanted({}), is_wanted({"OTEL_SDK_DISABLED": "true", "OTEL_TRACES_EXPORTER": "otlp"})
    (False, False)
    """

    def said(name: str) -> str:
        return environ.get(name, "").strip().lower()

    if said("OTEL_SDK_DISABLED") == "true" or said("OTEL_TRACES_EXPORTER") == "none":
        return False
    return any(
        map(
            said,
            (
                "OTEL_EXPORTER_OTLP_ENDPOINT",
                "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT",
                "OTEL_TRACES_EXPORTER",
            ),
        )
    )


def build_tracing(environ: Mapping[str, str], process: str, instance: str) -> Tracing:
    """Return the traces that the environment asks for; `instance` names this process.

    Raises:
        InvalidInput: if it asks for an exporter that there is not.
    """
    if not is_wanted(environ):
        return Untraced()
    # OpenTelemetry takes a third of a second to import; whoever does not trace does not pay it.
    from app.telemetry.otel import OpenTelemetry  # noqa: PLC0415

    return OpenTelemetry.of(environ, process, instance)
