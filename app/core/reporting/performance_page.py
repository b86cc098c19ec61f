"""The report of performance as a page."""

from collections.abc import Callable
from datetime import date

from app.core.reporting.comparing import compared_rows, mean_text, nps_text, share
from app.core.reporting.document import (
    Block,
    Column,
    Columns,
    Document,
    Heading,
    Note,
    Range,
    Ranges,
    Table,
    Tile,
    Tiles,
)
from app.core.reporting.formats import NOTHING, Formats, Language
from app.core.reporting.pages import (
    arm_name,
    count_scale,
    operation_name,
    powers,
    subtitle,
    tone_of_rise,
    trouble_blocks,
)
from app.core.reporting.performance import (
    CallSpeed,
    PerformanceReport,
    Spread,
    Summary,
)
from app.core.reporting.wording import WORDS, Words

_LABELS = 7
_LOW = 0.95
"""A share of successful calls below this stands out."""


def performance_page(report: PerformanceReport, language: Language) -> Document:
    """Write the report."""
    page = _Page(report, language)
    words = page.words
    return Document(
        language=language,
        title=words.performance,
        subtitle=subtitle(report.span, report.made_ms, over=report.over, language=language),
        blocks=[
            *(
                [Tiles(tiles=headline_tiles(report, language))]
                if _used(report.now)
                else [Note(text=words.nothing_happened)]
            ),
            *page.by_day(),
            *page.compared(),
            *page.speeds(words.first_token, lambda one: one.first_token_ms),
            *page.speeds(words.latency, lambda one: one.latency_ms),
            *page.models(),
            *(trouble_blocks(report.trouble, language) if report.now.calls else []),
            *page.arms(),
            *page.missing(),
        ],
        footer=[
            words.made.format(page.formats.moment(report.made_ms, report.span.zone)),
            words.stands_at.format(report.span.zone),
            words.source_performance,
        ],
    )


