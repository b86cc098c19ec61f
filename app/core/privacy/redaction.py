"""Redaction: what identifies people gives way to stable placeholders before a model reads it.

One `Redactor` serves one case. Its placeholders are numbered by first appearance in the
conversation, the same value always has the same one, and `restore` puts every value back exactly as
it was written. What a person types that looks like a placeholder is itself replaced, so that nobody
can make `restore` write what is not theirs.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from app.core.language.function_words import FUNCTION_WORDS
from app.core.language.patterns import compile_pattern
from app.core.language.text import fold, folded, words
from app.core.privacy.identifier_rules import PLACEHOLDER
from app.core.privacy.identifiers import Span, find_identifiers, merged
from app.domain.case import CaseState, Command, Correct, Fill, OperatorCommand, Turn, spoken
from app.domain.playbook import Playbook, Slot

_MOST_KNOWN = 60
"""Values of one case that are looked for by themselves; more is no conversation but a list."""
_SHORTEST_PART = 3
_MOST_PARTS = 6
"""A value of more words is no name, and its single words are looked for only together."""
_SHORTEST_NUMBER = 4
_WRITTEN = ("text", "value", "reason", "operator")
_SPELLING = re.compile(r"\.\d+\]\Z")


class _Known(Struct, frozen=True):
    """A value to look for wherever it stands."""

    pattern: str
    """A regular expression over folded text."""
    length: int
    kind: str
    identity: str


class Redactor:
    """Redacts and restores what belongs to one case."""

    def __init__(self, playbook: Playbook, state: CaseState, turns: Sequence[Turn]) -> None:
        """Number what identifies people in the conversation, by first appearance."""
        self._placeholders: dict[str, str] = {}
        """By exact spelling."""
        self._values: dict[str, str] = {}
        """The exact spelling, by placeholder."""
        self._identities: dict[str, tuple[str, int]] = {}
        """By identity: the placeholder's stem, and how many spellings it has."""
        self._counts: dict[str, int] = {}
        self._done: dict[str, str] = {}
        texts = [*_texts(turns), *(slot.value for slot in state.assessment.slots.values())]
        found = {one.pattern: one for one in _by_context(texts)}
        found |= {one.pattern: one for one in _named(playbook, state, turns)}
        kept = list(found.values())[-_MOST_KNOWN:]
        self._known = {
            f"k{number}": one
            for number, one in enumerate(sorted(kept, key=lambda one: -one.length))
        }
        self._mention = _alternatives(self._known)
        for text in texts:
            self.redact(text)

    def redact(self, text: str) -> str:
        """Return the text with placeholders for what identifies people."""
        done = self._done.get(text)
        if done is None:
            done = self._done[text] = self._redacted(text)
        return done

    def restore(self, text: str) -> str:
        """Return the text with its values in place of the placeholders of this case."""
        if "[" not in text:
            return text
        return PLACEHOLDER.sub(lambda match: self._values.get(match.group(), match.group()), text)

    def redacted_turns(self, turns: Iterable[Turn]) -> tuple[Turn, ...]:
        """Return the turns as a model may read them."""
        return tuple(self._turn(turn) for turn in turns)

    def redacted_value(self, value: Any) -> Any:
        """Return plain data, such as a draft, with all its texts redacted."""
        return mapped(msgspec.to_builtins(value), self.redact)

    def restored_document(self, document: bytes) -> bytes:
        """Return a JSON document with all its texts restored.

        Raises:
            msgspec.DecodeError: if it is not JSON.
        """
        return msgspec.json.encode(mapped(msgspec.json.decode(document), self.restore))

    @property
    def placeholders(self) -> frozenset[str]:
        """Return the placeholders that the case has a value for."""
        return frozenset(self._values)

    @property
    def values(self) -> tuple[str, ...]:
        """Return everything that was redacted, as it was written."""
        return tuple(self._placeholders)

    def _turn(self, turn: Turn) -> Turn:
        command = turn.command
        changed: dict[str, Any] = (
            {"answers": mapped(command.answers, self.redact)}
            if isinstance(command, Fill)
            else {name: self.redact(text) for name, text in _written(command)}
        )
        return replace(turn, command=replace(command, **changed), reply=self.redact(turn.reply))

    def _redacted(self, text: str) -> str:
        pieces: list[str] = []
        reached = 0
        for span in merged(text, [*find_identifiers(text), *self._mentions(text)]):
            pieces.append(text[reached : span.start])
            pieces.append(self._placeholder(text[span.start : span.end], span))
            reached = span.end
        return "".join((*pieces, text[reached:]))

    def _mentions(self, text: str) -> Iterator[Span]:
        """Yield the places where known values stand, however they are accented or capitalised."""
        if self._mention is None:
            return
        plain = folded(text)
        for match in self._mention.finditer(plain.text):
            known = self._known[str(match.lastgroup)]
            start, last = plain.origins[match.start()], plain.origins[match.end() - 1]
            end = max(plain.origins[match.end()], last + 1)
            while end > last + 1 and text[end - 1].isspace():
                end -= 1
            yield Span(start, end, known.kind, known.identity)

    def _placeholder(self, value: str, span: Span) -> str:
        found = self._placeholders.get(value)
        if found is not None:
            return found
        stem, spellings = self._identities.get(span.identity, ("", 0))
        if not stem:
            number = self._counts[span.kind] = self._counts.get(span.kind, 0) + 1
            stem = f"{span.kind}_{number}"
        spellings += 1
        self._identities[span.identity] = stem, spellings
        found = f"[{stem}]" if spellings == 1 else f"[{stem}.{spellings}]"
        self._placeholders[value] = found
        self._values[found] = value
        return found


