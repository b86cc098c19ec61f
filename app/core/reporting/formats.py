"""How numbers, money, times and days are written in the language of a report."""

from collections.abc import Mapping
from datetime import UTC, date, datetime
from typing import Literal, get_args
from zoneinfo import ZoneInfo

from msgspec import Struct

from app.core.reporting.spans import Span

Language = Literal["en", "pt-BR"]
LANGUAGES: tuple[Language, ...] = get_args(Language)

NANO = 1_000_000_000
NOTHING = "–"
_SECOND, _MINUTE, _HOUR = 1_000, 60_000, 3_600_000


class _Calendar(Struct, frozen=True):
    days: tuple[str, ...]
    """From Monday on."""
    short_days: tuple[str, ...]
    months: tuple[str, ...]
    short_months: tuple[str, ...]


_CALENDARS: Mapping[Language, _Calendar] = {
    "en": _Calendar(
        ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"),
        ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"),
        (
            "January", "February", "March", "April", "May", "June", "July", "August", "September",
            "October", "November", "December",
        ),
        ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"),
    ),
    "pt-BR": _Calendar(
        (
            "segunda-feira", "terça-feira", "quarta-feira", "quinta-feira", "sexta-feira",
            "sábado", "domingo",
        ),
        ("seg", "ter", "qua", "qui", "sex", "sáb", "dom"),
        (
            "janeiro", "fevereiro", "março", "abril", "maio", "junho", "julho", "agosto",
            "setembro", "outubro", "novembro", "dezembro",
        ),
        ("jan", "fev", "mar", "abr", "mai", "jun", "jul", "ago", "set", "out", "nov", "dez"),
    ),
}  # fmt: skip