class _Page:
    def __init__(self, report: PerformanceReport, language: Language) -> None:
        self.report = report
        self.words: Words = WORDS[language]
        self.formats = Formats(language)

    def by_day(self) -> list[Block]:
        words, days = self.words, self.report.days
        if not any(one.cases.started for one in days):
            return []
        step = max(1, -(-len(days) // _LABELS))
        most = max(one.cases.started for one in days)
        columns = []
        for number, one in enumerate(days):
            day, cases = date.fromisoformat(one.day.label), one.cases
            short = self.formats.short_day(day, weekday=len(days) <= _LABELS)
            figures = (
                f"{words.started} {cases.started} · {words.completed} {cases.completed} ·"
                f" {words.abandoned} {cases.abandoned}"
            )
            columns.append(
                Column(
                    label="" if number % step else short,
                    title=f"{short}: {figures}",
                    parts=[cases.started, cases.completed, cases.abandoned],
                )
            )
        return [
            Heading(text=words.cases_by_day, about=words.cases_by_day_about),
            Columns(
                title=words.cases_by_day,
                series=[words.started, words.completed, words.abandoned],
                columns=columns,
                scale=count_scale(most, self.formats),
                beside=True,
                tints=(0, 2, 1),
            ),
        ]

    def compared(self) -> list[Block]:
        words = self.words
        if not _used(self.report.now) and not _used(self.report.before):
            return []
        return [
            Heading(text=words.compared, about=words.compared_about),
            Table(
                headings=[words.figure, words.this_span, words.span_before, words.change],
                rows=[
                    row
                    for row in compared_rows(self.report, self.formats, words)
                    if row[1:3] != (NOTHING, NOTHING)
                ],
            ),
        ]

    def speeds(self, title: str, spread_of: Callable[[CallSpeed], Spread]) -> list[Block]:
        formats = self.formats
        found = [(one, spread_of(one)) for one in self.report.calls]
        ranges = [
            Range(
                label=f"{one.model} · {operation_name(one.operation, self.words)}",
                p50=spread.p50,
                p95=spread.p95,
                p99=spread.p99,
                text=" / ".join(map(formats.duration, (spread.p50, spread.p95, spread.p99))),
            )
            for one, spread in found
            if spread.p50 is not None and spread.p95 is not None and spread.p99 is not None
        ]
        if not ranges:
            return []
        least, most = min(one.p50 for one in ranges), max(one.p99 for one in ranges)
        return [
            Heading(text=title, about=self.words.speed_about),
            Ranges(
                title=title,
                legend=self.words.range_legend,
                ranges=ranges,
                scale=powers(least, most, formats),
            ),
        ]

    def models(self) -> list[Block]:
        words, calls = self.words, self.report.calls
        if not calls:
            return []
        shares = [one.completed / one.calls for one in calls]
        return [
            Heading(text=words.by_model, about=words.by_model_about),
            Table(
                headings=[words.model, words.calls, words.success],
                rows=[
                    [
                        f"{one.model} · {operation_name(one.operation, words)}",
                        self.formats.number(one.calls),
                        self.formats.percent(share),
                    ]
                    for one, share in zip(calls, shares, strict=True)
                ],
                shares=shares,
                tones=["bad" if share < _LOW else "plain" for share in shares],
            ),
        ]

    def arms(self) -> list[Block]:
        words, arms = self.words, self.report.arms
        if not arms:
            return []
        return [
            Heading(text=words.by_arm, about=words.arms_about),
            Table(
                headings=[
                    words.arm,
                    words.cases,
                    words.completed,
                    words.interview,
                    words.per_triage,
                    words.rating,
                    words.nps,
                ],
                rows=[
                    [
                        arm_name(one.arm, words),
                        self.formats.number(one.cases.started),
                        self.formats.percent(share(one.cases.completed, one.cases.started)),
                        self.formats.duration(one.interview_ms.p50),
                        self.formats.money(None if one.cost is None else one.cost.mean),
                        mean_text(one.ratings, self.formats),
                        nps_text(one.ratings, self.formats),
                    ]
                    for one in arms
                ],
            ),
        ]

    def missing(self) -> list[Block]:
        if not self.report.waiting:
            return []
        waiting = self.formats.number(self.report.waiting)
        return [Note(text=self.words.waiting.format(waiting), tone="faint")]


def headline_tiles(report: PerformanceReport, language: Language) -> list[Tile]:
    """Return the figures that matter most."""
    words, formats = WORDS[language], Formats(language)
    now, before = report.now, report.before
    cases = now.cases
    completed = share(cases.completed, cases.started)
    calls = share(now.completed_calls, now.calls)
    tiles = [
        Tile(
            label=words.started,
            value=formats.number(cases.started),
            note=_against(cases.started, before.cases.started, report, words, formats),
        ),
        Tile(
            label=words.completed,
            value=formats.percent(completed),
            note=f"{formats.number(cases.completed)} · {words.abandoned.lower()}"
            f" {formats.number(cases.abandoned)}",
        ),
        Tile(
            label=f"{words.interview}, {words.median.lower()}",
            value=formats.duration(now.interview_ms.p50),
            note=_against(now.interview_ms.p50, before.interview_ms.p50, report, words, formats),
            tone=tone_of_rise(now.interview_ms.p50 or 0, before.interview_ms.p50 or 0),
        ),
        Tile(
            label=f"{words.turn}, {words.median.lower()}",
            value=formats.duration(now.turns.duration_ms.p50),
            note=f"{words.p95} {formats.duration(now.turns.duration_ms.p95)}",
        ),
    ]
    if now.calls:
        tiles.append(
            Tile(
                label=words.successful_calls,
                value=formats.percent(calls),
                note=f"{formats.number(now.completed_calls)} / {formats.number(now.calls)}",
                tone="bad" if calls is not None and calls < _LOW else "plain",
            )
        )
    tiles.append(
        Tile(
            label=words.nps,
            value=nps_text(now.ratings, formats),
            note=f"{words.ratings.lower()}: {formats.number(now.ratings.n)}"
            if now.ratings.n
            else words.no_ratings,
        )
    )
    return tiles


def _used(summary: Summary) -> bool:
    return bool(summary.cases.started or summary.turns.total or summary.calls)


def _against(
    now: float | None,
    before: float | None,
    report: PerformanceReport,
    words: Words,
    formats: Formats,
) -> str:
    if now is None or not before:
        return ""
    change = formats.change(now, before)
    return words.on_span_before.format(change, formats.number(report.span.length))
