"""Reading which options somebody chooses from a list: by number, by place, or in words.

People answer a numbered list as they like: "2 and 5", "só a primeira", "the second and the last
one", "todas menos a 3", "nenhuma". Numbers among words of another kind choose nothing: in "my 3
children are with him" the 3 is no option's. What stays unclear is asked for again, never guessed.
"""

import re
from collections.abc import Collection, Iterator, Sequence

from msgspec import Struct

from app.core.language.numerals import read_words
from app.core.language.phrases import phrase_words
from app.core.language.text import fold, words
from app.core.language.yes_no import is_bare_no
from app.domain.playbook import Option, Slot

_NOT_BEFORE = frozenset({"nao", "not", "isnt", "nem", "dont", "never", "nunca"})
"""Words that take back what follows within two words."""
_CHOOSING = 8
"""Words up to which an answer may name options."""
_DECLINING = 16
"""Words up to which an answer may say, in several of them, that none holds."""
_CLEAR = 3
"""Words of a phrase that says so whatever stands around it."""
_NEGATIVE = frozenset({"nenhum", "nenhuma", "nada", "mais", "none", "nothing"})
"""Words that a denial before them does not turn round: "não tem nenhuma"."""
_BESIDE_NONE = """
    gracas deus obrigado obrigada por enquanto com gente ninguem minha meu familia perto de mim
    tenho teve outra outro thank thanks god you nobody with my family for at moment other
"""
_THANKS = frozenset(_BESIDE_NONE.split())
"""Words that may stand beside "none"."""

_BESIDE_THEM = """
    e ou o a os as n no na nos num numero numeros opcao opcoes item itens so somente apenas sim acho
    que nenhum nenhuma nada destas dessas delas outras resto mas eu escolho marco seria seriam esta
    estao ta tao acontecendo acontece acontecem aconteceu isso tambem comigo aqui infelizmente agora
    de uma um das dos creio tem ha sao foi ai bom entao elas eles acima em casa
    and or the number numbers option options item items only just yes i think both none of these
    those but is are it its happening happened happens to me here now unfortunately too also as
    well one would be choose pick say neither nothing others rest so sadly guess ok okay them above
    home house
"""
_AROUND = frozenset(_BESIDE_THEM.split())
"""Words that may stand beside what chooses by number or place."""
_ALL = frozenset({"todas", "todos", "all", "everything", "tudo"})
_EXCEPT = frozenset({"menos", "exceto", "except", "sem", "without", "tirando", "nao", "not", "nem"})
_BESIDE = _AROUND | _EXCEPT
_STILL = frozenset({"so", "somente", "apenas", "only", "just", "mas", "but", "sim", "yes"})
"""Words after a denial that begin something new: in "no, only 3" the 3 is chosen."""
_LAST = frozenset({"ultima", "ultimo", "last"})
_COUNTING = frozenset({"of", "delas", "deles", "destas", "dessas", "desses"})
"""Words after a number that make it a count: "2 of them"."""
_NAMING = frozenset({"numero", "number", "opcao", "option", "item", "n"})
_ARTICLES = frozenset({"um", "uma", "one"})
_FIGURE = re.compile(r"(\d{1,3})(?:a|o|st|nd|rd|th)?")
_RANGE = re.compile(
    r"(?<![\d-])(\d{1,2}) ?(?:-|\bate(?: [ao])?\b|\bto\b|\bthrough\b) ?(\d{1,2})(?![\d-])"
    r"|\bd[aeo] (\d{1,2}) (?:a|ao) (\d{1,2})\b"
)
_STOP = re.compile(r"[,.;:!?()\n]")
_PORTUGUESE = "primeir segund terceir quart quint sext setim oitav non decim"
_ENGLISH = """
    first second third fourth fifth sixth seventh eighth ninth tenth eleventh twelfth thirteenth
    fourteenth fifteenth sixteenth seventeenth eighteenth nineteenth twentieth
"""
_WORDS = {
    **{f"{one}{end}": n for n, one in enumerate(_PORTUGUESE.split(), 1) for end in "ao"},
    **{one: n for n, one in enumerate(_ENGLISH.split(), 1)},
}
_TENTH = frozenset({"decima", "decimo"})


def read_several(slot: Slot, answer: str, known: Collection[str] = ()) -> str | None:
    """Read every option that is chosen, by number, place or words, in the playbook's order.

    Args:
        slot: What was asked for.
        answer: What the person said. A long answer tells a story: its words choose nothing.
        known: Options that were left out of the list.

    Returns:
        Their values with commas between; None where the answer is none.
    """
    chosen = _by_words(slot, words(answer))
    chosen |= {slot.options[place].value for place in _by_place(slot, answer, known)}
    alone = {one.value for one in slot.options if one.alone or one.unsaid}
    if not chosen and is_bare_no(answer):
        chosen = {one.value for one in slot.options if one.alone}
    unsaid = {one.value for one in slot.options if one.unsaid}
    chosen = (chosen - alone) or (chosen & unsaid) or chosen
    return in_order(slot, chosen)


def in_order(slot: Slot, chosen: Collection[str]) -> str | None:
    """Return chosen options as one value; None where there are none."""
    return ",".join(one.value for one in slot.options if one.value in chosen) or None


def phrases_of(option: Option) -> Iterator[tuple[str, ...]]:
    """Yield all that an option may be called."""
    listed = (phrase for one in option.words.values() for phrase in one)
    for text in (option.value.replace("_", " "), *option.label.values(), *listed):
        yield phrase_words(text)