class Formats(Struct, frozen=True):
    """Writes in one language."""

    language: Language

    def number(self, value: float, digits: int = 0) -> str:
        """Write a number.

        >>> Formats("en").number(1234.5, 1), Formats("pt-BR").number(1234.5, 1)
        ('1,234.5', '1.234,5')
        """
        text = f"{value:,.{digits}f}"
        if self.language == "pt-BR":
            return text.translate({ord(","): ".", ord("."): ","})
        return text

    def money(self, nano_usd: float | None) -> str:
        """Write an amount, the small ones with more digits.

        >>> [Formats("en").money(one) for one in (0, 9_000, 12_300_000, 4_560_000_000, None)]
        ['$0', '<$0.0001', '$0.0123', '$4.56', '–']
        >>> Formats("pt-BR").money(1_234_500_000_000)
        'US$ 1.234,50'
        """
        if nano_usd is None:
            return NOTHING
        sign = "$" if self.language == "en" else "US$ "
        size = abs(nano_usd) / NANO
        minus = "−" if nano_usd < 0 else ""
        if not nano_usd:
            return f"{sign}0"
        if size < 0.0001:
            return f"{minus}<{sign}{self.number(0.0001, 4)}"
        return f"{minus}{sign}{self.number(size, 2 if size >= 1 else 4)}"

    def round_money(self, usd: float) -> str:
        """Write a round amount with as few digits as it has.

        >>> [Formats("en").round_money(one) for one in (0.2, 40, 0.00025)]
        ['$0.2', '$40', '$0.00025']
        """
        digits = next(one for one in range(10) if abs(round(usd, one) - usd) < 1e-9 or one == 9)
        return f"{'$' if self.language == 'en' else 'US$ '}{self.number(usd, digits)}"

    def percent(self, share: float | None, digits: int = 0) -> str:
        """Write a share; what is rounded to all or nothing without being so keeps a digit.

        >>> [Formats("en").percent(one) for one in (0.5, 0.998, 1.0, None)]
        ['50 %', '99.8 %', '100 %', '–']
        """
        if share is None:
            return NOTHING
        if not digits and share not in {0.0, 1.0} and round(share, 2) in {0.0, 1.0}:
            digits = 1
        return f"{self.number(100 * share, digits)} %"

    def change(self, now: float, before: float) -> str:
        """Write how a value has changed, in percent; nothing where it was zero.

        >>> Formats("en").change(150, 100), Formats("en").change(1, 0), Formats("en").change(5, 5)
        ('+50 %', '', '±0 %')
        """
        if not before:
            return ""
        share = round(100 * (now - before) / before)
        if share > 999:
            return f"×{self.number(now / before)}"
        return f"{'+' if share > 0 else '−' if share < 0 else '±'}{self.number(abs(share))} %"

    def duration(self, ms: float | None) -> str:
        """Write how long something took.

        >>> [Formats("en").duration(one) for one in (12, 1234, 75_000, 7_500_000, None)]
        ['12 ms', '1.2 s', '1 min 15 s', '2 h 5 min', '–']
        """
        if ms is None:
            return NOTHING
        if ms < 950:
            return f"{self.number(ms)} ms"
        if ms < 59_950:
            seconds = round(ms / _SECOND, 1)
            return f"{self.number(seconds, 0 if seconds == int(seconds) else 1)} s"
        if ms < _HOUR:
            minutes, rest = divmod(round(ms / _SECOND), 60)
            return f"{minutes} min {rest} s" if rest else f"{minutes} min"
        hours, rest = divmod(round(ms / _MINUTE), 60)
        return f"{self.number(hours)} h {rest} min" if rest else f"{self.number(hours)} h"

    def day(self, day: date) -> str:
        """Write a day in full.

        >>> Formats("pt-BR").day(date(2026, 11, 24)), Formats("en").day(date(2026, 11, 24))
        ('terça-feira, 24 de novembro de 2026', 'Tuesday, 24 November 2026')
        """
        calendar = _CALENDARS[self.language]
        of = " de " if self.language == "pt-BR" else " "
        month = calendar.months[day.month - 1]
        return f"{calendar.days[day.weekday()]}, {day.day}{of}{month}{of}{day.year}"

    def short_day(self, day: date, *, weekday: bool = False) -> str:
        """Write a day where there is little room.

        >>> Formats("en").short_day(date(2026, 11, 24), weekday=True)
        'Tue 24'
        """
        calendar = _CALENDARS[self.language]
        if weekday:
            return f"{calendar.short_days[day.weekday()]} {day.day}"
        return f"{day.day} {calendar.short_months[day.month - 1]}"

    def span(self, span: Span) -> str:
        """Write days from the first to the last.

        >>> Formats("en").span(Span(first=date(2026, 11, 16), last=date(2026, 11, 22), zone="UTC"))
        '16–22 November 2026'
        """
        first, last = span.first, span.last
        if first == last:
            return self.day(first)
        calendar = _CALENDARS[self.language]
        of = " de " if self.language == "pt-BR" else " "
        end = f"{last.day}{of}{calendar.months[last.month - 1]}{of}{last.year}"
        if (first.year, first.month) == (last.year, last.month):
            return f"{first.day}–{end}"
        year = "" if first.year == last.year else f"{of}{first.year}"
        return f"{first.day}{of}{calendar.months[first.month - 1]}{year} – {end}"

    def moment(self, at_ms: int, zone: str) -> str:
        """Write a time as the clocks in a zone show it.

        >>> Formats("en").moment(0, "America/Sao_Paulo")
        '31 Dec 1969, 21:00'
        """
        local = datetime.fromtimestamp(at_ms / 1_000, UTC).astimezone(ZoneInfo(zone))
        short = self.short_day(local.date())
        return f"{short} {local.year}, {local:%H:%M}"


def sparkline(values: list[float]) -> str:
    """Draw values in a line of text, from none at all to the largest.

    >>> sparkline([0, 1, 4, 8])
    '▁▂▅█'
    """
    blocks = "▁▂▃▄▅▆▇█"
    most = max(values, default=0)
    if not most:
        return blocks[0] * len(values)
    return "".join(blocks[round(value / most * (len(blocks) - 1))] for value in values)
