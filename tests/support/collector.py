"""A collector of traces: takes OTLP over HTTP on the loopback and keeps every span."""

import gzip
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from msgspec import Struct
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)
from opentelemetry.proto.common.v1.common_pb2 import AnyValue

Value = str | int | float | bool | None


class ReceivedSpan(Struct, frozen=True, kw_only=True):
    """One span as it came."""

    service: str
    name: str
    trace: str
    id: str
    parent: str
    """Empty for the first of a trace."""
    kind: int
    start_ns: int
    end_ns: int
    error: str
    """The status's words; empty where it did not fail."""
    attributes: Mapping[str, Value]


class Collector:
    """Keeps what came."""

    def __init__(self) -> None:
        """Begin to listen."""
        self.spans: list[ReceivedSpan] = []
        self.raw: list[bytes] = []
        """The bodies, unpacked."""
        self.paths: set[str] = set()
        self._changed = threading.Condition()
        collector = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                if self.headers.get("Content-Encoding") == "gzip":
                    body = gzip.decompress(body)
                collector._keep(self.path, body)
                answer = ExportTraceServiceResponse().SerializeToString()
                self.send_response(200)
                self.send_header("Content-Type", "application/x-protobuf")
                self.send_header("Content-Length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

            def log_message(self, *_: object) -> None:
                """Say nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Stop listening."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def named(self, name: str) -> list[ReceivedSpan]:
        """Return the spans of a name, or whose name begins so where it ends in a space."""
        if name.endswith(" "):
            return [one for one in self.spans if one.name.startswith(name)]
        return [one for one in self.spans if one.name == name]

    def wait_for(self, holds: Callable[[], bool], seconds: float = 30.0) -> None:
        """Wait until what came satisfies; fails when time runs out."""
        deadline = time.monotonic() + seconds
        with self._changed:
            while not holds():
                left = deadline - time.monotonic()
                assert left > 0, f"only these came: {sorted(one.name for one in self.spans)}"
                self._changed.wait(left)

    def _keep(self, path: str, body: bytes) -> None:
        request = ExportTraceServiceRequest.FromString(body)
        found = [
            ReceivedSpan(
                service=next(
                    one.value.string_value
                    for one in resource.resource.attributes
                    if one.key == "service.name"
                ),
                name=span.name,
                trace=span.trace_id.hex(),
                id=span.span_id.hex(),
                parent=span.parent_span_id.hex(),
                kind=span.kind,
                start_ns=span.start_time_unix_nano,
                end_ns=span.end_time_unix_nano,
                error=span.status.message,
                attributes={one.key: _value(one.value) for one in span.attributes},
            )
            for resource in request.resource_spans
            for scope in resource.scope_spans
            for span in scope.spans
        ]
        with self._changed:
            self.paths.add(path)
            self.raw.append(body)
            self.spans += found
            self._changed.notify_all()


def _value(value: AnyValue) -> Value:
    kind = value.WhichOneof("value")
    found: Value = None if kind is None else getattr(value, kind)
    return found


@contextmanager
def collecting() -> Iterator[Collector]:
    """Give a collector; it is closed with the block."""
    collector = Collector()
    try:
        yield collector
    finally:
        collector.close()
