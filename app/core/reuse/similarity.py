"""When two cases are the same to an analyst: a hash of all that an analysis depends on.

Everything is computed from redacted text, so that names and numbers neither tell cases apart nor
get into what is kept. Greetings, and messages that only say who writes, do not count. Of near
tellings only such words may differ as the playbook does not know: dates, amounts, answers, numbers,
denials, language, leading kind, urgency and every word of the domain have to be equal.
"""

import hashlib
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from functools import cached_property
from typing import Protocol, runtime_checkable

import msgspec
from msgspec import Struct

from app.core.language.dates import find_dates
from app.core.language.text import fold, stem
from app.core.privacy.redaction import Redactor, first_spelling, mapped
from app.core.reuse.matter import (
    carries_meaning,
    is_denial,
    is_figure,
    matter,
    only_names,
    tokens_of,
)
from app.core.reuse.minhash import signature
from app.domain.analysis import Analysis, Strategy
from app.domain.cached import Found, Kept
from app.domain.case import CaseState, Correct, Fill, HandoffCommand, Say, Turn, spoken
from app.domain.playbook import Playbook

FORMAT = "context/1"
"""Part of every hash: a change of what goes into it makes everything kept before unreachable."""
NEAR = 0.8
"""The estimated similarity from which a telling is nearly the same."""

_SHORT_ANSWER = 3
"""Words up to which an answer means nothing without its question."""
_sorted = msgspec.json.Encoder(order="sorted").encode


class Telling(Struct, frozen=True, kw_only=True):
    """How a case was told, for a comparison with others."""

    scope: str
    """Hash of everything that has to be equal."""
    signature: tuple[int, ...]
    stems: frozenset[str]


class Context(Struct, frozen=True, kw_only=True):
    """What the analysis of a case depends on."""

    key: str
    """Equal for cases that say the same to the matter and are analysed in the same way."""
    strategy: Strategy
    seconds: int
    """How long it may serve other cases."""
    shareable: bool
    """Whether the case may be served from others and they from it."""
    placeholders: frozenset[str]
    """Those for which the case has a value."""
    stems: frozenset[str]
    """Of the words in which it was told."""
    telling: Telling | None = None
    """None unless near tellings are looked for."""


class Made(Struct, frozen=True, kw_only=True):
    """An analysis as models made it, with placeholders."""

    document: bytes
    """JSON, validated."""
    models: tuple[str, ...]
    prompts: tuple[str, ...]
    calls: int
    """How many calls of models it took."""


@runtime_checkable
class AnalysisCache(Protocol):
    """Where analyses are kept for similar cases."""

    @property
    def near(self) -> bool:
        """Whether near tellings are looked for, so that contexts need a `Telling`."""
        ...

    async def find(self, context: Context) -> Found | None:
        """Return an analysis that fits, with placeholders; `Redactor` restores it."""
        ...

    async def keep(
        self, context: Context, made: Made, cost_nano_usd: int | None, *, case_id: str
    ) -> Kept | None:
        """Keep an analysis that models made of the case; it is forgotten with the case.

        Returns:
            What is kept of it; None where it is not fit to serve others.
        """
        ...


