"""Dates as people write them, in Portuguese and English, against a known today.

Values are ISO 8601 with the precision that was given: `2024-03-15`, `2024-03` or `2024`. Figures
are read day first, as the whole world but one country does; a locale of that country reads month
first, and a month above twelve settles the matter either way. Everything works on folded text.
"""

import re
from calendar import monthrange
from collections.abc import Callable
from datetime import date, timedelta

from msgspec import Struct

from app.core.numerals import read_words

_MONTHS = (
    "janeiro jan january",
    "fevereiro fev february feb",
    "marco mar march",
    "abril abr april apr",
    "maio mai may",
    "junho jun june",
    "julho jul july",
    "agosto ago august aug",
    "setembro set september sept sep",
    "outubro out october oct",
    "novembro nov november",
    "dezembro dez december dec",
)
_MONTH_NUMBER = {name: n for n, names in enumerate(_MONTHS, 1) for name in names.split()}
_WEEKDAYS = (
    "segunda monday mon",
    "terca tuesday tue tues",
    "quarta wednesday wed",
    "quinta thursday thu thurs",
    "sexta friday fri",
    "sabado saturday sat",
    "domingo sunday sun",
)
_WEEKDAY_NUMBER = {name: n for n, names in enumerate(_WEEKDAYS) for name in names.split()}
_UNITS = {
    "dia": "day", "dias": "day", "day": "day", "days": "day",
    "semana": "week", "semanas": "week", "week": "week", "weeks": "week",
    "mes": "month", "meses": "month", "month": "month", "months": "month",
    "ano": "year", "anos": "year", "year": "year", "years": "year",
}  # fmt: skip
_VAGUE = {
    "uns": 2, "umas": 2, "alguns": 3, "algumas": 3, "poucos": 3, "poucas": 3, "few": 3,
    "several": 4, "couple": 2, "meio": 0, "half": 0, "a": 1, "an": 1, "um par": 2,
}  # fmt: skip

_LONG_MONTHS = "|".join(sorted((n for n in _MONTH_NUMBER if len(n) > 3), key=len, reverse=True))
_ANY_MONTH = "|".join(sorted(_MONTH_NUMBER, key=len, reverse=True))
_LONG_WEEKDAYS = "|".join(sorted((n for n in _WEEKDAY_NUMBER if len(n) > 4), key=len, reverse=True))
_YEAR = r"(?:19|20)\d\d"
_NUMBER = (
    r"(?:\d{1,3}|um|uma|dois|duas|tres|quatro|cinco|seis|sete|oito|nove|dez|onze|doze|treze|quinze|"
    r"vinte(?: e (?:um|uma|dois|duas|tres|quatro|cinco|seis|sete|oito|nove))?|trinta|quarenta|"
    r"cinquenta|sessenta|alguns|algumas|poucos|poucas|"
    r"an?|one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|fifteen|twenty|thirty|"
    r"(?:a )?few|several|(?:a )?couple(?: of)?)"
)
_UNIT = "(?:dias?|semanas?|mes(?:es)?|anos?|days?|weeks?|months?|years?)"
_ABOUT = (
    r"(?:(?:mais ou menos|cerca de|quase|aproximadamente|uns|umas|pelo menos|mais de|ja|"
    r"about|almost|around|nearly|over|more than|at least|the last|the past) )*"
)
_HALF = r"(?P<half> e meio| e meia| and a half)?"


class FoundDate(Struct, frozen=True):
    """A date in a folded text."""

    value: str
    start: int
    end: int
    future: bool
    """Whether it lies after today."""


Reader = Callable[[re.Match[str], date, str], "str | None"]


def find_dates(folded: str, today: date, locale: str, *, answer: bool = False) -> list[FoundDate]:
    """Return the dates of a folded text in order of place, overlapping ones settled by the first.

    `answer` says that the text answers a question for a date, so that bare years, weekdays, months
    and durations count as well.
    """
    found: list[tuple[int, int, str]] = []
    for expression, read in _RULES + (_ANSWER_RULES if answer else ()):
        for match in expression.finditer(folded):
            value = read(match, today, locale)
            if value is not None:
                found.append((match.start(), -match.end(), value))
    dates: list[FoundDate] = []
    reached = 0
    for start, end, value in sorted(found):
        if start >= reached:
            reached = -end
            dates.append(FoundDate(value, start, reached, is_future(value, today)))
    return dates


def is_future(value: str, today: date) -> bool:
    """Say whether a (perhaps partial) ISO date lies wholly after today."""
    return value > today.isoformat()[: len(value)]


def _iso(year: int, month: int, day: int) -> str | None:
    try:
        return date(year, month, day).isoformat()
    except ValueError:
        return None


def _full_year(text: str, today: date) -> int:
    year = int(text)
    if len(text) > 2:
        return year
    return 2000 + year if 2000 + year <= today.year + 5 else 1900 + year


