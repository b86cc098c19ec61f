"""Finding the known word that an unknown one differs from by a single letter.

Two words can only be one letter apart if dropping at most one letter from each makes them equal; a
last comparison settles it. So the known words are listed under each of their shortened forms, and a
look-up costs as many steps as the word has letters, however many words are known.
"""

from collections.abc import Iterable, Iterator

_SHORTEST = 5
"""Shorter words are too often one letter from another word to be mended."""


class TypoIndex:
    """Known words by their shortened forms."""

    def __init__(self, known: Iterable[str]) -> None:
        """List the words that are long enough to be recognised with a mistake."""
        by_form: dict[str, str] = {}
        for word in sorted(set(known)):
            if len(word) >= _SHORTEST:
                for form in _forms(word):
                    others = by_form.get(form)
                    by_form[form] = word if others is None else f"{others} {word}"
        self._by_form = by_form
        """Words with blanks between: there are ten times as many forms, and a list for each would
        be most of the index."""

    def nearest(self, word: str) -> str | None:
        """Return a known word one letter away (changed, added, dropped, swapped), if there is one.

        >>> TypoIndex(["demissao", "despej"]).nearest("demisao")
        'demissao'
        """
        if len(word) < _SHORTEST:
            return None
        for form in _forms(word):
            for known in self._by_form.get(form, "").split():
                if known[0] == word[0] and _is_near(word, known):
                    return known
        return None


def _forms(word: str) -> Iterator[str]:
    yield word
    for index in range(1, len(word)):
        yield word[:index] + word[index + 1 :]


def _is_near(one: str, other: str) -> bool:
    if one == other:
        return True
    if len(one) != len(other):
        return abs(len(one) - len(other)) == 1
    differing = [index for index in range(len(one)) if one[index] != other[index]]
    if len(differing) == 1:
        return True
    return (
        len(differing) == 2
        and differing[1] == differing[0] + 1
        and one[differing[0]] == other[differing[1]]
        and one[differing[1]] == other[differing[0]]
    )
