"""What the pages of both reports have in common."""

import math
from collections.abc import Sequence

from app.core.reporting.costs import Trouble
from app.core.reporting.document import Block, Heading, Note, Table, Tone
from app.core.reporting.formats import Formats, Language
from app.core.reporting.spans import Span
from app.core.reporting.wording import WORDS, Words

_USUAL_HOURS = 24
_STEPS = (1.0, 2.0, 2.5, 5.0, 10.0)
_LINES = 4
_NOTABLE = 0.2
"""A rise by so much stands out."""


def subtitle(span: Span, made_ms: int, *, over: bool, language: Language) -> str:
    """Say which days a report is about."""
    words, formats = WORDS[language], Formats(language)
    days = formats.span(span)
    parts = [days[0].upper() + days[1:]]
    if not over:
        parts.append(f"{words.so_far} ({formats.moment(made_ms, span.zone)})")
    if span.length == 1 and span.hours != _USUAL_HOURS:
        whole = span.hours == int(span.hours)
        parts.append(words.hours_in_day.format(formats.number(span.hours, 0 if whole else 1)))
    parts.append(span.zone)
    return " · ".join(parts)


def operation_name(name: str, words: Words) -> str:
    """Return an operation's name in words."""
    return words.operations.get(name, name)


def arm_name(name: str, words: Words) -> str:
    """Return an arm's name."""
    return name or words.no_arm


def tone_of_rise(now: float, before: float) -> Tone:
    """Return how a rise of something that should be small looks."""
    return "bad" if before and now > before * (1 + _NOTABLE) else "plain"


def trouble_blocks(trouble: Sequence[Trouble], language: Language) -> list[Block]:
    """Name the calls that did not go well, or say that there are none."""
    words, formats = WORDS[language], Formats(language)
    if not trouble:
        return [Heading(text=words.trouble), Note(text=words.no_trouble, tone="good")]
    return [
        Heading(text=words.trouble, about=words.trouble_about),
        Table(
            headings=[words.what, words.model, words.calls, words.cost],
            rows=[
                [
                    _what(one, words),
                    f"{one.model} · {operation_name(one.operation, words)}",
                    formats.number(one.calls),
                    formats.money(None if one.source == "unpriced" else one.cost_nano_usd),
                ]
                for one in trouble
            ],
            names=2,
        ),
    ]


def _what(one: Trouble, words: Words) -> str:
    outcome = words.outcomes.get(one.outcome, one.outcome)
    reason = one.error if one.error and one.error != one.outcome else ""
    parts = [f"{outcome}: {reason}" if reason else outcome]
    if one.source in words.sources:
        parts.append(words.sources[one.source])
    return ", ".join(parts)


def money_scale(most_usd: float, formats: Formats) -> list[tuple[float, str]]:
    """Return lines across a picture of money."""
    return [(value, formats.round_money(value)) for value in scale(most_usd)]


def count_scale(most: float, formats: Formats) -> list[tuple[float, str]]:
    """Return lines across a picture of counts, at whole numbers."""
    return [(value, formats.number(value)) for value in scale(most) if value == int(value)]


def scale(most: float) -> list[float]:
    """Return round values from nothing to the first that is not below the largest.

    >>> scale(7.2)
    [0.0, 2.0, 4.0, 6.0, 8.0]
    >>> scale(0)
    [0.0, 1.0]
    """
    if most <= 0:
        return [0.0, 1.0]
    power = 10.0 ** math.floor(math.log10(most / _LINES))
    step = next(one * power for one in _STEPS if one * power * _LINES >= most * (1 - 1e-9))
    count = math.ceil(most / step - 1e-9)
    return [round(number * step, 12) for number in range(count + 1)]


def powers(least: float, most: float, formats: Formats) -> list[tuple[float, str]]:
    """Return marks around values in milliseconds: 1, 3, 10, 30 and so on.

    >>> [text for _, text in powers(350, 4_000, Formats("en"))]
    ['300 ms', '1 s', '3 s', '10 s']
    """
    marks = [one * 10.0**power for power in range(8) for one in (1, 3)]
    low = max((number for number, mark in enumerate(marks) if mark <= least), default=0)
    high = next((number for number, mark in enumerate(marks) if mark >= most), len(marks) - 1)
    return [(mark, formats.duration(mark)) for mark in marks[low : max(high, low + 1) + 1]]
