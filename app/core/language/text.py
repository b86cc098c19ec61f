"""Text as the rules see it: folded, split into words, and reduced to stems.

Folding works character by character, so that it is idempotent and every folded character knows the
original one it came from. Stemming is deliberately light and the same for every language: it only
has to make the playbook's words and the person's words meet, not to be right about grammar.
"""

import re
import unicodedata
from collections.abc import Iterable, Iterator
from functools import lru_cache
from string import ascii_lowercase

from msgspec import Struct

_QUOTES = dict.fromkeys("‘’‚‛′`´ʼ", "'") | dict.fromkeys("“”„‟″«»", '"')
_DASHES = dict.fromkeys("‐‑‒–—―−", "-")
_SIGNS = _QUOTES | _DASHES
_DROPPED = frozenset({"Mn", "Me", "Cf"})
_SPACES = frozenset({"Zs", "Zl", "Zp", "Cc"})

_WORD = re.compile(r"[^\W_]+(?:'[^\W_]+)*")
_STRETCH = re.compile(r"([a-z])\1{2,}")
_TRIPLES = tuple(letter * 3 for letter in ascii_lowercase)
_BLANKS = re.compile(r" +")


class Folded(Struct, frozen=True):
    """Folded text that remembers where each of its characters stood in the original."""

    text: str
    origins: tuple[int, ...]
    """Index in the original of every folded character; the original's length is appended."""
    original: str

    def source(self, start: int, end: int) -> str:
        """Return the piece of the original from which a piece of the folded text came."""
        return self.original[self.origins[start] : self.origins[end]].strip()


class Token(Struct, frozen=True):
    """A word of a folded text and where it stands."""

    word: str
    start: int
    end: int


class _Table(dict[int, str]):
    """What each character folds to, worked out on first sight."""

    def __missing__(self, code: int) -> str:
        folded = _fold_character(chr(code))
        if code <= 0xFFFF:
            self[code] = folded
        return folded


def cleaned(text: str) -> str:
    r"""Drop control characters, which no person types, and the space around.

    >>> cleaned("  Oi!\x00\n")
    'Oi!'
    """
    kept = (c for c in text if c in "\n\t" or unicodedata.category(c) not in {"Cc", "Cs"})
    return "".join(kept).strip()


def _fold_character(character: str) -> str:
    if character in _SIGNS:
        return _SIGNS[character]
    folded = character
    for _ in range(4):
        before = folded
        folded = "".join(map(_plain, unicodedata.normalize("NFKD", before.casefold())))
        if folded == before:
            break
    return folded


def _plain(character: str) -> str:
    if character in _SIGNS:
        return _SIGNS[character]
    category = unicodedata.category(character)
    if category in _SPACES:
        return " "
    return "" if category in _DROPPED else character


_table = _Table()


def fold(text: str) -> str:
    """Return the text in lower case, without accents, with plain quotes, dashes and single spaces.

    >>> fold("  Não — É  “URGENTE”! ")
    'nao - e "urgente"!'
    """
    return _BLANKS.sub(" ", text.translate(_table)).strip(" ")


def folded(text: str) -> Folded:
    """Fold a text and keep the way back: `folded(text).text == fold(text)`."""
    characters: list[str] = []
    origins: list[int] = []
    blank = True
    for index, character in enumerate(text):
        for one in _table[ord(character)]:
            if one == " " and blank:
                continue
            blank = one == " "
            characters.append(one)
            origins.append(index)
    if characters and characters[-1] == " ":
        characters.pop()
        origins.pop()
    return Folded("".join(characters), (*origins, len(text)), text)


def tokens(text: str) -> Iterator[Token]:
    """Yield the words of an already folded text, with their places.

    A contraction is one word without its apostrophe ("don't" is `dont`, as many write it); a
    possessive loses its `s`, an elided `d'` falls away, and stretched letters ("help meee") shrink.
    """
    plain = "'" not in text and not _is_stretched(text)
    for match in _WORD.finditer(text):
        word = match.group()
        yield Token(word if plain else _word(word), *match.span())


def words(text: str) -> list[str]:
    """Return the words of any text, folded.

    >>> words("Don't touch the neighbour's copo d'água, please!!")
    ['dont', 'touch', 'the', 'neighbour', 'copo', 'agua', 'please']
    """
    said = fold(text)
    found: list[str] = _WORD.findall(said)
    plain = "'" not in said and not _is_stretched(said)
    return found if plain else [_word(word) for word in found]


def squeeze(text: str) -> str:
    """Shrink letters that are repeated three times or more to one.

    >>> squeeze("socorrooo")
    'socorro'
    """
    return _STRETCH.sub(r"\1", text) if _is_stretched(text) else text


def _is_stretched(text: str) -> bool:
    """Say whether a letter is repeated; many times cheaper than trying the expression."""
    return any(triple in text for triple in _TRIPLES)


def _word(raw: str) -> str:
    word = raw
    if "'" in word:
        word = word.removesuffix("'s").removeprefix("d'").replace("'", "")
    return _STRETCH.sub(r"\1", word)


@lru_cache(maxsize=20_000)
def stem(word: str) -> str:
    """Return a light stem, the same for Portuguese and English inflections.

    >>> [stem(word) for word in ("demitido", "demitida", "demitiram", "demitir")]
    ['demit', 'demit', 'demit', 'demit']
    >>> [stem(word) for word in ("evicted", "evicting", "cities", "city", "acoes", "acao")]
    ['evict', 'evict', 'cit', 'cit', 'aca', 'aca']
    """
    if len(word) < _SHORTEST + 1 or not word.isalpha():
        return word
    for ending, replacement in _PLURALS:
        if word.endswith(ending) and len(word) - len(ending) >= 2:
            word = word[: -len(ending)] + replacement
            break
    for size in _ENDING_SIZES:
        if len(word) - size >= _SHORTEST and word[-size:] in _ENDINGS:
            return word[:-size]
    return word


def stems(texts: Iterable[str]) -> list[str]:
    """Return the stems of folded words."""
    return [stem(word) for word in texts]


_SHORTEST = 3
_PLURALS = (
    ("coes", "cao"),
    ("soes", "sao"),
    ("oes", "ao"),
    ("aes", "ao"),
    ("ais", "al"),
    ("eis", "el"),
    ("ois", "ol"),
    ("ies", "y"),
    ("sses", "ss"),
    ("ches", "ch"),
    ("shes", "sh"),
    ("ns", "m"),
    ("ss", "ss"),
    ("us", "us"),
    ("is", "is"),
    ("s", ""),
)
_LISTED = """
    amento imento amentos mente ment ments ador adora edor edora idor idora ante ente
    ando endo indo ado ada edo ido ida
    aram eram iram avam ariam eriam iriam assem essem issem aremos eremos iremos
    amos emos imos aria eria iria arei erei irei asse esse isse ava avas
    ara era ira arao erao irao ou eu iu ei am em ar er ir
    inho inha issimo issima ing ed ly e a o y
"""
_ENDINGS = frozenset(_LISTED.split())
_ENDING_SIZES = sorted({len(one) for one in _ENDINGS}, reverse=True)
