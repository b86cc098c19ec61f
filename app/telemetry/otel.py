"""Traces through OpenTelemetry's SDK, sent as OTLP over HTTP. Imported only where they are on."""

import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib.metadata import version
from typing import Self

from opentelemetry import context, trace
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import SERVICE_NAME, Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import Span, SpanContext, SpanKind, Status, StatusCode
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from app.domain.errors import InvalidInput
from app.domain.ledger import LedgerRow
from app.telemetry.tracing import CASE, Role, Value

CLOSING_SECONDS = 2.0
_KINDS: Mapping[Role, SpanKind] = {
    "server": SpanKind.SERVER,
    "consumer": SpanKind.CONSUMER,
    "internal": SpanKind.INTERNAL,
}
_HEADER = "traceparent"
_LONGEST_HEADER = 128
_MS = 1_000_000
"""One millisecond in nanoseconds."""

_propagator = TraceContextTextMapPropagator()


class OpenTelemetry:
    """Traces by the SDK; see `app.telemetry.tracing.Tracing`."""

    def __init__(self, provider: TracerProvider) -> None:
        """Take the provider; it is this process's own and nobody else's."""
        self._provider = provider
        self._tracer = provider.get_tracer("triage", version("triage"))

    @classmethod
    def of(cls, environ: Mapping[str, str], process: str, instance: str) -> Self:
        """Make it by the environment, which the SDK reads as well.

        Raises:
            InvalidInput: if it asks for an exporter or a protocol that there is not.
        """
        exporter = environ.get("OTEL_TRACES_EXPORTER", "").strip().lower() or "otlp"
        if exporter != "otlp":
            raise InvalidInput(f"OTEL_TRACES_EXPORTER: {exporter!r} is not there, only `otlp`")
        for name in ("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL"):
            protocol = environ.get(name, "").strip().lower() or "http/protobuf"
            if protocol != "http/protobuf":
                raise InvalidInput(f"{name}: {protocol!r} is not there, only `http/protobuf`")
        named = {} if environ.get("OTEL_SERVICE_NAME") else {SERVICE_NAME: f"triage-{process}"}
        resource = Resource.create(
            {
                **named,
                "service.namespace": "triage",
                "service.version": version("triage"),
                "service.instance.id": instance,
            }
        )
        provider = TracerProvider(resource=resource, shutdown_on_exit=False)
        provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
        return cls(provider)

    @contextmanager
    def span(
        self, name: str, *, parent: str | None = None, role: Role = "internal"
    ) -> Iterator["OpenSpan"]:
        """Trace what the block does."""
        ahead = None if parent is None else _propagator.extract({_HEADER: parent})
        with self._tracer.start_as_current_span(
            name,
            context=ahead,
            kind=_KINDS[role],
            record_exception=False,
            set_status_on_exception=False,
        ) as span:
            try:
                yield OpenSpan(span)
            except BaseException as error:
                _failed(span, type(error).__name__)
                raise

    def arrived(self, traceparent: bytes | None) -> None:
        """Let what this request does belong to the trace of whoever asks."""
        if traceparent is not None and len(traceparent) <= _LONGEST_HEADER:
            context.attach(_propagator.extract({_HEADER: traceparent.decode("latin-1")}))

    def carried(self) -> str | None:
        """Return what is under way as a `traceparent`."""
        carrier: dict[str, str] = {}
        _propagator.inject(carrier)
        return carrier.get(_HEADER)

    def exemplar(self) -> dict[str, str] | None:
        """Return the trace that is under way as an exemplar's labels."""
        found = trace.get_current_span().get_span_context()
        if not found.is_valid or not found.trace_flags.sampled:
            return None
        return {"trace_id": _hex(found)}

    def attempt(self, row: LedgerRow) -> None:
        """Trace an attempt at a model, by the conventions for generative AI."""
        if row.outcome in {"cached", "lost"}:
            return
        began = row.started_ms * _MS
        span = self._tracer.start_span(
            f"chat {row.model}", kind=SpanKind.CLIENT, start_time=began, record_exception=False
        )
        first = None if row.first_token_ms is None else row.first_token_ms / 1_000
        known: dict[str, Value | None] = {
            "gen_ai.operation.name": "chat",
            "gen_ai.provider.name": row.provider,
            CASE: row.case_id or None,
            "gen_ai.output.type": "json",
            "gen_ai.request.model": row.model,
            "gen_ai.request.stream": True,
            "gen_ai.response.model": row.answered_by,
            "gen_ai.response.time_to_first_chunk": first,
            "gen_ai.usage.input_tokens": row.input,
            "gen_ai.usage.output_tokens": row.output,
            "gen_ai.usage.cache_read.input_tokens": row.cached,
            "gen_ai.usage.cache_creation.input_tokens": row.cache_write,
            "gen_ai.usage.reasoning.output_tokens": row.reasoning,
            "error.type": row.error,
            "http.response.status_code": row.status,
            "triage.operation": row.operation,
            "triage.outcome": row.outcome,
            "triage.cost.usd": None if row.cost_nano_usd is None else row.cost_nano_usd / 1e9,
            "triage.cost.source": row.source,
        }
        span.set_attributes({name: value for name, value in known.items() if value is not None})
        if row.error is not None:
            span.set_status(Status(StatusCode.ERROR, row.error))
        span.end(began + round(row.latency_ms * _MS))

    def close(self) -> None:
        """Send what is left, for a moment: a collector that is away holds nobody up."""
        closing = threading.Thread(target=self._provider.shutdown, daemon=True)
        closing.start()
        closing.join(CLOSING_SECONDS)


class OpenSpan:
    """A span that is under way."""

    __slots__ = ("_span",)

    def __init__(self, span: Span) -> None:
        """Take the SDK's span."""
        self._span = span

    def set(self, attributes: Mapping[str, Value | None]) -> None:
        """Say more about it."""
        for name, value in attributes.items():
            if value is not None:
                self._span.set_attribute(name, value)
        if isinstance(error := attributes.get("error.type"), str):
            self._span.set_status(Status(StatusCode.ERROR, error))


def _failed(span: Span, kind: str) -> None:
    span.set_attribute("error.type", kind)
    span.set_status(Status(StatusCode.ERROR, kind))


def _hex(found: SpanContext) -> str:
    return trace.format_trace_id(found.trace_id)
