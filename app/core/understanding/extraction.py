"""What rules can read: answers to a question of a known kind, and values found without being asked.

Nothing is guessed. What cannot be read as the kind that was asked for is `None`, and what is
ambiguous in free text is left for a question. Values are normalised: dates to ISO 8601 (perhaps
partial), money to a decimal string, yes or no to `yes` and `no`, a choice to its option's value,
several choices to their values with commas between.
"""

import re
from datetime import date
from decimal import Decimal

from app.core.language.dates import find_dates
from app.core.language.numerals import amounts
from app.core.language.patterns import Pattern, compile_pattern
from app.core.language.text import Folded, fold, folded, words
from app.core.language.yes_no import read_yes_no
from app.core.understanding.choosing import mentions, phrases_of, read_several
from app.domain.playbook import Playbook, Slot

_LONGEST_PLACE = 120
_LONGEST_FOUND = 200
_IDENTITY = re.compile(r"(?<!\d)(?:\d[ .\-/]?){9,18}(?!\d)")
"""Identity numbers, cards and telephones: never kept as a value found in passing."""

_PLACE_LEAD = re.compile(
    r"^(?:(?:eu )?(?:moro|resido|vivo|estou|sou|fico|to|tô)(?: aqui)? (?:em|no|na|de|do|da) |"
    r"(?:aqui )?(?:em|no|na) |(?:a|minha) cidade (?:é|e) |"
    r"(?:i(?:'m| am)? (?:live in|from|in|based in)|it(?:'s| is) in|in|at) )",
    re.IGNORECASE,
)


def read_answer(slot: Slot, text: str, locale: str, today: date) -> str | None:
    """Return the normalised answer to a slot's question, or None where it cannot be read as one."""
    answer = text.strip()
    if not answer:
        return None
    match slot.kind:
        case "text":
            return answer
        case "yes_no":
            return read_yes_no(answer)
        case "date":
            return _read_date(answer, locale, today)
        case "money":
            return _read_money(answer)
        case "number":
            return _read_number(answer)
        case "choice":
            return read_several(slot, answer) if slot.several else _read_choice(slot, answer)
        case "place":
            return _read_place(answer)


def _read_date(answer: str, locale: str, today: date) -> str | None:
    found = find_dates(fold(answer), today, locale, answer=True)
    return found[0].value if found else None


def _read_money(answer: str) -> str | None:
    found = list(amounts(fold(answer)))
    if not found:
        return None
    chosen = next((one for one in found if one.marked), found[0])
    if not chosen.marked and _IDENTITY.search(fold(answer)):
        return None
    return _money(chosen.value)


def _money(value: Decimal) -> str:
    return f"{value:.2f}"


def _read_number(answer: str) -> str | None:
    said = fold(answer)
    found = next(amounts(said), None)
    if found is not None:
        return format(found.value.normalize(), "f")
    if any(word in {"um", "uma", "one"} for word in words(answer)):
        return "1"
    nothing = {"nenhum", "nenhuma", "none", "nada", "zero"}
    return "0" if nothing.intersection(words(answer)) else None


def _read_choice(slot: Slot, answer: str) -> str | None:
    said = words(answer)
    if len(said) == 1 and said[0].isdigit() and 1 <= int(said[0][:3]) <= len(slot.options):
        return slot.options[int(said[0]) - 1].value
    best: dict[str, int] = {}
    for option in slot.options:
        for phrase in phrases_of(option):
            length = max((end - start for start, end in mentions(said, phrase)), default=0)
            best[option.value] = max(best.get(option.value, 0), length)
    longest = max(best.values(), default=0)
    chosen = [value for value, length in best.items() if length == longest]
    return chosen[0] if longest and len(chosen) == 1 else None


def _read_place(answer: str) -> str | None:
    place = _PLACE_LEAD.sub("", answer.splitlines()[0]).strip(" .,;:!?")
    if not any(one.isalpha() for one in place) or _IDENTITY.search(fold(place)):
        return None
    return place[:_LONGEST_PLACE]


class SlotFinder:
    """The patterns of a playbook's slots, compiled once, and the slots that free text may fill."""

    def __init__(self, playbook: Playbook) -> None:
        """Compile the patterns of all locales."""
        self._slots = playbook.slots
        self._patterns: dict[str, tuple[Pattern, ...]] = {
            slot.name: tuple(
                compile_pattern(pattern) for listed in slot.patterns.values() for pattern in listed
            )
            for slot in playbook.slots
        }

    def find(self, text: str, locale: str, today: date) -> dict[str, str]:
        """Return what can be told from free text: the slots' patterns first, then date and amount.

        The first unconditional date slot takes the latest date that is not in the future; the first
        money slot takes an amount only where a single one is named.
        """
        said = folded(text)
        found: dict[str, str] = {}
        for slot in self._slots:
            value = self._by_pattern(slot, said, locale, today)
            if value is not None:
                found[slot.name] = value
        dated = next((one for one in self._slots if one.kind == "date" and one.when is None), None)
        if dated is not None and dated.name not in found:
            past = [one.value for one in find_dates(said.text, today, locale) if not one.future]
            if past:
                found[dated.name] = max(past)
        paid = next((one for one in self._slots if one.kind == "money"), None)
        if paid is not None and paid.name not in found:
            sums = {_money(one.value) for one in amounts(said.text) if one.marked}
            if len(sums) == 1:
                found[paid.name] = sums.pop()
        return found

    def _by_pattern(self, slot: Slot, said: Folded, locale: str, today: date) -> str | None:
        for pattern in self._patterns[slot.name]:
            span = pattern.first(said.text)
            if span is None:
                continue
            piece = said.source(*span)[:_LONGEST_FOUND]
            if slot.kind == "yes_no":
                return "yes"
            if not _IDENTITY.search(fold(piece)):
                return read_answer(slot, piece, locale, today)
        return None


def find_slots(playbook: Playbook, text: str, locale: str, today: date) -> dict[str, str]:
    """Return what patterns can find in free text without being asked; see `SlotFinder.find`.

    Compiles the playbook's patterns on every call: who reads many messages keeps a `SlotFinder`.
    """
    return SlotFinder(playbook).find(text, locale, today)