def _in_figures(match: re.Match[str], today: date, locale: str) -> str | None:
    one, two = int(match["one"]), int(match["two"])
    day, month = (two, one) if (locale.endswith("-US") and one <= 12) or two > 12 else (one, two)
    if year := match["year"]:
        return _iso(_full_year(year, today), month, day)
    return _latest(today, lambda year: _iso(year, month, day))


def _latest(today: date, on: Callable[[int], str | None]) -> str | None:
    """Return the latest of a yearly date that is not in the future."""
    this = on(today.year)
    if this is not None and not is_future(this, today):
        return this
    return on(today.year - 1)


def _year_named(match: re.Match[str], today: date) -> int | None:
    text = match["year"]
    if text is None:
        return None
    if text.strip("'").isdigit():
        return _full_year(text.strip("'"), today)
    back = {"passado": 1, "last": 1, "retrasado": 2}
    return today.year - next((years for word, years in back.items() if word in text), 0)


def _day_and_month(match: re.Match[str], today: date, _: str) -> str | None:
    month, day = _MONTH_NUMBER[match["month"]], int(match["day"])
    year = _year_named(match, today)
    if year is not None:
        return _iso(year, month, day)
    return _latest(today, lambda year: _iso(year, month, day))


def _month_alone(match: re.Match[str], today: date, _: str) -> str | None:
    month = _MONTH_NUMBER[match["month"]]
    year = _year_named(match, today)
    if year is not None:
        return f"{year:04d}-{month:02d}"
    return _latest(today, lambda year: f"{year:04d}-{month:02d}")


def _month_in_figures(match: re.Match[str], today: date, _: str) -> str | None:
    month = int(match["month"])
    return f"{_full_year(match['year'], today):04d}-{month:02d}" if 1 <= month <= 12 else None


def _year_alone(match: re.Match[str], today: date, _: str) -> str | None:
    year = int(match["year"])
    return str(year) if 1900 <= year <= today.year + 5 else None


def _count(text: str) -> int | None:
    if text.isdigit():
        return int(text)
    for word in text.split():
        if word in _VAGUE and (word not in {"a", "an"} or text == word):
            return _VAGUE[word]
    read = read_words(text.split())
    return int(read[0]) if read else None


def _shift(today: date, count: int, unit: str, *, half: bool) -> str | None:
    """Return today moved by so many units, with the precision the unit has."""
    sign = -1 if count < 0 else 1
    try:
        if unit == "day":
            return (today + timedelta(days=count)).isoformat()
        if unit == "week":
            return (today + timedelta(days=7 * count + sign * 3 * half)).isoformat()
        months = today.year * 12 + today.month - 1
        months += count * (12 if unit == "year" else 1) + sign * (
            6 if half and unit == "year" else 0
        )
    except OverflowError:
        return None
    year, month = divmod(months, 12)
    if not 1900 <= year <= today.year + 50:
        return None
    return f"{year:04d}" if unit == "year" and not half else f"{year:04d}-{month + 1:02d}"


def _ago(match: re.Match[str], today: date, _: str) -> str | None:
    count = _count(match["count"])
    unit = _UNITS[match["unit"]]
    if count is None:
        return None
    return _shift(today, -count, unit, half=match["half"] is not None)


def _ahead(match: re.Match[str], today: date, _: str) -> str | None:
    count = _count(match["count"])
    return None if count is None else _shift(today, count, _UNITS[match["unit"]], half=False)


def _half_year(_match: re.Match[str], today: date, _: str) -> str | None:
    return _shift(today, -6, "month", half=False)


def _weekday(match: re.Match[str], today: date, _: str) -> str | None:
    back = (today.weekday() - _WEEKDAY_NUMBER[match["weekday"]]) % 7 or 7
    return (today - timedelta(days=back)).isoformat()


def _next_weekday(match: re.Match[str], today: date, _: str) -> str | None:
    ahead = (_WEEKDAY_NUMBER[match["weekday"]] - today.weekday()) % 7 or 7
    return (today + timedelta(days=ahead)).isoformat()


def _day_of_month(match: re.Match[str], today: date, _: str) -> str | None:
    day = int(match["day"])
    if not 1 <= day <= 31:
        return None
    year, month = today.year, today.month
    for _step in range(13):
        if day <= monthrange(year, month)[1] and date(year, month, day) <= today:
            return date(year, month, day).isoformat()
        year, month = (year - 1, 12) if month == 1 else (year, month - 1)
    return None


def _days(count: int) -> Reader:
    return lambda _match, today, _locale: (today + timedelta(days=count)).isoformat()


def _months(count: int) -> Reader:
    return lambda _match, today, _locale: _shift(today, count, "month", half=False)


def _years(count: int) -> Reader:
    return lambda _match, today, _locale: f"{today.year + count:04d}"