def placeholders(text: str) -> frozenset[str]:
    """Return the placeholders in a text.

    >>> sorted(placeholders("[NAME_1] called [PHONE_2.2]."))
    ['[NAME_1]', '[PHONE_2.2]']
    """
    return frozenset(PLACEHOLDER.findall(text))


def first_spelling(placeholder: str) -> str:
    """Return the placeholder of the same value in its first spelling.

    >>> first_spelling("[CPF_1.2]"), first_spelling("[CPF_1]")
    ('[CPF_1]', '[CPF_1]')
    """
    return _SPELLING.sub("]", placeholder)


def _written(command: Command) -> Iterator[tuple[str, str]]:
    """Yield the parts of a command that somebody wrote, by name."""
    for name in _WRITTEN:
        text = getattr(command, name, None)
        if isinstance(text, str):
            yield name, text


def _texts(turns: Iterable[Turn]) -> Iterator[str]:
    for turn in turns:
        for _, text in _written(turn.command):
            yield text
        yield turn.reply


def _named(playbook: Playbook, state: CaseState, turns: Sequence[Turn]) -> Iterator[_Known]:
    """Yield operators' names and the values, also former ones, of slots called sensitive."""
    for turn in turns:
        if isinstance(turn.command, OperatorCommand):
            yield from _spellings(turn.command.operator, "COLLEAGUE")
    for slot in playbook.slots:
        if slot.sensitive:
            kind = "".join(filter(str.isalpha, slot.name.upper()))[:12].rjust(2, "X")
            for value in _values_of(slot, state, turns):
                yield from _spellings(value, kind)


def _values_of(slot: Slot, state: CaseState, turns: Sequence[Turn]) -> Iterator[str]:
    known = state.assessment.slots.get(slot.name)
    if known is not None:
        yield known.value
    patterns = [compile_pattern(one) for listed in slot.patterns.values() for one in listed]
    for turn in turns:
        match turn.command:
            case Correct(slot=name, value=value) if name == slot.name:
                yield value
            case Fill(answers={slot.name: str(value)}):
                yield value
            case _:
                pass
        if (text := spoken(turn.command)) is not None:
            said = fold(text)
            for pattern in patterns:
                place = pattern.first(said)
                if place is not None:
                    yield said[slice(*place)]


def _spellings(value: str, kind: str) -> Iterator[_Known]:
    """Yield a value and its single words, which all stand for the same."""
    plain = fold(value)
    if len(plain) < 2:
        return
    identity = f"known:{plain}"
    yield _Known(_spaced(plain), len(plain), kind, identity)
    parts = words(value)
    if 1 < len(parts) <= _MOST_PARTS:
        for part in parts:
            if len(part) >= _SHORTEST_PART and part not in FUNCTION_WORDS:
                yield _Known(re.escape(part), len(part), kind, identity)


def _alternatives(known: Mapping[str, _Known]) -> re.Pattern[str] | None:
    """Return one expression for all of them at the borders of words; a match names its group."""
    if not known:
        return None
    listed = "|".join(f"(?P<{name}>{one.pattern})" for name, one in known.items())
    return re.compile(rf"(?<![^\W_])(?:{listed})(?![^\W_])")


def _spaced(plain: str) -> str:
    return " ".join(map(re.escape, plain.split(" ")))


def _by_context(texts: Iterable[str]) -> Iterator[_Known]:
    """Yield numbers that a word named somewhere, to be found where they stand bare as well."""
    for text in texts:
        for span in find_identifiers(text):
            plain = span.identity.removeprefix("value:")
            if span.named and len(plain) >= _SHORTEST_NUMBER and plain != span.identity:
                pattern = r"[ ./-]?".join(map(re.escape, plain))
                yield _Known(pattern, len(plain), span.kind, span.identity)


def mapped(value: Any, change: Callable[[str], str]) -> Any:
    """Return plain data with every text in it changed; names of members stay."""
    match value:
        case str():
            return change(value)
        case list() | tuple():
            return [mapped(one, change) for one in value]
        case dict():
            return {key: mapped(one, change) for key, one in value.items()}
        case _:
            return value
