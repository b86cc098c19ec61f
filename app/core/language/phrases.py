"""Finding many phrases in a text at once, word by word, in one pass.

The words of a text are walked once; at each word only the phrases that begin with it are compared.
So the time grows with the text and not with the number of phrases.
"""

from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from typing import Generic, TypeVar

from msgspec import Struct

from app.core.language.text import Token, fold, tokens, words

Value = TypeVar("Value")


class Hit(Struct, Generic[Value], frozen=True):
    """A phrase that was found, the characters it covers and what it stands for."""

    start: int
    end: int
    length: int
    """Words in the phrase."""
    value: Value


class PhraseIndex(Generic[Value]):
    """Phrases by their first word, each with what it stands for."""

    def __init__(self, phrases: Iterable[tuple[Sequence[str], Value]]) -> None:
        """Take phrases as sequences of words, already folded (and stemmed, if texts will be)."""
        self._by_first: dict[str, list[tuple[tuple[str, ...], Value]]] = {}
        for phrase, value in phrases:
            if phrase:
                self._by_first.setdefault(phrase[0], []).append((tuple(phrase[1:]), value))

    def find(self, found: Sequence[Token]) -> Iterator[Hit[Value]]:
        """Yield every occurrence of every phrase in the words of a text."""
        by_first = self._by_first
        said = [token.word for token in found]
        for index, word in enumerate(said):
            for rest, value in by_first.get(word, ()):
                stop = index + 1 + len(rest)
                if tuple(said[index + 1 : stop]) == rest:
                    yield Hit(found[index].start, found[stop - 1].end, len(rest) + 1, value)


@lru_cache(maxsize=8_192)
def phrase_words(phrase: str) -> tuple[str, ...]:
    """Return a phrase as the words an index compares.

    >>> phrase_words("Só isso!")
    ('so', 'isso')
    """
    return tuple(words(phrase))


def said_words(text: str) -> list[Token]:
    """Return the words of any text as an index reads them."""
    return list(tokens(fold(text)))
