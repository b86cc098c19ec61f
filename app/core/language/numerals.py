"""Numbers and amounts of money as people write them, in figures and in words."""

import re
from collections.abc import Iterator, Sequence
from decimal import Decimal, InvalidOperation

from msgspec import Struct

_UNITS = {
    "zero": 0,
    "um": 1, "uma": 1, "one": 1,
    "dois": 2, "duas": 2, "two": 2,
    "tres": 3, "three": 3,
    "quatro": 4, "four": 4,
    "cinco": 5, "five": 5,
    "seis": 6, "six": 6,
    "sete": 7, "seven": 7,
    "oito": 8, "eight": 8,
    "nove": 9, "nine": 9,
    "dez": 10, "ten": 10,
    "onze": 11, "eleven": 11,
    "doze": 12, "twelve": 12,
    "treze": 13, "thirteen": 13,
    "quatorze": 14, "catorze": 14, "fourteen": 14,
    "quinze": 15, "fifteen": 15,
    "dezesseis": 16, "sixteen": 16,
    "dezessete": 17, "seventeen": 17,
    "dezoito": 18, "eighteen": 18,
    "dezenove": 19, "nineteen": 19,
    "vinte": 20, "twenty": 20,
    "trinta": 30, "thirty": 30,
    "quarenta": 40, "forty": 40,
    "cinquenta": 50, "fifty": 50,
    "sessenta": 60, "sixty": 60,
    "setenta": 70, "seventy": 70,
    "oitenta": 80, "eighty": 80,
    "noventa": 90, "ninety": 90,
    "cem": 100, "cento": 100,
    "duzentos": 200, "duzentas": 200,
    "trezentos": 300, "trezentas": 300,
    "quatrocentos": 400, "quatrocentas": 400,
    "quinhentos": 500, "quinhentas": 500,
    "seiscentos": 600, "seiscentas": 600,
    "setecentos": 700, "setecentas": 700,
    "oitocentos": 800, "oitocentas": 800,
    "novecentos": 900, "novecentas": 900,
}  # fmt: skip
_SCALES = {
    "hundred": 100,
    "mil": 1000, "k": 1000, "thousand": 1000,
    "milhao": 10**6, "milhoes": 10**6, "million": 10**6, "millions": 10**6, "mi": 10**6,
    "bilhao": 10**9, "bilhoes": 10**9, "billion": 10**9,
}  # fmt: skip
_JOINERS = frozenset({"e", "and"})
_CURRENCY_WORDS = """
    real reais brl conto contos pila pilas mango mangos dollar dollars usd buck bucks euro euros
    pound pounds dolar dolares
"""
_CURRENCIES = frozenset(_CURRENCY_WORDS.split())
_CENTS_AFTER = (["centavo"], ["centavos"], ["cent"], ["cents"])
_ARTICLES = frozenset({"um", "uma", "one"})
"""Numbers that are mostly articles; alone they are no amount."""
_PLAIN_WORDS = """
    e de do da dos das no na nos nas em por pra pro para que a o as os com mas
    and of from in on to for at that which back but the by
"""
_PLAIN_AFTER = frozenset(_PLAIN_WORDS.split())
"""Words after "15 mil" or "2k" that do not turn it into a count of something else."""
_ITEM = re.compile(
    r"(?P<sign>(?:\b(?:r|us))?\$|€|£)|(?P<figure>\d[\d.,]*)(?P<scale>(?:k|mil|mi)\b)?|(?P<word>[a-z]+)"
)
_LARGEST = Decimal(10) ** 12


class Amount(Struct, frozen=True):
    """A number found in a folded text."""

    value: Decimal
    start: int
    end: int
    marked: bool
    """Whether a currency, or a scale that people use for money alone, stands with it."""


def read_figure(figure: str) -> Decimal | None:
    """Read a number in figures, whichever way its thousands and decimals are written.

    >>> [str(read_figure(one)) for one in ("1.500,00", "1,500.00", "1.500", "12,5", "1500")]
    ['1500.00', '1500.00', '1500', '12.5', '1500']
    """
    signs = [one for one in figure if one in ".,"]
    if not signs:
        plain = figure
    elif len(set(signs)) == 1:
        last = figure.rsplit(signs[0], 1)[1]
        thousands = len(last) == 3 and not figure.startswith("0")
        if len(signs) > 1 and not thousands:
            return None
        plain = figure.replace(signs[0], "" if thousands else ".")
    elif signs.count(signs[-1]) > 1:
        return None
    else:
        plain = figure.replace("." if signs[-1] == "," else ",", "").replace(signs[-1], ".")
    try:
        return Decimal(plain)
    except InvalidOperation:
        return None


