"""Finding a playbook's signs in a text.

The words of a text are looked up once in an index of all concepts' words; signs are then checked
by the places at which their concepts were found. So the time grows with the text, and a sign whose
concepts do not occur costs next to nothing.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Mapping
from functools import cached_property
from itertools import chain, pairwise

from msgspec import Struct

from app.core.signs import (
    DENIAL,
    Atom,
    Clause,
    Element,
    Part,
    Phrase,
    Ref,
    Sequence,
    Sign,
    Word,
    needs_of,
    read_sequence,
)
from app.core.text import squeeze, tokens
from app.domain.playbook import Concept

_SENTENCE = 24
"""How many words the parts of a clause may span; who writes without full stops writes on."""
_MESSAGE = 60
"""How many words the clauses of a sign may span."""
_DENIED = 1
"""How many words may stand between a denial and what it denies."""
_MOST = 200
"""Places of one clause that are looked at; more say nothing more."""
_MET = 20_000
"""Words that are remembered with what begins with them."""

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
    found: list[str] = []
    sentence: list[int] = []
    stretch: list[int] = []
    sentences = stretches = 0
    before = 0
    plain = squeeze(folded)
    for token in tokens(plain):
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
        self.excepted: dict[str, tuple[Sequence, ...]] = {}
        self.composed: dict[str, tuple[Sequence, ...]] = {}
        """What refers to other concepts or leaves gaps."""
        self._exact: dict[str, list[tuple[tuple[Word, ...], str]]] = {}
        self._beginning: dict[str, list[tuple[tuple[Word, ...], str]]] = {}
        for name, concept in concepts.items():
            composed: list[Sequence] = []
            for text in concept.words.get(locale, ()):
                sequence = read_sequence(text)
                plain = _plain(sequence)
                if plain is None:
                    composed.append(sequence)
                else:
                    index = self._beginning if plain[0].begins else self._exact
                    index.setdefault(plain[0].text, []).append((plain, name))
            self.composed[name] = tuple(composed)
            self.excepted[name] = tuple(map(read_sequence, concept.idioms.get(locale, ())))
        self._needs = tuple(
            (f"{{{name}}}", needs_of(one)) for name, all_ in self.composed.items() for one in all_
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


class Reading:
    """One text, searched for signs of one language."""

    def __init__(self, concepts: Concepts, text: Said) -> None:
        """Look the words of the text up."""
        self._concepts = concepts
        self._text = text
        self._listed = concepts.find(text)
        self._present = concepts.present(text, self._listed)
        self._raw: dict[str, list[Span]] = {}
        self._true: dict[str, list[Span]] = {}
        self._places: dict[Word, list[Span]] = {}
        by_word: dict[str, list[int]] = {}
        for index, word in enumerate(text.words):
            by_word.setdefault(word, []).append(index)
        self._by_word = by_word
        self._sorted = sorted(by_word)

    def may_hold(self, needs: tuple[frozenset[str], ...]) -> bool:
        """Say whether the text has what a sign needs, for signs that need what it has not."""
        return has_all(needs, self._present)

    def holds(self, sign: Sign) -> bool:
        """Say whether the text shows a sign."""
        spans: list[list[Span]] = []
        for clause in sign.clauses:
            if all(part.absent for part in clause.parts):
                if any(self.sequence(part.sequence) for part in clause.parts):
                    return False
                continue
            found = self._clause(clause)
            if not found:
                return False
            spans.append(found)
        return any(True for _ in _choices(spans, _MESSAGE))

    def sequence(self, sequence: Sequence, *, raw: bool = False) -> list[Span]:
        """Return the places of a sequence."""
        first, *others = sequence.elements
        found = self._element(first, raw)
        for element in others:
            if not found:
                return []
            found = self._followed(found, self._element(element, raw), element.gap)
        return found

    def _followed(self, found: list[Span], following: list[Span], gap: int) -> list[Span]:
        """Join places with those that begin at most `gap` words later in the same sentence."""
        sentence = self._text.sentence
        return _unique(
            (start, other_end)
            for start, end in found
            for other_start, other_end in _beginning(following, end, end + gap)
            if sentence[end - 1] == sentence[other_start]
        )

    def concept(self, name: str) -> list[Span]:
        """Return the places of a concept that no exception and no denial takes back."""
        if name not in self._true:
            places = self._all(name)
            if places:
                excepted = [
                    span
                    for one in self._concepts.excepted.get(name, ())
                    for span in self.sequence(one, raw=True)
                ]
                places = [one for one in places if not _covered(one, excepted)]
            if places and name in self._concepts.deniable:
                places = [one for one in places if one[0] not in self._deniable_from]
            self._true[name] = places
        return self._true[name]

    def _all(self, name: str) -> list[Span]:
        if name not in self._raw:
            composed = self._concepts.composed.get(name, ())
            self._raw[name] = _unique(
                (
                    *self._listed.get(name, ()),
                    *(span for one in composed for span in self.sequence(one)),
                )
            )
        return self._raw[name]

    @cached_property
    def _deniable_from(self) -> frozenset[int]:
        """Return every word at which something that is denied would begin."""
        stretch = self._text.stretch
        return frozenset(
            index
            for _, end in self.concept(DENIAL)
            for index in range(end, min(end + _DENIED + 1, len(stretch)))
            if stretch[end - 1] == stretch[index]
        )

    def _element(self, element: Element, raw: bool) -> list[Span]:
        if len(element.choices) == 1:
            return self._phrase(element.choices[0], raw)
        return _unique(span for phrase in element.choices for span in self._phrase(phrase, raw))

    def _phrase(self, phrase: Phrase, raw: bool) -> list[Span]:
        """Return the places at which all of a phrase stands side by side."""
        first, *others = phrase
        found = self._atom(first, raw)
        for atom in others:
            if not found:
                break
            found = self._followed(found, self._atom(atom, raw), 0)
        return found

    def _atom(self, atom: Atom, raw: bool) -> list[Span]:
        match atom:
            case Ref(name):
                return self._all(name) if raw else self.concept(name)
            case Word():
                return self._word(atom)

    def _word(self, word: Word) -> list[Span]:
        if word not in self._places:
            matching: Iterable[str] = (word.text,)
            if word.begins:
                low = bisect_left(self._sorted, word.text)
                high = bisect_right(self._sorted, word.text + "\uffff")
                matching = self._sorted[low:high]
            places = [index for one in matching for index in self._by_word.get(one, ())]
            self._places[word] = [(index, index + 1) for index in sorted(places)]
        return self._places[word]

    def _clause(self, clause: Clause) -> list[Span]:
        present: list[list[Span]] = []
        for part in clause.parts:
            if not part.absent:
                places = self.sequence(part.sequence)
                if not places:  # as in nearly every sign for nearly every text
                    return []
                present.append(places)
        absent = self._sentences_of(part for part in clause.parts if part.absent)
        found: set[Span] = set()
        sentences = set.intersection(*({self._of(one) for one in places} for places in present))
        for number in sorted(sentences - absent):
            inside = [[one for one in places if self._of(one) == number] for places in present]
            for chosen in _choices(inside, _SENTENCE):
                if _apart(chosen):
                    found.add((min(one[0] for one in chosen), max(one[1] for one in chosen)))
                    if len(found) == _MOST:
                        return sorted(found)
        return sorted(found)

    def _sentences_of(self, parts: Iterable[Part]) -> set[int]:
        return {self._of(span) for part in parts for span in self.sequence(part.sequence)}

    def _of(self, span: Span) -> int:
        return self._text.sentence[span[0]]


def _plain(sequence: Sequence) -> tuple[Word, ...] | None:
    """Return the words of a single phrase without concepts; None for any other sequence."""
    if len(sequence.elements) != 1 or len(sequence.elements[0].choices) != 1:
        return None
    (phrase,) = sequence.elements[0].choices
    plain = tuple(atom for atom in phrase if isinstance(atom, Word))
    return plain if len(plain) == len(phrase) else None


def _is(word: str, wanted: Word) -> bool:
    return word.startswith(wanted.text) if wanted.begins else word == wanted.text


def _unique(spans: Iterable[Span]) -> list[Span]:
    return sorted(set(spans))


def _beginning(places: list[Span], low: int, high: int) -> list[Span]:
    """Return the places, of a sorted list, that begin at words low to high."""
    return places[bisect_left(places, (low, 0)) : bisect_left(places, (high + 1, 0))]


def _choices(places: list[list[Span]], most: int) -> Iterator[tuple[Span, ...]]:
    """Yield every choice of one place of each that spans no more than so many words."""

    def extend(chosen: tuple[Span, ...], rest: list[list[Span]]) -> Iterator[tuple[Span, ...]]:
        if not rest:
            yield chosen
            return
        start, end = min(one[0] for one in chosen), max(one[1] for one in chosen)
        for one in _beginning(rest[0], end - most, start + most):
            if max(end, one[1]) - min(start, one[0]) <= most:
                yield from extend((*chosen, one), rest[1:])

    first, *others = places
    for one in first:
        yield from extend((one,), others)


def _apart(chosen: tuple[Span, ...]) -> bool:
    """Say whether no word serves two parts."""
    ordered = sorted(chosen)
    return all(end <= start for (_, end), (start, _) in pairwise(ordered))


def _covered(place: Span, by: list[Span]) -> bool:
    return any(start <= place[0] and place[1] <= end for start, end in by)