class Contexts:
    """Tells what the analyses of one playbook depend on."""

    def __init__(self, playbook: Playbook) -> None:
        """Take the playbook's fingerprint: a change counts, whether or not its version says so."""
        self._playbook = playbook
        self._fingerprint = hashlib.sha256(_sorted(playbook)).hexdigest()
        self._seconds: dict[str, int] = msgspec.to_builtins(playbook.analysis.cache_seconds)

    def of(
        self,
        state: CaseState,
        turns: Sequence[Turn],
        draft: Analysis,
        redactor: Redactor,
        *,
        strategy: Strategy,
        prompts: Sequence[str],
        models: Sequence[str],
        near: bool,
    ) -> Context:
        """Return the context of a case.

        Args:
            state: The case.
            turns: Its turns, oldest first.
            draft: The rules' draft of the result.
            redactor: The case's own.
            strategy: By which the result is to be made.
            prompts: Versions of all the prompts that take part.
            models: Names of all the models that may be asked.
            near: Whether the telling is needed too.
        """
        tokens = list(_told(turns, redactor))
        fixed = [
            FORMAT, self._playbook.id, self._playbook.version, self._fingerprint,
            Analysis.__struct_config__.tag, state.locale, state.variant, strategy,
            list(prompts), list(models),
            draft.urgency.level, draft.complexity, list(draft.red_flags), _leading(draft),
            self._answers(state, redactor), list(_days(turns, state.locale)),
        ]  # fmt: skip
        stems = frozenset(stem(one) for one in tokens if carries_meaning(one))
        return Context(
            key=_digest([fixed, self._words(state, redactor), tokens]),
            strategy=strategy,
            seconds=self._seconds.get(strategy, 0),
            shareable=_is_shareable(draft, turns),
            placeholders=frozenset(first_spelling(one) for one in redactor.placeholders),
            stems=stems,
            telling=_telling(fixed, tokens, stems, self._vocabulary) if near else None,
        )

    @cached_property
    def _vocabulary(self) -> frozenset[str]:
        """The stems of the words that the playbook knows."""
        texts: list[str] = []

        def take(text: str) -> str:
            texts.append(text)
            return text

        known = self._playbook
        parts = (known.areas, known.complexity, known.concepts, known.red_flags, known.slots)
        mapped(msgspec.to_builtins(parts), take)
        said = (token for text in texts for token in tokens_of(text))
        return frozenset(stem(token) for token in said if carries_meaning(token))

    def _answers(self, state: CaseState, redactor: Redactor) -> list[tuple[str, str]]:
        """Return the known values that are no free text: dates, amounts, numbers, choices."""
        return sorted(
            (slot.name, redactor.redact(known.value))
            for slot in self._playbook.slots
            if slot.kind != "text" and (known := state.assessment.slots.get(slot.name))
        )

    def _words(self, state: CaseState, redactor: Redactor) -> list[tuple[str, list[str]]]:
        """Return the known values that are free text."""
        return sorted(
            (slot.name, matter(redactor.redact(known.value)))
            for slot in self._playbook.slots
            if slot.kind == "text"
            and not slot.sensitive
            and (known := state.assessment.slots.get(slot.name))
        )


def _telling(
    fixed: object, tokens: list[str], stems: frozenset[str], vocabulary: frozenset[str]
) -> Telling:
    telltale = [one for one in tokens if one[0] in "[<" or is_figure(one) or is_denial(one)]
    return Telling(
        scope=_digest([fixed, telltale, sorted(stems & vocabulary)]),
        signature=signature(tokens),
        stems=stems,
    )


def _told(turns: Sequence[Turn], redactor: Redactor) -> Iterator[str]:
    """Yield the words of a case in order, each message and correction with its number."""
    asked = ""
    for turn in turns:
        match turn.command:
            case Say(text=text) | Fill(text=text):
                said = matter(redactor.redact(text))
                if only_names(said):
                    asked = turn.reply
                    continue
                yield f"<{turn.turn}>"
                if len(said) <= _SHORT_ANSWER:
                    yield from tokens_of(redactor.redact(asked))
                    yield "<>"
                yield from said
            case Correct(slot=slot, value=value):
                yield f"<{turn.turn} {slot}>"
                yield from tokens_of(redactor.redact(value))
            case _:
                pass
        asked = turn.reply


def _days(turns: Sequence[Turn], locale: str) -> Iterator[str]:
    """Yield the days that were meant: yesterday is another one tomorrow."""
    for turn in turns:
        if (text := spoken(turn.command)) is not None:
            today = datetime.fromtimestamp(turn.at / 1_000, UTC).date()
            for found in find_dates(fold(text), today, locale):
                yield found.value


def _leading(draft: Analysis) -> str | None:
    top = draft.classification.top
    return top[0].code if top else None


def _is_shareable(draft: Analysis, turns: Sequence[Turn]) -> bool:
    """Say whether a case is neither one of danger nor one in which a human took part."""
    alone = not any(isinstance(turn.command, HandoffCommand) for turn in turns)
    return alone and draft.urgency.level != "critical"


def _digest(value: object) -> str:
    return hashlib.sha256(msgspec.json.encode(value)).hexdigest()
