"""The rules by which dates are read: regular expressions, set phrases and what they mean.

A rule is only tried on a text that has one of the pieces it needs, since most texts have few dates;
set phrases cost next to nothing, being looked up word by word.
"""

import re
from calendar import monthrange
from collections.abc import Callable
from datetime import date, timedelta

from msgspec import Struct

from app.core.language.numerals import read_words
from app.core.language.phrases import PhraseIndex, phrase_words

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


Reader = Callable[[re.Match[str], date, str], "str | None"]
DayReader = Callable[[date], "str | None"]


class Rule(Struct, frozen=True):
    """An expression, how its match is read, and pieces of text one of which it needs."""

    expression: re.Pattern[str]
    read: Reader
    needs: tuple[str, ...]

    def may_match(self, text: str) -> bool:
        """Say whether the expression is worth trying."""
        return any(piece in text for piece in self.needs)


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


def _moved(today: date, count: int, unit: str) -> str | None:
    return _shift(today, count, unit, half=False)


def _last_of(weekday: int) -> DayReader:
    return lambda today: (today - timedelta((today.weekday() - weekday) % 7 or 7)).isoformat()


def _next_of(weekday: int) -> DayReader:
    return lambda today: (today + timedelta((weekday - today.weekday()) % 7 or 7)).isoformat()


def _phrases() -> dict[str, DayReader]:
    """Return the set phrases, each with what it means on a given day."""
    read: dict[str, DayReader] = {}

    def listed(reader: DayReader, phrases: str) -> None:
        read.update(dict.fromkeys((one.strip() for one in phrases.split(",")), reader))

    listed(lambda _today: None, "hoje em dia, segunda vez, quinta vez, quarta vez, sexta vez")
    listed(
        lambda today: today.isoformat(),
        "hoje, today, tonight, this morning, just now, agora mesmo, agora há pouco, agora a pouco,"
        "esta manhã, essa manhã, esta noite, essa noite, esta tarde, essa tarde, hoje cedo",
    )
    listed(lambda today: _moved(today, -1, "day"), "ontem, yesterday, last night, noite passada")
    listed(
        lambda today: _moved(today, -2, "day"),
        "anteontem, antes de ontem, the day before yesterday, antiontem",
    )
    listed(lambda today: _moved(today, 1, "day"), "amanhã, tomorrow")
    listed(lambda today: _moved(today, 2, "day"), "depois de amanhã, day after tomorrow")
    listed(
        lambda today: _moved(today, -1, "week"),
        "semana passada, última semana, last week, the past week",
    )
    listed(lambda today: _moved(today, -2, "week"), "semana retrasada, the week before last")
    listed(
        lambda today: (today - timedelta(days=today.weekday())).isoformat(),
        "esta semana, essa semana, nesta semana, nessa semana, this week",
    )
    listed(lambda today: _moved(today, 1, "week"), "semana que vem, próxima semana, next week")
    listed(
        _last_of(5),
        "fim de semana passado, final de semana passado, último fim de semana, last weekend,"
        "último final de semana, no fim de semana, no final de semana, at the weekend,"
        "over the weekend, on the weekend, this weekend, fds passado",
    )
    listed(
        lambda today: _moved(today, -1, "month"),
        "mês passado, último mês, last month, the past month",
    )
    listed(lambda today: _moved(today, -2, "month"), "mês retrasado, month before last")
    listed(
        lambda today: _moved(today, 0, "month"),
        "este mês, esse mês, neste mês, nesse mês, this month",
    )
    listed(lambda today: _moved(today, 1, "month"), "mês que vem, próximo mês, next month")
    listed(lambda today: _moved(today, -6, "month"), "há meio ano, faz meio ano, half a year ago")
    listed(lambda today: _moved(today, -1, "year"), "ano passado, último ano, last year")
    listed(lambda today: _moved(today, -2, "year"), "ano retrasado, year before last")
    listed(
        lambda today: _moved(today, 0, "year"),
        "este ano, esse ano, neste ano, nesse ano, this year",
    )
    listed(lambda today: _moved(today, 1, "year"), "ano que vem, próximo ano, next year")
    listed(
        lambda today: _latest(today, lambda year: _iso(year, 12, 25)),
        "no natal, desde o natal, último natal, last christmas, at christmas, since christmas",
    )
    for number, names in enumerate(_WEEKDAYS):
        portuguese, english, *_short = names.split()
        before, after = _last_of(number), _next_of(number)
        listed(before, f"{portuguese} feira, {portuguese} passada, {portuguese} retrasada")
        listed(before, f"{portuguese} passado, última {portuguese}, último {portuguese}")
        listed(before, f"{portuguese} feira passada, last {english}, on {english}, since {english}")
        listed(after, f"{portuguese} que vem, {portuguese} feira que vem, next {english}")
        listed(after, f"próxima {portuguese}, próximo {portuguese}, this coming {english}")
        if portuguese in {"sabado", "domingo"}:
            listed(before, f"no {portuguese}, nesse {portuguese}, neste {portuguese}")
    return read


def _index(phrases: dict[str, DayReader]) -> PhraseIndex[DayReader]:
    return PhraseIndex((phrase_words(phrase), reader) for phrase, reader in phrases.items())


def _answers() -> dict[str, DayReader]:
    """Return what means a day only where a day was asked for."""
    read: dict[str, DayReader] = dict.fromkeys(
        ("agora", "now", "just happened", "acabou de acontecer"), lambda today: today.isoformat()
    )
    for number, names in enumerate(_WEEKDAYS):
        for name in names.split():
            if name not in {"sat", "sun", "mon", "wed"}:
                read[name] = _last_of(number)
    return read


