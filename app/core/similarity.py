"""When two cases are the same to an analyst: a hash of what an analysis depends on, and MinHash.

Everything is computed from redacted text, so that names and numbers neither tell cases apart nor get
into what is kept. Of near tellings only the words may differ: dates, amounts, answers, numbers,
denials, language, leading kind and urgency have to be equal.

MinHash estimates the Jaccard similarity J of two sets of word pairs (Broder 1997): each of its K
functions agrees with probability J, so the estimate's standard error is sqrt(J (1 - J) / K), at most
0.044 for K = 128. Bands of R values find candidates: two tellings share one of B bands with
probability 1 - (1 - J^R)^B, 0.95 at J = 0.8 and above 0.9999 at J = 0.9 (Leskovec, Rajaraman and
Ullman, Mining of Massive Datasets, 3.4).
"""

import hashlib
import re
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from itertools import pairwise
from typing import Protocol, runtime_checkable

import msgspec
from msgspec import Struct

from app.core.dates import find_dates
from app.core.function_words import FUNCTION_WORDS
from app.core.identifier_rules import PLACEHOLDER
from app.core.identifiers import find_identifiers
from app.core.redaction import Redactor, first_spelling, mapped, placeholders
from app.core.text import fold, stem
from app.domain.analysis import Analysis, Strategy
from app.domain.cached import Found
from app.domain.case import CaseState, Correct, HandoffCommand, Say, Turn
from app.domain.playbook import Playbook

FORMAT = "context/1"
"""Part of every hash: a change of what goes into it makes everything kept before unreachable."""
K = 128
ROWS = 8
BANDS = K // ROWS
NEAR = 0.8
"""The estimated similarity from which a telling is nearly the same."""

_SHORT_ANSWER = 3
"""Words up to which an answer means nothing without its question."""
_MOST_TOKENS = 20_000
_sorted = msgspec.json.Encoder(order="sorted").encode
_PRIME = (1 << 61) - 1
_TOKEN = re.compile(r"\d+(?:[.,/:-]\d+)*|[^\W_]+(?:'[^\W_]+)*")
_DENIALS = frozenset(
    [
        "nao",
        "nem",
        "nunca",
        "jamais",
        "sem",
        "nenhum",
        "nenhuma",
        "nada",
        "ninguem",
        "tampouco",
        "exceto",
        "menos",
        "no",
        "not",
        "never",
        "nor",
        "neither",
        "none",
        "nobody",
        "nothing",
        "without",
        "cannot",
        "except",
        "unless",
        "hardly",
    ]
)


class Telling(Struct, frozen=True, kw_only=True):
    """How a case was told, for a comparison with others."""

    scope: str
    """Hash of everything that has to be equal."""
    signature: tuple[int, ...]
    stems: frozenset[str]


class Context(Struct, frozen=True, kw_only=True):
    """What the analysis of a case depends on."""

    key: str
    """Equal for two cases exactly if an analyst gets the same to read of both."""
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
    ) -> None:
        """Keep an analysis that models made of the case; it is forgotten with the case."""
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
            Analysis.__struct_config__.tag, state.locale, state.variant, strategy, list(prompts), list(models),
            draft.urgency.level, draft.complexity, list(draft.red_flags), _leading(draft),
            self._answers(state, redactor), list(_days(turns, state.locale)),
        ]  # fmt: skip
        stems = frozenset(stem(one) for one in tokens if _carries_meaning(one))
        return Context(
            key=_digest([fixed, self._words(state, redactor), tokens]),
            strategy=strategy,
            seconds=self._seconds.get(strategy, 0),
            shareable=_is_shareable(draft, turns),
            placeholders=frozenset(first_spelling(one) for one in redactor.placeholders),
            stems=stems,
            telling=_telling(fixed, tokens, stems) if near else None,
        )

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
            (slot.name, list(_tokens(redactor.redact(known.value))))
            for slot in self._playbook.slots
            if slot.kind == "text" and (known := state.assessment.slots.get(slot.name))
        )


def normalised(redacted: str) -> str:
    """Return redacted text without case, accents, punctuation and spare blanks.

    >>> normalised("Olá,  [NAME_1.2]! Paguei R$ 1.500,00 -- em 15/03.")
    'ola [NAME_1] paguei r 1.500,00 em 15/03'
    """
    return " ".join(_tokens(redacted))


