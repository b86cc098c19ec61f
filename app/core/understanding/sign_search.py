"""Finding a playbook's signs in a text.

The words of a text are looked up once in an index of all concepts' words; signs are then checked
by the places at which their concepts were found. So the time grows with the text, and a sign whose
concepts do not occur costs next to nothing.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator
from functools import cached_property
from itertools import pairwise

from app.core.understanding.concepts import Concepts, Said, Span, has_all
from app.core.understanding.signs import (
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
)

_SENTENCE = 24
"""How many words the parts of a clause may span; who writes without full stops writes on."""
_MESSAGE = 60
"""How many words the clauses of a sign may span."""
_DENIED = 1
"""How many words may stand between a denial and what it denies."""
_MOST = 200
"""Places of one clause that are looked at; more say nothing more."""


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

    @property
    def present(self) -> set[str]:
        """What the text has of all that signs are made of, as `needs_of` writes it."""
        return self._present

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

    def concepts(self) -> list[str]:
        """Return the concepts that the text uses, those taken back left out."""
        listed = (one[1:-1] for one in self._present if one[0] == "{")
        return sorted(name for name in listed if self.concept(name))

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
                    for needs, one in self._concepts.excepted.get(name, ())
                    if has_all(needs, self._present)
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
                    *(
                        span
                        for needs, one in composed
                        if has_all(needs, self._present)
                        for span in self.sequence(one)
                    ),
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