PHRASES = _index(_phrases())
ANSWER_PHRASES = _index(_answers())

_THAT_YEAR = r"(?:do ano passado|deste ano|desse ano|do ano retrasado|last year|this year)"
_OF_YEAR = rf"(?:,? ?(?:de |do |of |/ ?)?(?P<year>{_YEAR}|{_THAT_YEAR}))?"
_COUNTED = rf"(?P<count>{_NUMBER}) (?P<unit>{_UNIT})\b{_HALF}"
_FIGURES = tuple("0123456789")
_CENTURIES = ("19", "20")
_MONTH_NAMES = tuple(name for name in _MONTH_NUMBER if len(name) > 3 or name == "may")


def _rule(pattern: str, read: Reader, needs: tuple[str, ...]) -> Rule:
    return Rule(re.compile(pattern), read, needs)


RULES = (
    _rule(
        rf"(?<![\w/-])(?P<year>{_YEAR})-(?P<month>\d\d)-(?P<day>\d\d)(?![\d/-])",
        lambda m, _t, _l: _iso(int(m["year"]), int(m["month"]), int(m["day"])),
        ("19", "20"),
    ),
    _rule(
        rf"(?<![\w/.,-])(?P<one>\d\d?)(?P<sep>[/.-])(?P<two>\d\d?)(?P=sep)"
        rf"(?P<year>{_YEAR}|\d\d)(?![\w/-]|[.,]\d)",
        _in_figures,
        _FIGURES,
    ),
    _rule(
        r"(?<![\w/.,-])(?P<one>\d\d?)/(?P<two>\d\d?)(?P<year>)(?![\w/]|[.,]\d)",
        _in_figures,
        ("/",),
    ),
    _rule(rf"(?<![\w/.,-])(?P<month>\d\d?)/(?P<year>{_YEAR})(?![\w/-])", _month_in_figures, ("/",)),
    _rule(
        rf"\b(?P<day>\d\d?)(?:o|st|nd|rd|th)?(?: dia)?(?: de | of | )(?P<month>{_ANY_MONTH})\b"
        + _OF_YEAR,
        _day_and_month,
        _FIGURES,
    ),
    _rule(
        rf"\b(?P<month>{_ANY_MONTH})\.? (?:the )?(?P<day>\d\d?)(?:st|nd|rd|th)?\b(?!:)" + _OF_YEAR,
        _day_and_month,
        _FIGURES,
    ),
    _rule(
        rf"\b(?:em|desde|de|no|do|mes de|comeco de|inicio de|fim de|final de|meados de|ate|"
        rf"in|since|last|early|late|mid|until|of) (?P<month>{_LONG_MONTHS}|may)\b(?! \d\d?\b)"
        + _OF_YEAR,
        _month_alone,
        _MONTH_NAMES,
    ),
    _rule(
        rf"\b(?P<month>{_ANY_MONTH})(?: de |/| of |, ?| )"
        rf"(?P<year>{_YEAR}|{_THAT_YEAR}|(?<=/)\d\d)\b",
        _month_alone,
        (*_CENTURIES, "/", "ano", "year"),
    ),
    _rule(
        rf"\b(?:em|desde|de|ano de|no ano|ate|in|since|from|until) (?P<year>{_YEAR})\b(?![/-]\d)",
        _year_alone,
        _CENTURIES,
    ),
    _rule(rf"\b(?:ha|faz|fazem|tem) {_ABOUT}{_COUNTED}", _ago, ("ha ", "faz", "tem ")),
    _rule(rf"\b{_COUNTED} (?:atras|ago|back)\b", _ago, (" atras", " ago", " back")),
    _rule(
        r"\b(?P<count>an?|one) (?P<unit>year|month|week)(?P<half> and a half) ago\b",
        _ago,
        (" ago",),
    ),
    _rule(rf"\bfor {_ABOUT}{_COUNTED}(?= now\b| already\b)", _ago, (" now", " already")),
    _rule(
        rf"\bfor (?:about |almost |over |nearly )?(?:the )?(?:last|past) {_COUNTED}",
        _ago,
        (" last ", " past "),
    ),
    _rule(
        rf"\b(?:daqui a|dentro de|within) (?P<count>{_NUMBER}) (?P<unit>{_UNIT})\b",
        _ahead,
        ("daqui a", "dentro de", "within"),
    ),
    _rule(rf"\bin (?P<count>{_NUMBER}) (?P<unit>days?|weeks?)\b(?! time off)", _ahead, ("in ",)),
    _rule(
        rf"\b(?:no|desde o|ate o) dia (?P<day>\d\d?)\b(?! d[eo] (?:{_ANY_MONTH})|[/.-]\d)",
        _day_of_month,
        (" dia ", "no dia "),
    ),
    _rule(r"\bon the (?P<day>\d\d?)(?:st|nd|rd|th)\b(?! of)", _day_of_month, ("on the ",)),
)

ANSWER_RULES = (
    _rule(rf"(?<![\w/.,-])(?P<year>{_YEAR})(?![\w/-]|[.,]\d)", _year_alone, _CENTURIES),
    _rule(rf"\b(?P<month>{_LONG_MONTHS}|may)\b(?! \d)" + _OF_YEAR, _month_alone, _MONTH_NAMES),
    _rule(
        rf"\b{_ABOUT}{_COUNTED}",
        _ago,
        ("dia", "seman", "mes", "ano", "day", "week", "month", "year"),
    ),
    _rule(r"\bdia (?P<day>\d\d?)\b(?! de|[/.-]\d)", _day_of_month, ("dia ",)),
)