def read_words(said: Sequence[str]) -> tuple[Decimal, int] | None:
    """Read a number in words from the beginning; return it and how many words it took.

    >>> read_words(["mil", "e", "quinhentos", "reais"])
    (Decimal('1500'), 3)
    >>> read_words(["two", "hundred", "and", "fifty", "thousand"])
    (Decimal('250000'), 5)
    """
    total = group = 0
    taken = index = 0
    ceiling = 10**12
    while index < len(said):
        word = said[index]
        if word in _UNITS:
            unit = _UNITS[word]
            if group and _overlaps(group, unit):
                break
            group += unit
        elif word in _SCALES and word not in {"k", "mi"}:
            scale = _SCALES[word]
            if scale == 100:
                if not 0 < group < 10:
                    break
                group *= 100
            else:
                if scale >= ceiling or (not group and taken and total and total % scale):
                    break
                total += (group or 1) * scale
                group, ceiling = 0, scale
        elif word in _JOINERS and taken == index and index:
            index += 1
            continue
        else:
            break
        index += 1
        taken = index
    return (Decimal(total + group), taken) if taken else None


def _overlaps(group: int, unit: int) -> bool:
    """Say whether a further word cannot belong to the same number, as in "two three"."""
    for size in (10, 100, 1000):
        if group % size:
            return unit >= size // 10 or unit == 0
    return unit >= 1000


class _Item(Struct, frozen=True):
    word: str
    figure: Decimal | None
    start: int
    end: int


def amounts(folded: str) -> Iterator[Amount]:
    """Yield the numbers of a folded text in order, each with whether money is meant.

    >>> [(str(one.value), one.marked) for one in amounts("r$ 1.500,50 em 3 vezes")]
    [('1500.50', True), ('3', False)]
    """
    items = list(_items(folded))
    said = [item.word for item in items]
    index = 0
    while index < len(items):
        signed = said[index] == "$"
        first = index + signed
        read = _number(items, said, first) if first < len(items) else None
        if read is None:
            index += 1
            continue
        value, after, scaled = read
        value, stop, named = _currency(value, items, said, after)
        plain_after = stop >= len(items) or said[stop] in _PLAIN_AFTER or not said[stop].isalpha()
        if value < _LARGEST:
            marked = signed or named or (scaled and plain_after)
            yield Amount(value, items[index].start, items[stop - 1].end, marked)
        index = stop


def _items(folded: str) -> Iterator[_Item]:
    for match in _ITEM.finditer(folded):
        start, end = match.span()
        if match["sign"]:
            yield _Item("$", None, start, end)
        elif match["word"]:
            yield _Item(match["word"], None, start, end)
        elif not _is_part_of_a_code(folded, start, end):
            figure = read_figure(match["figure"].rstrip(".,"))
            yield _Item("0" if figure is not None else "?", figure, start, end)
            if match["scale"]:
                yield _Item("mil" if match["scale"] == "k" else match["scale"], None, end, end)
        else:
            yield _Item("?", None, start, end)


def _is_part_of_a_code(folded: str, start: int, end: int) -> bool:
    """Say whether digits belong to a date, an identity number, a telephone or the like."""
    before = folded[max(0, start - 2) : start]
    after = folded[end : end + 2]
    return (
        (len(before) == 2 and before[1] in "/-" and before[0].isalnum())
        or (len(after) == 2 and after[0] in "/-" and after[1].isdigit())
        or before[-1:].isalpha()
        or end - start > 15
    )


def _number(items: list[_Item], said: list[str], index: int) -> tuple[Decimal, int, bool] | None:
    """Read a number at an item; return it, the item after it, and whether a scale was named."""
    figure = items[index].figure
    if figure is None:
        read = read_words(said[index : index + 14])
        if read is None or (read[1] == 1 and said[index] in _ARTICLES):
            return None
        return read[0], index + read[1], False
    after = index + 1
    scale = _SCALES.get(said[after], 0) if after < len(said) else 0
    if scale < 1000:
        return figure, after, False
    value, after = figure * scale, after + 1
    if after + 1 < len(said) and said[after] in _JOINERS:
        rest = items[after + 1].figure
        read = (rest, 1) if rest is not None else read_words(said[after + 1 : after + 8])
        if read is not None and read[0] < scale and said[after + 1] not in _ARTICLES:
            return value + read[0], after + 1 + read[1], True
    return value, after, True


def _currency(
    value: Decimal, items: list[_Item], said: list[str], index: int
) -> tuple[Decimal, int, bool]:
    """Read a currency after a number, and the cents after that."""
    named = index + (said[index : index + 1] == ["de"])
    if said[named : named + 1] == [] or said[named] not in _CURRENCIES:
        return value, index, False
    stop = named + 1
    if stop + 2 < len(said) and said[stop] in _JOINERS:
        read = _number(items, said, stop + 1)
        if read is not None and read[0] < 100 and said[read[1] : read[1] + 1] in _CENTS_AFTER:
            return value + read[0] / 100, read[1] + 1, True
    return value, stop, True
