"""The concepts of a playbook in one language, and where a text uses them.

All that concepts list is indexed by its first words, so that a text is walked once, however many
words there are. What refers to other concepts or leaves gaps is left to
`app.core.understanding.sign_search`.
"""

from collections.abc import Iterable, Mapping
from itertools import chain

from msgspec import Struct

from app.core.language.text import Token, squeeze, tokens
from app.core.understanding.signs import Sequence, Word, needs_of, read_sequence
from app.domain.playbook import Concept, Playbook

_MET = 20_000
"""Words that are remembered with what begins with them."""

Needy = tuple[tuple[frozenset[str], ...], Sequence]
"""A sequence, and before it what a text must have for it."""
Span = tuple[int, int]
"""The first word, and the one after the last."""


class Said(Struct, frozen=True):
    """A text as the search reads it."""

    words: tuple[str, ...]
    sentence: tuple[int, ...]
    """The number of the sentence of every word."""
    stretch: tuple[int, ...]
    """The number of the stretch between commas and other marks of every word."""


def said_of(folded: str) -> Said:
    """Split an already folded text into words, sentences and stretches."""
    plain = squeeze(folded)
    return spoken_in(plain, tokens(plain))


def spoken_in(plain: str, words: Iterable[Token]) -> Said:
    """Return a folded and squeezed text, whose words are known, as the search reads it."""
    found: list[str] = []
    sentence: list[int] = []
    stretch: list[int] = []
    sentences = stretches = 0
    before = 0
    for token in words:
        between = plain[before : token.start]
        if any(mark in between for mark in ".!?"):
            sentences += 1
        if any(mark in between for mark in ".!?,;:()"):
            stretches += 1
        found.append(token.word)
        sentence.append(sentences)
        stretch.append(stretches)
        before = token.end
    return Said(tuple(found), tuple(sentence), tuple(stretch))


class Concepts:
    """The concepts of one language, indexed by the first word of what they list."""

    def __init__(self, concepts: Mapping[str, Concept], locale: str) -> None:
        """Read what the concepts list in that language."""
        self.deniable = frozenset(name for name, one in concepts.items() if one.deniable)
        self.excepted: dict[str, tuple[Needy, ...]] = {}
        self.composed: dict[str, tuple[Needy, ...]] = {}
        """What refers to other concepts or leaves gaps."""
        self._exact: dict[str, list[tuple[tuple[Word, ...], str]]] = {}
        self._beginning: dict[str, list[tuple[tuple[Word, ...], str]]] = {}
        for name, concept in concepts.items():
            composed: list[Needy] = []
            for text in concept.words.get(locale, ()):
                sequence = read_sequence(text)
                plain = _plain(sequence)
                if plain is None:
                    composed.append(_needy(sequence))
                else:
                    index = self._beginning if plain[0].begins else self._exact
                    index.setdefault(plain[0].text, []).append((plain, name))
            self.composed[name] = tuple(composed)
            idioms = map(read_sequence, concept.idioms.get(locale, ()))
            self.excepted[name] = tuple(map(_needy, idioms))
        self._needs = tuple(
            (f"{{{name}}}", needs) for name, all_ in self.composed.items() for needs, _ in all_
        )
        self._lengths = sorted({len(text) for text in self._beginning})
        self._met: dict[str, _Starts] = {}

    def find(self, text: Said) -> dict[str, list[Span]]:
        """Return the places of all listed words and phrases by their concept."""
        found: dict[str, list[Span]] = {}
        words = text.words
        size = len(words)
        for start, word in enumerate(words):
            starts = self._starting(word)
            for name in starts.alone:
                found.setdefault(name, []).append((start, start + 1))
            if start + 1 == size:
                break
            for rest, name in (*starts.before.get(words[start + 1], ()), *starts.before_some):
                end = start + 1 + len(rest)
                if end <= size and all(map(_is, words[start + 1 : end], rest)):
                    found.setdefault(name, []).append((start, end))
        return found

    def present(self, text: Said, listed: Iterable[str]) -> set[str]:
        """Return what a text has of all that signs are made of, as `needs_of` writes it.

        Of a concept that is composed of others, it may have too much and never too little.
        """
        words = set(text.words)
        found = {f"{one[:end]}*" for one in words for end in range(1, len(one) + 1)}
        found |= words
        found.update(f"{{{name}}}" for name in listed)
        more = True
        while more:
            more = False
            for name, needs in self._needs:
                if name not in found and has_all(needs, found):
                    found.add(name)
                    more = True
        return found

    def _starting(self, word: str) -> "_Starts":
        """Return what begins with a word; people use the same few thousand again and again."""
        found = self._met.get(word)
        if found is None:
            beginnings = sorted({word[:length] for length in self._lengths}, key=len)
            listed = [self._exact.get(word, ())]
            listed += [self._beginning.get(one, ()) for one in beginnings]
            if len(self._met) >= _MET:
                self._met.clear()
            found = self._met[word] = _Starts(chain.from_iterable(listed))
        return found


class _Starts:
    """What is listed under one first word, by what has to follow it."""

    __slots__ = ("alone", "before", "before_some")

    def __init__(self, listed: Iterable[tuple[tuple[Word, ...], str]]) -> None:
        self.alone: list[str] = []
        self.before: dict[str, list[tuple[tuple[Word, ...], str]]] = {}
        self.before_some: list[tuple[tuple[Word, ...], str]] = []
        for phrase, name in listed:
            if len(phrase) == 1:
                self.alone.append(name)
            elif phrase[1].begins:
                self.before_some.append((phrase[1:], name))
            else:
                self.before.setdefault(phrase[1].text, []).append((phrase[1:], name))


def has_all(needs: tuple[frozenset[str], ...], present: set[str]) -> bool:
    """Say whether something of each set is present."""
    for need in needs:  # noqa: SIM110 - run for hundreds of signs on every message
        if need.isdisjoint(present):
            return False
    return True


def _needy(sequence: Sequence) -> Needy:
    return needs_of(sequence), sequence


def _plain(sequence: Sequence) -> tuple[Word, ...] | None:
    """Return the words of a single phrase without concepts; None for any other sequence."""
    if len(sequence.elements) != 1 or len(sequence.elements[0].choices) != 1:
        return None
    (phrase,) = sequence.elements[0].choices
    plain = tuple(atom for atom in phrase if isinstance(atom, Word))
    return plain if len(plain) == len(phrase) else None


def _is(word: str, wanted: Word) -> bool:
    return word.startswith(wanted.text) if wanted.begins else word == wanted.text


def concepts_by_locale(playbook: Playbook) -> dict[str, Concepts]:
    """Return a playbook's concepts in each of its languages; building them takes a while."""
    return {locale: Concepts(playbook.concepts, locale) for locale in playbook.locales}