def _monday(_match: re.Match[str], today: date, _: str) -> str | None:
    return (today - timedelta(days=today.weekday())).isoformat()


def _weekend(_match: re.Match[str], today: date, _: str) -> str | None:
    return (today - timedelta(days=(today.weekday() - 5) % 7 or 7)).isoformat()


_THAT_YEAR = r"(?:do ano passado|deste ano|desse ano|do ano retrasado|last year|this year)"
_OF_YEAR = rf"(?:,? ?(?:de |do |of |/ ?)?(?P<year>{_YEAR}|{_THAT_YEAR}))?"
_PT_DAYS = "segunda|terca|quarta|quinta|sexta|sabado|domingo"
_EN_DAYS = "monday|tuesday|wednesday|thursday|friday|saturday|sunday"


def _rule(pattern: str, read: Reader) -> tuple[re.Pattern[str], Reader]:
    return re.compile(pattern), read


_RULES: tuple[tuple[re.Pattern[str], Reader], ...] = (
    _rule(
        rf"(?<![\w/-])(?P<year>{_YEAR})-(?P<month>\d\d)-(?P<day>\d\d)(?![\d/-])",
        lambda m, _t, _l: _iso(int(m["year"]), int(m["month"]), int(m["day"])),
    ),
    _rule(
        rf"(?<![\w/.,-])(?P<one>\d\d?)(?P<sep>[/.-])(?P<two>\d\d?)(?P=sep)"
        rf"(?P<year>{_YEAR}|\d\d)(?![\w/-]|[.,]\d)",
        _in_figures,
    ),
    _rule(r"(?<![\w/.,-])(?P<one>\d\d?)/(?P<two>\d\d?)(?P<year>)(?![\w/]|[.,]\d)", _in_figures),
    _rule(rf"(?<![\w/.,-])(?P<month>\d\d?)/(?P<year>{_YEAR})(?![\w/-])", _month_in_figures),
    _rule(
        rf"\b(?P<day>\d\d?)(?:o|st|nd|rd|th)?(?: dia)?(?: de | of | )(?P<month>{_ANY_MONTH})\b"
        + _OF_YEAR,
        _day_and_month,
    ),
    _rule(
        rf"\b(?P<month>{_ANY_MONTH})\.? (?:the )?(?P<day>\d\d?)(?:st|nd|rd|th)?\b(?!:)" + _OF_YEAR,
        _day_and_month,
    ),
    _rule(
        rf"\b(?:em|desde|de|no|do|mes de|comeco de|inicio de|fim de|final de|meados de|ate|"
        rf"in|since|last|early|late|mid|until|of) (?P<month>{_LONG_MONTHS}|may)\b(?! \d\d?\b)"
        + _OF_YEAR,
        _month_alone,
    ),
    _rule(
        rf"\b(?P<month>{_ANY_MONTH})(?: de |/| of |, ?| )"
        rf"(?P<year>{_YEAR}|{_THAT_YEAR}|(?<=/)\d\d)\b",
        _month_alone,
    ),
    _rule(
        rf"\b(?:em|desde|de|ano de|no ano|ate|in|since|from|until) (?P<year>{_YEAR})\b(?![/-]\d)",
        _year_alone,
    ),
    _rule(rf"\b(?:ha|faz|fazem|tem) {_ABOUT}(?P<count>{_NUMBER}) (?P<unit>{_UNIT})\b{_HALF}", _ago),
    _rule(rf"\b(?P<count>{_NUMBER}) (?P<unit>{_UNIT})\b{_HALF} (?:atras|ago|back)\b", _ago),
    _rule(r"\b(?P<count>an?|one) (?P<half>and a half) (?P<unit>years?|weeks?) ago\b", _ago),
    _rule(
        r"\b(?P<unit>mes|ano|month|year)(?P<half> e meio| and a half)? (?P<count>)(?:atras|ago)\b",
        lambda m, t, _l: _shift(t, -1, _UNITS[m["unit"]], half=m["half"] is not None),
    ),
    _rule(
        rf"\bfor {_ABOUT}(?P<count>{_NUMBER}) (?P<unit>{_UNIT})\b{_HALF}(?= now\b| already\b)", _ago
    ),
    _rule(
        rf"\bfor (?:about |almost |over |nearly )?(?:the )?(?:last|past) (?P<count>{_NUMBER}) "
        rf"(?P<unit>{_UNIT})\b{_HALF}",
        _ago,
    ),
    _rule(rf"\b(?:daqui a|dentro de|within) (?P<count>{_NUMBER}) (?P<unit>{_UNIT})\b", _ahead),
    _rule(rf"\bin (?P<count>{_NUMBER}) (?P<unit>days?|weeks?)\b(?! time off)", _ahead),
    _rule(r"\b(?:ha|faz) meio ano\b|\bhalf a year ago\b", _half_year),
    _rule(r"\banteontem\b|\bantes de ontem\b|\bthe day before yesterday\b", _days(-2)),
    _rule(r"\bontem\b|\byesterday\b|\blast night\b|\bnoite passada\b", _days(-1)),
    _rule(
        r"\bhoje\b(?! em dia)|\bagora (?:ha pouco|mesmo|a pouco)\b|\btoday\b|\bthis morning\b|"
        r"\btonight\b|\bjust now\b|\besta (?:manha|noite|tarde)\b|\bessa (?:manha|noite|tarde)\b",
        _days(0),
    ),
    _rule(r"\bamanha\b(?<!de amanha)|\btomorrow\b", _days(1)),
    _rule(r"\bdepois de amanha\b|\bday after tomorrow\b", _days(2)),
    _rule(r"\bsemana passada\b|\bultima semana\b|\blast week\b|\bthe past week\b", _days(-7)),
    _rule(r"\bsemana retrasada\b|\bthe week before last\b", _days(-14)),
    _rule(r"\b(?:esta|essa|nesta|nessa) semana\b|\bthis week\b", _monday),
    _rule(r"\b(?:semana que vem|proxima semana|next week)\b", _days(7)),
    _rule(
        r"\b(?:fim de semana|final de semana) passado\b|\bultimo (?:fim|final) de semana\b|"
        r"\bno (?:fim|final) de semana\b|\blast weekend\b|\bat the weekend\b|\bover the weekend\b",
        _weekend,
    ),
    _rule(r"\bmes passado\b|\bultimo mes\b|\blast month\b|\bthe past month\b", _months(-1)),
    _rule(r"\bmes retrasado\b|\bmonth before last\b", _months(-2)),
    _rule(r"\b(?:este|esse|neste|nesse) mes\b|\bthis month\b", _months(0)),
    _rule(r"\b(?:mes que vem|proximo mes|next month)\b", _months(1)),
    _rule(r"\bano passado\b|\bultimo ano\b|\blast year\b", _years(-1)),
    _rule(r"\bano retrasado\b|\byear before last\b", _years(-2)),
    _rule(r"\b(?:este|esse|neste|nesse) ano\b|\bthis year\b", _years(0)),
    _rule(r"\b(?:ano que vem|proximo ano|next year)\b", _years(1)),
    _rule(
        rf"\b(?P<weekday>{_PT_DAYS})(?:(?:[ -]feira)? que vem)\b",
        _next_weekday,
    ),
    _rule(rf"\b(?:proxim[ao]|next|this coming) (?P<weekday>{_LONG_WEEKDAYS})\b", _next_weekday),
    _rule(r"\b(?P<weekday>segunda|terca|quarta|quinta|sexta)[ -]feira\b(?! que vem)", _weekday),
    _rule(
        rf"\b(?P<weekday>{_PT_DAYS}) (?:passad[oa]|retrasad[oa])\b",
        _weekday,
    ),
    _rule(
        r"\b(?:no|nesse|neste|este|esse|ultimo) (?P<weekday>sabado|domingo)\b(?! que vem)", _weekday
    ),
    _rule(
        rf"\b(?:last|on|this|since) (?P<weekday>{_EN_DAYS})\b",
        _weekday,
    ),
    _rule(r"\b(?:no|desde o|ate o) dia (?P<day>\d\d?)\b(?! de (?:\w+o\b)|[/.-]\d)", _day_of_month),
    _rule(r"\bon the (?P<day>\d\d?)(?:st|nd|rd|th)\b(?! of)", _day_of_month),
    _rule(
        r"\b(?:no|desde o|ultimo) natal\b|\b(?:last|at|since) christmas\b",
        lambda _m, t, _l: _latest(t, lambda year: _iso(year, 12, 25)),
    ),
)

_ANSWER_RULES: tuple[tuple[re.Pattern[str], Reader], ...] = (
    _rule(rf"(?<![\w/.,-])(?P<year>{_YEAR})(?![\w/-]|[.,]\d)", _year_alone),
    _rule(rf"\b(?P<month>{_LONG_MONTHS}|may)\b(?! \d)" + _OF_YEAR, _month_alone),
    _rule(
        rf"\b(?P<weekday>segunda|terca|quarta|quinta|sexta|{_LONG_WEEKDAYS})\b(?! que vem)",
        _weekday,
    ),
    _rule(rf"\b{_ABOUT}(?P<count>{_NUMBER}) (?P<unit>{_UNIT})\b{_HALF}", _ago),
    _rule(r"\bdia (?P<day>\d\d?)\b(?! de|[/.-]\d)", _day_of_month),
    _rule(r"\bagora\b|\bnow\b|\bjust happened\b|\bacabou de acontecer\b", _days(0)),
)
