"""Signs: how a playbook writes down what people say when something is the matter.

A sign is made of words and concepts, so that a person who knows the domain can read it:

    {relative} ... {hit}            one follows the other within a sentence
    {child} & {alone} & !{adult}    all in one sentence, in any order, and no adult
    {gun} + {demand}                both in the message

A word stands for itself, `word*` for every word that begins so, and `{name}` for any of the words
of that concept. What stands side by side must be said side by side; `..` lets up to three words
stand between and `...` up to eight. `|` parts other ways to say what stands between two gaps, so
`out|on the street ... {soon}` is "out" or "on the street". `!` before a part says that it must not
be there.

This module reads signs; `app.core.understanding.sign_search` finds them in a text.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache

from msgspec import Struct

from app.core.language.text import words
from app.domain.playbook import Concept

GAPS = {"..": 3, "...": 8}
DENIAL = "denial"
"""The concept that takes back what it stands before, where that can be denied."""

_NAME = re.compile(r"\{([a-z][a-z0-9_]*)\}")
_FORBIDDEN = set("{}*&+!")
_RAW = 8_192
"""Words that are remembered once they were read: a playbook uses the same few thousand."""


class Word(Struct, frozen=True):
    """A word, or the beginning of words."""

    text: str
    begins: bool = False


class Ref(Struct, frozen=True):
    """Any word or phrase of a concept."""

    concept: str


Atom = Word | Ref
Phrase = tuple[Atom, ...]
"""What must be said side by side."""


class Element(Struct, frozen=True):
    """One place of a sequence: what may stand there, and how far from the one before."""

    choices: tuple[Phrase, ...]
    gap: int = 0
    """How many words may stand between the element before and this one."""


class Sequence(Struct, frozen=True):
    """Elements that follow each other within a sentence."""

    elements: tuple[Element, ...]


class Part(Struct, frozen=True):
    """A sequence that must be there, or must not."""

    sequence: Sequence
    absent: bool = False


class Clause(Struct, frozen=True):
    """Parts that stand in one sentence, in any order."""

    parts: tuple[Part, ...]


class Sign(Struct, frozen=True):
    """Clauses that stand in one message."""

    clauses: tuple[Clause, ...]


class SignError(ValueError):
    """A sign that cannot be read; the text says what is wrong and what is expected."""


def read_sign(text: str) -> Sign:
    """Read a sign.

    Raises:
        SignError: if it is none.
    """
    clauses = tuple(
        Clause(tuple(_part(part) for part in _split(clause, "&"))) for clause in _split(text, "+")
    )
    if all(part.absent for clause in clauses for part in clause.parts):
        raise SignError("says only what must not be there; expected something that must")
    if any(
        len(clause.parts) > 1 and all(part.absent for part in clause.parts) for clause in clauses
    ):
        raise SignError("'&' joins only what must not be there; expected '+' between such parts")
    return Sign(clauses)


def read_sequence(text: str) -> Sequence:
    """Read words and concepts that follow each other, as a concept's own list holds them.

    Raises:
        SignError: if they are none.
    """
    elements: list[Element] = []
    gap = 0
    said: list[str] = []
    for raw in (*text.split(), ""):
        if raw and raw not in GAPS:
            said.append(raw)
            continue
        if not said:
            what = f"'{raw}' needs something on both sides" if raw else "ends with a gap"
            raise SignError(f"{what}; expected a word or a concept" if text.strip() else "is empty")
        elements.append(Element(_choices(" ".join(said)), gap))
        gap = GAPS.get(raw, 0)
        said = []
    return Sequence(tuple(elements))


def needs_of(sign: Sign | Sequence) -> tuple[frozenset[str], ...]:
    """Return what a text must have for a sign or a sequence to be in it: of each set, one.

    A word stands for itself, `word*` for a beginning and `{name}` for a concept, as they are
    written.

    >>> [sorted(one) for one in needs_of(read_sign("a b|{c} ... d* & !e + f"))]
    [['a', '{c}'], ['d*'], ['f']]
    """
    if isinstance(sign, Sign):
        present = (part for clause in sign.clauses for part in clause.parts if not part.absent)
        return tuple(need for part in present for need in needs_of(part.sequence))
    return tuple(
        frozenset(_written(phrase[0]) for phrase in element.choices) for element in sign.elements
    )


def _written(atom: Atom) -> str:
    match atom:
        case Ref(name):
            return f"{{{name}}}"
        case Word(text, begins):
            return f"{text}*" if begins else text


def concepts_of(sign: Sign | Sequence) -> Iterator[str]:
    """Yield the name of every concept that a sign or a sequence uses."""
    if isinstance(sign, Sign):
        for clause in sign.clauses:
            for part in clause.parts:
                yield from concepts_of(part.sequence)
        return
    for element in sign.elements:
        for phrase in element.choices:
            yield from (one.concept for one in phrase if isinstance(one, Ref))


def cycle(concepts: Mapping[str, Concept]) -> tuple[str, ...]:
    """Return the names of concepts that contain each other in a circle; empty if there are none."""
    inside = {name: tuple(_contained(concept)) for name, concept in concepts.items()}
    done: set[str] = set()

    def walk(name: str, path: tuple[str, ...]) -> tuple[str, ...]:
        if name in path:
            return (*path[path.index(name) :], name)
        if name not in done:
            for other in inside.get(name, ()):
                if found := walk(other, (*path, name)):
                    return found
            done.add(name)
        return ()

    return next((found for name in inside if (found := walk(name, ()))), ())


def _contained(concept: Concept) -> Iterator[str]:
    listed = (one for words_of in concept.words.values() for one in words_of)
    for text in listed:
        yield from _NAME.findall(text)


def _split(text: str, mark: str) -> Iterable[str]:
    pieces: list[list[str]] = [[]]
    for raw in text.split():
        if raw == mark:
            pieces.append([])
        else:
            pieces[-1].append(raw)
    if not all(pieces):
        raise SignError(f"'{mark}' needs something on both sides" if text.strip() else "is empty")
    return [" ".join(piece) for piece in pieces]


def _part(text: str) -> Part:
    return Part(read_sequence(text.removeprefix("!")), absent=text.startswith("!"))


def _choices(text: str) -> tuple[Phrase, ...]:
    return tuple(tuple(_atoms(phrase, text)) for phrase in text.split("|"))


def _atoms(phrase: str, whole: str) -> Iterator[Atom]:
    if not phrase.strip():
        raise SignError(f"'{whole}' has nothing beside a '|'; expected another way to say it")
    for raw in phrase.split():
        yield from _read(raw)


@lru_cache(_RAW)
def _read(raw: str) -> tuple[Atom, ...]:
    """Return what stands between two blanks: a concept, or a word, or more where it is written so.

    The same word is the same object wherever it stands.
    """
    if name := _NAME.fullmatch(raw):
        return (Ref(name[1]),)
    begins = raw.endswith("*")
    said = words(raw.removesuffix("*"))
    if not said or _FORBIDDEN & set(raw.removesuffix("*")):
        raise SignError(f"'{raw}' cannot be read; expected a word, word* or {{name}}")
    return tuple(Word(one, begins and at == len(said)) for at, one in enumerate(said, 1))
