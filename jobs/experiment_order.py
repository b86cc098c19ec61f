"""What a worker asks a process of its own to compute of experiments, and what comes back."""

from collections.abc import Mapping

import msgspec
from msgspec import Struct

from app.domain.experiments import ExperimentStanding


class Order(Struct, frozen=True, kw_only=True):
    """What to compute."""

    place: str
    """Where the warehouse is: a folder, or the address of a database."""
    folder: str | None
    """With declarations besides those that ship."""
    at_ms: int
    """By what had happened until then: Unix time in milliseconds."""
    before: Mapping[str, ExperimentStanding]
    """How each experiment to be computed stood before, by key."""


class Computed(Struct, frozen=True, kw_only=True):
    """What was computed of an experiment."""

    standing: ExperimentStanding
    report: bytes
    """JSON."""
    html: str
    markdown: str


class Failed(Struct, frozen=True, kw_only=True):
    """An experiment of which nothing could be computed."""

    key: str
    error: str


class Answer(Struct, frozen=True, kw_only=True):
    """What came of an order."""

    computed: tuple[Computed, ...]
    failed: tuple[Failed, ...] = ()


encode = msgspec.msgpack.Encoder().encode
decode_order = msgspec.msgpack.Decoder(Order).decode
decode_answer = msgspec.msgpack.Decoder(Answer).decode
