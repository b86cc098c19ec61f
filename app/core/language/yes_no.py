"""Consent and denial in everyday Portuguese and English; what is neither stays unread."""

import re

from app.core.language.phrases import phrase_words
from app.core.language.text import words

Phrases = frozenset[tuple[str, ...]]


def _phrases(listed: str) -> Phrases:
    return frozenset(phrase_words(phrase) for phrase in listed.replace("\n", ",").split(","))


_YES = _phrases(
    """
    sim, s, ss, sss, sin, sm, claro, lógico, óbvio, com certeza, certeza, exato, exatamente
    isso, isso mesmo, correto, positivo, uhum, aham, ahan, arram, acho que sim, creio que sim
    infelizmente sim, já sim, ainda sim, pode ser, afirmativo, opa, verdade, tenho, temos, estou
    recebi, existe, assinei, ainda estou, ainda trabalho, ainda moro
    yes, y, yeah, yep, yup, ya, yea, yess, sure, of course, certainly, definitely, absolutely
    indeed, i do, i have, i am, i did, i was, there is, there are, they do, he does, she does
    he is, she is, they are, we do, we are, we have, it does, it did, i think so, i believe so
    i guess so, afraid so, unfortunately yes, correct, affirmative, uh huh, mhm, exactly
    """
)
_SHORT_YES = _phrases(
    """
    tem, tô, to, está, fui, foi, há, já, pode, quero, era, fiz, são, ta, moro, trabalho
    right, true, ok, okay, it is, it was, a little, a bit, um pouco, às vezes, sometimes
    """
)
"""Words that mean yes only where little else is said."""

_NO = _phrases(
    """
    não, n, nn, naum, nunca, jamais, negativo, acho que não, creio que não, ainda não
    de jeito nenhum, que nada, infelizmente não, agora não, por enquanto não, por enquanto nada
    que eu saiba não, claro que não, óbvio que não, ninguém, nem um pouco
    no, nope, nah, never, not yet, not really, not at all, i dont, i do not, i havent
    i have not, i didnt, i did not, im not, i am not, there isnt, there arent, it isnt
    it doesnt, it didnt, they dont, he doesnt, she doesnt, he isnt, she isnt, he didnt
    i dont think so, i do not think so, of course not, certainly not, definitely not
    unfortunately not, afraid not, negative, not that i know of, i was not, i wasnt, not
    """
)
_SHORT_NO = _phrases("nada, nenhum, nenhuma, nem, num, none, nothing, nobody, na, no way, zero")
"""Words that mean no only where little else is said."""

_NEITHER = _phrases(
    """
    não sei, não sei dizer, não faço ideia, não lembro, não me lembro, não tenho certeza, talvez
    sei lá, mais ou menos, depende, não entendi, como assim, quem sabe, não recordo, não tenho ideia
    não tenho como saber, nem sei
    i dont know, i do not know, dont know, not sure, im not sure, i am not sure, no idea, maybe
    perhaps, i dont remember, i do not remember, it depends, depends, who knows, i cant remember
    what do you mean, no clue, dunno, unsure, i have no idea, not certain
    """
)
_OPENERS = _phrases(
    """
    bom, bem, olha, então, ah, oh, eh, hum, hmm, ha, well, so, um, uh, er, actually, na verdade
    eu acho que, acho que, eu, i think, por, infelizmente, unfortunately, honestly, moço, moça, e
    """
)
_BARE = {("nao",), ("no",)}
_CLAUSE_END = re.compile(r"[,.;:!?\n]")
_LONGEST = max(map(len, _YES | _NO | _NEITHER))
_SHORT = 5
"""Words in an answer up to which an ambiguous word counts."""


def read_yes_no(text: str) -> str | None:
    """Read consent or denial from an answer in everyday words.

    >>> [read_yes_no(one) for one in ("Acho que sim", "ainda não...", "nope", "sei lá")]
    ['yes', 'no', 'no', None]
    """
    said = words(text)
    opening = 0
    while opening < len(said):
        if _longest(said, opening, _NEITHER):
            return None
        verdict = _judge(said, opening)
        if verdict is not None:
            return verdict
        skipped = _longest(said, opening, _OPENERS)
        if not skipped:
            break
        opening += skipped
    return _ending(said)


def is_bare_no(text: str) -> bool:
    """Say whether an answer is a no that denies nothing else: its first clause is only that.

    >>> [is_bare_no(one) for one in ("Não, obrigada", "graças a Deus não", "não tem luz")]
    [True, True, False]
    """
    said = words(_CLAUSE_END.split(text.strip(), maxsplit=1)[0])
    opening = 0
    while skipped := _longest(said, opening, _OPENERS):
        opening += skipped
    rest = tuple(said[opening:])
    return rest in _NO or rest in _SHORT_NO or (rest[-1:] in _BARE and _ending(said) == "no")


def _judge(said: list[str], start: int) -> str | None:
    """Return what the words at a place say, by the longest phrase that stands there."""
    short = len(said) - start <= _SHORT
    no = max(_longest(said, start, _NO), _longest(said, start, _SHORT_NO) if short else 0)
    yes = max(_longest(said, start, _YES), _longest(said, start, _SHORT_YES) if short else 0)
    if not yes and not no:
        return None
    taken_back = said[start + yes : start + yes + 1] in (["nao"], ["not"])
    return "no" if no >= yes or taken_back else "yes"


def _ending(said: list[str]) -> str | None:
    """Return what the last word says, where only the end of a short answer settles it."""
    if not 1 < len(said) <= 12:
        return None
    ends = {"sim": "yes", "yes": "yes", "nao": "no", "no": "no"}
    return ends.get(said[-1])


def _longest(said: list[str], start: int, phrases: Phrases) -> int:
    for length in range(min(_LONGEST, len(said) - start), 0, -1):
        if tuple(said[start : start + length]) in phrases:
            return length
    return 0
