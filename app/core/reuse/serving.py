"""When a kept analysis serves another case, and which analyses are kept at all.

The cache saves money and never a case: where its storage fails, the analysis is made. Nobody is
served who may be in danger, and nothing is served that speaks of what the case does not have.
"""

from collections.abc import Callable, Mapping

import msgspec
import structlog

from app.core.language.text import stem
from app.core.privacy.identifier_rules import PLACEHOLDER
from app.core.privacy.identifiers import find_identifiers
from app.core.privacy.redaction import first_spelling, mapped, placeholders
from app.core.reuse.matter import carries_meaning, tokens_of
from app.core.reuse.minhash import bands, similarity
from app.core.reuse.similarity import NEAR, Context, Made
from app.domain.analysis import Strategy
from app.domain.cached import CacheMode, Counted, Found, Kept
from app.domain.clock import now_ms
from app.domain.errors import StateUnavailable
from app.state.cache import KeptAnalyses
from app.state.store import Store
from app.telemetry.metrics import Metrics

LARGEST_DOCUMENT = 64 * 1024
"""Bytes; a larger analysis is not kept."""
_MOST_COMPARED = 64
"""Near tellings that are looked at for one case."""

_log = structlog.get_logger(__name__)


class SimilarAnalyses:
    """The cache of similar analyses as an analyst uses it."""

    def __init__(
        self,
        kept: KeptAnalyses,
        mode: CacheMode,
        *,
        now_ms: Callable[[], int] = now_ms,
        metrics: Metrics | None = None,
    ) -> None:
        """Take the storage.

        Args:
            kept: Where analyses are kept.
            mode: Whether only equal tellings are served, near ones as well, or none.
            now_ms: Unix time in milliseconds.
            metrics: Told of everything that is counted.
        """
        self._metrics = metrics or Metrics()
        self._kept = kept
        self._mode = mode
        self._now_ms = now_ms

    @property
    def near(self) -> bool:
        """Whether near tellings are looked for."""
        return self._mode == "near"

    async def find(self, context: Context) -> Found | None:
        """Return an analysis that fits, with placeholders; what became of it is counted."""
        if self._mode == "off":
            return None
        try:
            if not context.shareable or not context.seconds:
                await self._count(context.strategy, {"barred": 1})
                return None
            found = await self._equal(context) or await self._nearly(context)
            await self._count(context.strategy, _counted(found))
        except StateUnavailable as error:
            _log.warning("cache.unavailable", reason=str(error))
            return None
        return found

    async def keep(
        self, context: Context, made: Made, cost_nano_usd: int | None, *, case_id: str
    ) -> Kept | None:
        """Keep an analysis, if it is fit to serve others and its case is still there."""
        if self._mode == "off" or not context.shareable or not context.seconds:
            return None
        try:
            document = _fit(context, made)
            if document is None:
                await self._count(context.strategy, {"refused": 1})
                return None
            telling = context.telling
            kept = Kept(
                document=document,
                placeholders=tuple(sorted(mentioned(document))),
                strategy=context.strategy,
                models=made.models,
                prompts=made.prompts,
                cost_nano_usd=cost_nano_usd,
                calls=made.calls,
                kept_at=self._now_ms(),
                signature=() if telling is None else telling.signature,
                borrowed=() if telling is None else borrowed(document, context),
            )
            found = await self._kept.put(
                context.key,
                kept,
                seconds=context.seconds,
                bands=() if telling is None else bands(telling.scope, telling.signature),
                case_id=case_id,
            )
            if not found:
                return None
            await self._count(context.strategy, {"kept": 1})
        except StateUnavailable as error:
            _log.warning("cache.not_kept", reason=str(error))
            return None
        return kept

    async def _count(self, strategy: Strategy, counted: Mapping[Counted, int]) -> None:
        await self._kept.count(strategy, counted)
        self._metrics.cache(strategy, counted)

    async def _equal(self, context: Context) -> Found | None:
        kept = (await self._kept.get([context.key])).get(context.key)
        if kept is not None and self._serves(kept, context):
            return Found(kept=kept, near=False)
        return None

    async def _nearly(self, context: Context) -> Found | None:
        """Return the nearest of those that are near enough."""
        telling = context.telling
        if not self.near or telling is None:
            return None
        named = (await self._kept.near(bands(telling.scope, telling.signature)))[:_MOST_COMPARED]
        alike = [
            (similarity(kept.signature, telling.signature), kept)
            for kept in (await self._kept.look(named)).values()
            if len(kept.signature) == len(telling.signature)
            and self._serves(kept, context)
            and telling.stems.issuperset(kept.borrowed)
        ]
        share, kept = max(alike, key=lambda one: one[0], default=(0.0, None))
        return Found(kept=kept, near=True) if kept is not None and share >= NEAR else None

    def _serves(self, kept: Kept, context: Context) -> bool:
        """Say whether a kept analysis is young enough and speaks of nothing the case lacks."""
        young = self._now_ms() - kept.kept_at < context.seconds * 1_000
        return young and context.placeholders.issuperset(kept.placeholders)


def analysis_cache(
    store: Store, mode: CacheMode, metrics: Metrics | None = None
) -> SimilarAnalyses | None:
    """Return the cache for an analyst; None where it is turned off."""
    return None if mode == "off" else SimilarAnalyses(KeptAnalyses(store), mode, metrics=metrics)


def _fit(context: Context, made: Made) -> bytes | None:
    """Return the document as it may be kept; None if it must not be."""
    if len(made.document) > LARGEST_DOCUMENT or is_critical(made.document):
        return None
    document = canonical(made.document)
    if has_identifiers(document) or not context.placeholders.issuperset(mentioned(document)):
        return None
    return document


def _counted(found: Found | None) -> Mapping[Counted, int]:
    if found is None:
        return {"misses": 1}
    cost = found.kept.cost_nano_usd
    return {
        "near" if found.near else "hits": 1,
        "saved_calls": found.kept.calls,
        "saved_nano_usd": cost or 0,
        "unpriced": int(cost is None),
    }


def borrowed(document: bytes, context: Context) -> tuple[str, ...]:
    """Return the stems that a document has from the telling of its case."""
    found = {
        stem(token) for token in tokens_of(document.decode()) if carries_meaning(token)
    }  # names of members are the same in every document, so they do no harm
    return tuple(sorted(found & context.stems))


def canonical(document: bytes) -> bytes:
    """Return the document with every placeholder in its first spelling.

    Raises:
        msgspec.DecodeError: if it is not JSON.
    """
    return msgspec.json.encode(mapped(msgspec.json.decode(document), _first_spellings))


def mentioned(document: bytes) -> frozenset[str]:
    """Return the placeholders in a document."""
    return placeholders(document.decode())


def has_identifiers(document: bytes) -> bool:
    """Say whether a document has what identifies somebody in place of a placeholder."""
    found: list[str] = []

    def look(text: str) -> str:
        found.extend(one.kind for one in find_identifiers(text) if one.kind != "TEXT")
        return text

    mapped(msgspec.json.decode(document), look)
    return bool(found)


def is_critical(document: bytes) -> bool:
    """Say whether a document calls the case one of danger, at whatever depth."""

    def seen(value: object) -> bool:
        match value:
            case dict():
                return value.get("urgency") == "critical" or any(map(seen, value.values()))
            case list():
                return "critical" in value or any(map(seen, value))
            case _:
                return False

    return seen(msgspec.json.decode(document))


def _first_spellings(text: str) -> str:
    return PLACEHOLDER.sub(lambda match: first_spelling(match.group()), text)
