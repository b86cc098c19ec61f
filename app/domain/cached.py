"""The cache of similar analyses: what is kept, what is found, and what it saved."""

from collections.abc import Mapping
from typing import Annotated, Literal

from msgspec import Meta, Struct

from app.domain.analysis import Strategy

CacheMode = Literal["exact", "near", "off"]
"""`near` also serves cases that are told in nearly the same words."""


class Kept(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag="kept/1"):
    """An analysis that may serve similar cases; it has placeholders and nobody's data."""

    document: bytes
    """JSON, as the models' answers came to; validated before it was kept."""
    placeholders: tuple[str, ...]
    """Those that the document has."""
    strategy: Strategy
    models: tuple[str, ...]
    """The models that took part."""
    prompts: tuple[str, ...]
    """Versions of the prompts that they answered."""
    cost_nano_usd: int | None
    """What it cost when it was made; None where a price is not known."""
    calls: int
    """How many calls of models it took."""
    kept_at: int
    """Unix time in milliseconds."""
    signature: tuple[int, ...] = ()
    """The telling's MinHash; empty where only equal tellings are served."""
    borrowed: tuple[str, ...] = ()
    """Stems that the document has from the telling: a near telling must have them as well."""


class Found(Struct, frozen=True, kw_only=True):
    """A kept analysis that fits the case in hand."""

    kept: Kept
    near: bool
    """Whether it was told in other words, though nearly the same."""


class CacheCounts(Struct, frozen=True, kw_only=True):
    """What the cache did for one strategy."""

    hits: Annotated[int, Meta(description="Served from an equal telling.")] = 0
    near: Annotated[int, Meta(description="Served from a nearly equal telling.")] = 0
    misses: Annotated[int, Meta(description="Nothing kept would do.")] = 0
    barred: Annotated[int, Meta(description="Cases that may not be served from others.")] = 0
    kept: Annotated[int, Meta(description="Analyses that were kept.")] = 0
    refused: Annotated[int, Meta(description="Analyses that were not fit to be kept.")] = 0
    saved_calls: Annotated[int, Meta(description="Calls of models that were saved.")] = 0
    saved_nano_usd: Annotated[int, Meta(description="What they would have cost, where known.")] = 0
    unpriced: Annotated[int, Meta(description="Hits whose original cost is not known.")] = 0


Counted = Literal[
    "hits", "near", "misses", "barred", "kept", "refused",
    "saved_calls", "saved_nano_usd", "unpriced",
]  # fmt: skip


class CacheReport(Struct, frozen=True, kw_only=True):
    """What the cache holds and did over some days."""

    days: int
    entries: int
    by_strategy: Mapping[Strategy, CacheCounts]
