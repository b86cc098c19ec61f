"""Dates as people write them, in Portuguese and English, against a known today.

Values are ISO 8601 with the precision that was given: `2024-03-15`, `2024-03` or `2024`. Figures
are read day first, as the whole world but one country does; a locale of that country reads month
first, and a month above twelve settles the matter either way. Everything works on folded text.
"""

from datetime import date

from msgspec import Struct

from app.core.language.date_rules import ANSWER_PHRASES, ANSWER_RULES, PHRASES, RULES, is_future
from app.core.language.text import tokens


class FoundDate(Struct, frozen=True):
    """A date in a folded text."""

    value: str
    start: int
    end: int
    future: bool
    """Whether it lies after today."""


def find_dates(folded: str, today: date, locale: str, *, answer: bool = False) -> list[FoundDate]:
    """Return the dates of a folded text in order of place; of overlapping ones, the first, longest.

    `answer` says that the text answers a question for a date, so that bare years, weekdays, months
    and durations count as well.
    """
    found: list[tuple[int, int, str | None]] = []
    for rule in RULES + (ANSWER_RULES if answer else ()):
        if rule.may_match(folded):
            found.extend(
                (match.start(), -match.end(), value)
                for match in rule.expression.finditer(folded)
                if (value := rule.read(match, today, locale)) is not None
            )
    said = list(tokens(folded))
    for index in (PHRASES, ANSWER_PHRASES) if answer else (PHRASES,):
        found.extend((hit.start, -hit.end, hit.value(today)) for hit in index.find(said))
    found.sort(key=lambda one: one[:2])
    dates: list[FoundDate] = []
    reached = 0
    for start, end, read in found:
        if start >= reached:
            reached = -end
            if read is not None:
                dates.append(FoundDate(read, start, reached, is_future(read, today)))
    return dates
