"""The safety floor: danger that is found by rules alone, which a model may raise but never lower.

A red flag is raised by a sign, a word or a pattern of the playbook, by an answer, or by the kind
of problem the case is placed in.
An `unless` pattern takes a hit back only where it really speaks about that hit: it must cover it,
or stand directly before it with nothing but a space in between. Every other hit of the same flag
still counts, so a negation at one place never silences danger at another.
"""

from collections.abc import Iterable, Mapping
from itertools import chain

from msgspec import Struct

from app.core.language.patterns import Pattern, compile_pattern
from app.core.language.phrases import PhraseIndex, phrase_words
from app.core.language.text import fold, squeeze, tokens
from app.core.understanding.concepts import Concepts, concepts_by_locale, said_of, spoken_in
from app.core.understanding.screening import flags_of_answers
from app.core.understanding.sign_search import Reading
from app.core.understanding.signs import Sign, needs_of, read_sign
from app.domain.assessment import SlotValue
from app.domain.playbook import (
    URGENCY_ORDER,
    Playbook,
    RedFlag,
    UrgencyLevel,
    Words,
    more_urgent,
)


class _Sign(Struct, frozen=True):
    """A sign of a flag and what a text must have for it."""

    code: str
    sign: Sign
    needs: tuple[frozenset[str], ...]

    def is_in(self, reading: Reading) -> bool:
        return reading.may_hold(self.needs) and reading.holds(self.sign)


class _Signs:
    """The signs of one language, by something that a text must have for them.

    There are hundreds, and a text has what a handful need.
    """

    def __init__(self, signs: Iterable[_Sign]) -> None:
        self._always: list[_Sign] = []
        self._by_need: dict[str, list[_Sign]] = {}
        for sign in signs:
            if not sign.needs:
                self._always.append(sign)
                continue
            for need in min(sign.needs, key=len):
                self._by_need.setdefault(need, []).append(sign)
        self._needs = frozenset(self._by_need)

    def flags(self, reading: Reading) -> set[str]:
        """Return the flags of which the text shows a sign."""
        found: set[str] = set()
        listed = (self._by_need[need] for need in self._needs & reading.present)
        for sign in chain(self._always, *listed):
            if sign.code not in found and sign.is_in(reading):
                found.add(sign.code)
        return found


class Heard(Struct, frozen=True):
    """What was recognised in a message."""

    flags: tuple[str, ...]
    words: tuple[str, ...]
    readings: tuple[Reading, ...]
    """One for each language."""

    def concepts(self) -> set[str]:
        """Return the concepts of any language that the message uses."""
        return {name for one in self.readings for name in one.concepts()}