def similarity(one: Sequence[int], other: Sequence[int]) -> float:
    """Return the estimated Jaccard similarity of two signatures, between 0 and 1.

    Raises:
        ValueError: if they are not of the same length.
    """
    return sum(a == b for a, b in zip(one, other, strict=True)) / max(1, len(one))


def signature(tokens: Sequence[str]) -> tuple[int, ...]:
    """Return the MinHash of a sequence of words, by its pairs of neighbours; empty for no words."""
    pairs = {f"{one} {other}" for one, other in pairwise(tokens)} or set(tokens)
    hashes = [_hash(pair) for pair in pairs]
    if not hashes:
        return ()
    return tuple(
        min((factor * one + summand) % _PRIME for one in hashes) for factor, summand in _FUNCTIONS
    )


def bands(telling: Telling) -> tuple[str, ...]:
    """Return the names of the telling's bands; nearly equal tellings have one in common."""
    return tuple(
        _digest([telling.scope, number, telling.signature[number * ROWS : (number + 1) * ROWS]])[
            :32
        ]
        for number in range(BANDS)
        if telling.signature
    )


def borrowed(document: bytes, context: Context) -> tuple[str, ...]:
    """Return the stems that a document has from the telling of its case."""
    found = {
        stem(token) for token in _tokens(document.decode()) if _carries_meaning(token)
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


def _telling(fixed: object, tokens: list[str], stems: frozenset[str]) -> Telling:
    telltale = [one for one in tokens if one[0].isdigit() or _is_denial(one) or one[0] == "["]
    return Telling(
        scope=_digest([fixed, telltale]),
        signature=signature(tokens),
        stems=stems,
    )


def _told(turns: Sequence[Turn], redactor: Redactor) -> Iterator[str]:
    """Yield the words of a case in order, each message and correction with its number."""
    asked = ""
    for turn in turns:
        match turn.command:
            case Say(text=text):
                said = list(_tokens(redactor.redact(text)))
                yield f"<{turn.turn}>"
                if len(said) <= _SHORT_ANSWER:
                    yield from _tokens(redactor.redact(asked))
                    yield "<>"
                yield from said
            case Correct(slot=slot, value=value):
                yield f"<{turn.turn} {slot}>"
                yield from _tokens(redactor.redact(value))
            case _:
                pass
        asked = turn.reply


def _tokens(redacted: str) -> Iterator[str]:
    reached = 0
    for match in PLACEHOLDER.finditer(redacted):
        yield from _plain_tokens(redacted[reached : match.start()])
        yield first_spelling(match.group())
        reached = match.end()
    yield from _plain_tokens(redacted[reached:])


def _plain_tokens(text: str) -> Iterator[str]:
    for match in _TOKEN.finditer(fold(text)):
        yield match.group().replace("'", "")


def _days(turns: Sequence[Turn], locale: str) -> Iterator[str]:
    """Yield the days that were meant: yesterday is another one tomorrow."""
    for turn in turns:
        if isinstance(turn.command, Say):
            today = datetime.fromtimestamp(turn.at / 1_000, UTC).date()
            for found in find_dates(fold(turn.command.text), today, locale):
                yield found.value


def _leading(draft: Analysis) -> str | None:
    top = draft.classification.top
    return top[0].code if top else None


def _is_shareable(draft: Analysis, turns: Sequence[Turn]) -> bool:
    """Say whether a case is neither one of danger nor one in which a human took part."""
    alone = not any(isinstance(turn.command, HandoffCommand) for turn in turns)
    return alone and draft.urgency.level != "critical"


def _carries_meaning(token: str) -> bool:
    return token not in FUNCTION_WORDS and len(token) > 1 and token[0] not in "<["


def _is_denial(token: str) -> bool:
    return token in _DENIALS or (token.endswith("nt") and token in FUNCTION_WORDS)


def _digest(value: object) -> str:
    return hashlib.sha256(msgspec.json.encode(value)).hexdigest()


def _hash(text: str) -> int:
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "big")


def _functions() -> Iterator[tuple[int, int]]:
    for number in range(K):
        drawn = hashlib.sha256(f"minhash {number}".encode()).digest()
        yield (
            int.from_bytes(drawn[:8], "big") % (_PRIME - 1) + 1,
            int.from_bytes(drawn[8:16], "big") % _PRIME,
        )


_FUNCTIONS = tuple(_functions())