def mentions(said: Sequence[str], phrase: tuple[str, ...]) -> Iterator[tuple[int, int]]:
    """Yield the places at which a phrase is said and not denied."""
    negative = not _NEGATIVE.isdisjoint(phrase[:1])
    for index in range(len(said) - len(phrase) + 1):
        denied = not negative and _NOT_BEFORE.intersection(said[max(0, index - 2) : index])
        if phrase and tuple(said[index : index + len(phrase)]) == phrase and not denied:
            yield index, index + len(phrase)


def _by_words(slot: Slot, said: Sequence[str]) -> set[str]:
    """Return the options that are named, a longer name before those it contains."""
    found = [
        (start, end, option.value)
        for option in slot.options
        for phrase in phrases_of(option)
        if _may_name(option, phrase, said)
        for start, end in mentions(said, phrase)
    ]
    return {
        value
        for start, end, value in found
        if not any(
            begins <= start and end <= ends and ends - begins > end - start
            for begins, ends, _ in found
        )
    }


def _may_name(option: Option, phrase: tuple[str, ...], said: Sequence[str]) -> bool:
    """Say whether a phrase counts in an answer of these words.

    "none" by itself says that nothing holds; in "I have none of my papers left" it does not.
    """
    if not (option.alone or option.unsaid):
        return len(said) <= _CHOOSING
    if len(phrase) >= _CLEAR and len(said) <= _DECLINING:
        return True
    beside = len(said) - len(phrase)
    return beside <= (1 if len(phrase) == 1 else _CLEAR) or (_BESIDE | _THANKS).issuperset(said)


def _by_place(slot: Slot, answer: str, known: Collection[str]) -> set[int]:
    """Return the indices of options that are chosen by their number or their place in the list.

    Nothing is chosen where other words stand around in the same clause, where a number counts
    ("2 of them"), or where it is none of the list's. "The second" is not clear either below a line
    that was left out: it may be the second that is shown, or the one with the number 2.
    """
    shown = {n for n, one in enumerate(slot.options) if one.value not in known}
    dangers = {n for n in shown if not (slot.options[n].alone or slot.options[n].unsaid)}
    clauses = _STOP.split(_RANGE.sub(_spelled_out, fold(answer)))
    found = [list(_picks(words(clause))) for clause in clauses]
    picks = [one for clause in found if any(_names(one) for one in clause) for one in clause]
    named = {one.place - 1 for one in picks if one.place > 0}
    gaps = set(range(len(slot.options))) - shown
    unclear = any(
        one.place == _UNCLEAR
        or (one.place == _EVERY and one.denied)
        or (one.counted and min(gaps, default=one.place) < one.place)
        for one in picks
    )
    if unclear or not named <= set(range(len(slot.options))):
        return set()
    denied = {one.place - 1 for one in picks if one.denied}
    if any(one.place == _EVERY for one in picks):
        return dangers - denied
    chosen = (named & shown) - denied  # whoever repeats what is known says nothing new with it
    if chosen and dangers and any(one.place == _END and not one.denied for one in picks):
        chosen.add(max(dangers))  # by itself it may mean "none", the last line of most lists
    return chosen


class _Pick(Struct, frozen=True):
    """A place in the list that somebody names, from 1 on, or one of the words below."""

    place: int
    denied: bool = False
    counted: bool = False
    """Named by its place ("the second"), not by its number."""


_END, _EVERY, _UNCLEAR = -1, -2, -3


def _names(pick: _Pick) -> bool:
    return pick.place != _UNCLEAR


def _picks(said: Sequence[str]) -> Iterator[_Pick]:
    """Yield the places that a clause names, each with whether it is taken back."""
    index = begins = 0
    while index < len(said):
        place, size = _place(said, index)
        after = said[index + size : index + size + 1]
        if place == 0:
            if said[index] not in _BESIDE:
                yield _Pick(_UNCLEAR)
            index += 1
        elif _COUNTING.intersection(after) and place != _EVERY:
            yield _Pick(_UNCLEAR)
            index += 1
        else:
            refused = said[index + size :] in (["nao"], ["not"], ["no"])
            counted = place > 0 and _is_ordinal(said[index])
            yield _Pick(place, _is_denied(said[begins:index]) or refused, counted)
            begins = index = index + size


def _is_denied(before: Sequence[str]) -> bool:
    """Say whether words before a number take it back."""
    denials = [n for n, one in enumerate(before) if one in _EXCEPT]
    return bool(denials) and not _STILL.intersection(before[denials[-1] :])


def _is_ordinal(word: str) -> bool:
    return word in _WORDS or (_FIGURE.fullmatch(word) is not None and not word.isdecimal())


def _place(said: Sequence[str], index: int) -> tuple[int, int]:
    """Return the place that a word, or two, stand for, 0 for none, and how many words they are."""
    word = said[index]
    size, place = 1, _WORDS.get(word, 0)
    if word in _ALL:
        place = _EVERY
    elif word in _LAST:
        place = _END
    elif suffixed := _FIGURE.fullmatch(word):
        place = int(suffixed[1])
    elif word in _TENTH and _WORDS.get(said[index + 1] if index + 1 < len(said) else "", 99) < 10:
        place, size = 10 + _WORDS[said[index + 1]], 2
    elif word in _ARTICLES:
        counted = word != "uma" and index == 0 and (len(said) == 1 or said[1] in ("e", "and"))
        place = int(counted or (index > 0 and said[index - 1] in _NAMING))
    elif not place and (read := read_words([word])) is not None:
        place = int(read[0])
    return place, size


def _spelled_out(found: re.Match[str]) -> str:
    """Return a range as its numbers."""
    low, high = (int(one) for one in found.groups() if one is not None)
    return " ".join(map(str, range(low, high + 1))) if low < high <= low + 20 else found[0]