class SafetyFloor:
    """The red flags of one playbook, compiled. All locales are searched, whatever the case's is."""

    def __init__(self, playbook: Playbook, concepts: Mapping[str, Concepts] | None = None) -> None:
        """Compile every word and pattern once; `concepts` are by locale, made here if absent."""
        self._playbook = playbook
        self._flags: dict[str, RedFlag] = {flag.code: flag for flag in playbook.red_flags}
        self._phrases = PhraseIndex(
            (phrase_words(phrase), flag.code)
            for flag in playbook.red_flags
            for phrase in every(flag.words)
        )
        self._patterns: dict[str, tuple[Pattern, ...]] = {
            flag.code: tuple(map(compile_pattern, every(flag.patterns)))
            for flag in playbook.red_flags
        }
        self._unless: dict[str, tuple[Pattern, ...]] = {
            flag.code: tuple(map(compile_pattern, every(flag.unless)))
            for flag in playbook.red_flags
        }
        self._concepts = concepts_by_locale(playbook) if concepts is None else concepts
        self._signs = {
            locale: _Signs(
                _Sign(flag.code, sign, needs_of(sign))
                for flag in playbook.red_flags
                for sign in map(read_sign, flag.signs.get(locale, ()))
            )
            for locale in self._concepts
        }

    def find(self, text: str) -> tuple[str, ...]:
        """Return the codes of the red flags a message raises, in the playbook's order."""
        return self.hear(text).flags

    def hear(self, text: str) -> Heard:
        """Return the red flags a message raises, with what was recognised on the way."""
        said = squeeze(fold(text))
        hits: dict[str, list[tuple[int, int]]] = {}
        listed = list(tokens(said))
        for hit in self._phrases.find(listed):
            hits.setdefault(hit.value, []).append((hit.start, hit.end))
        spoken = spoken_in(said, listed)
        readings = {locale: Reading(one, spoken) for locale, one in self._concepts.items()}
        shown = {
            code for locale, one in readings.items() for code in self._signs[locale].flags(one)
        }
        flags = tuple(
            code
            for code, patterns in self._patterns.items()
            if code in shown or self._counts(code, hits.get(code, []), patterns, said)
        )
        return Heard(flags, spoken.words, tuple(readings.values()))

    def read(self, text: str) -> Heard:
        """Return the words and concepts of a text, without looking for danger in it."""
        spoken = said_of(squeeze(fold(text)))
        return Heard(
            (), spoken.words, tuple(Reading(one, spoken) for one in self._concepts.values())
        )

    def _counts(
        self, code: str, hits: list[tuple[int, int]], patterns: tuple[Pattern, ...], said: str
    ) -> bool:
        found = [*hits, *(span for pattern in patterns for span in pattern.spans(said))]
        if not found:
            return False
        taken_back = [span for pattern in self._unless[code] for span in pattern.spans(said)]
        return not all(_is_taken_back(hit, taken_back, said) for hit in found)

    def from_slots(self, slots: Mapping[str, SlotValue]) -> tuple[str, ...]:
        """Return the codes of the red flags that known answers raise."""
        return flags_of_answers(self._playbook, slots)

    def from_area(self, code: str) -> tuple[str, ...]:
        """Return the codes of the red flags that this kind of problem is by itself."""
        places = {code, code.partition(".")[0]}
        return tuple(flag.code for flag in self._flags.values() if places.intersection(flag.areas))

    def suggested(self, codes: Iterable[str]) -> tuple[tuple[str, ...], ...]:
        """Return the kinds of problem that each of these flags suggests."""
        return tuple(flag.suggests for flag in self._known(codes) if flag.suggests)

    def urgency(self, codes: Iterable[str]) -> UrgencyLevel:
        """Return the least urgency that these flags allow; `low` where there are none."""
        level: UrgencyLevel = "low"
        for flag in self._known(codes):
            level = more_urgent(level, flag.urgency)
        return level

    def advice(self, codes: Iterable[str], locale: str) -> str:
        """Return what to do at once, most urgent first, a paragraph for each flag."""
        return "\n\n".join(self.advices(codes, locale))

    def advices(self, codes: Iterable[str], locale: str) -> tuple[str, ...]:
        """Return the paragraphs of the advice, most urgent first, none of them twice."""
        chosen = self._playbook.locale(locale)
        ranked = sorted(self._known(codes), key=lambda flag: -URGENCY_ORDER.index(flag.urgency))
        return tuple(dict.fromkeys(flag.advice[chosen] for flag in ranked))

    def labels(self, codes: Iterable[str], locale: str) -> tuple[str, ...]:
        """Return the flags' labels, most urgent first."""
        chosen = self._playbook.locale(locale)
        ranked = sorted(self._known(codes), key=lambda flag: -URGENCY_ORDER.index(flag.urgency))
        return tuple(flag.label[chosen] for flag in ranked)

    def handoff(self, codes: Iterable[str]) -> bool:
        """Return whether one of these flags calls for a human now."""
        return any(flag.handoff for flag in self._known(codes))

    def _known(self, codes: Iterable[str]) -> list[RedFlag]:
        return [self._flags[code] for code in dict.fromkeys(codes) if code in self._flags]


def every(phrases: Words) -> Iterable[str]:
    """Yield the words of all locales."""
    for listed in phrases.values():
        yield from listed


def _is_taken_back(hit: tuple[int, int], unless: list[tuple[int, int]], said: str) -> bool:
    start, end = hit
    for begins, ends in unless:
        covers = begins <= start and ends >= end
        precedes = begins < start and ends <= start and not said[ends:start].strip(" ")
        if covers or precedes:
            return True
    return False
