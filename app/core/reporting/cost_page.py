"""The report of costs as a page."""

from collections.abc import Sequence
from datetime import date

from app.core.reporting.cost_headline import budget_name, headline_tiles, used_share
from app.core.reporting.costs import CostReport, SlotCost
from app.core.reporting.document import (
    Block,
    Column,
    Columns,
    Document,
    Heading,
    Note,
    Table,
    Tiles,
)
from app.core.reporting.formats import NANO, Formats, Language
from app.core.reporting.pages import (
    arm_name,
    money_scale,
    operation_name,
    subtitle,
    trouble_blocks,
)
from app.core.reporting.sums import Named
from app.core.reporting.wording import WORDS, Words

MOST_SERIES = 5
"""Models that pictures tell apart; the others are one."""
_LABELS = 5
"""How many days of a picture are named."""
_TIGHT = 0.8
"""From this share of a budget on, its row stands out."""


def cost_page(report: CostReport, language: Language) -> Document:
    """Write the report."""
    page = _Page(report, language)
    words = page.words
    called = report.total.calls or report.total.cached
    return Document(
        language=language,
        title=words.costs,
        subtitle=subtitle(report.span, report.made_ms, over=report.over, language=language),
        blocks=[
            *(page.headline() if called else [Note(text=words.nothing_called)]),
            *page.by_time(),
            *page.latest(),
            *page.budgets(),
            *page.sums(),
            *page.triages(),
            *(page.trouble() if called else []),
            *page.dearest(),
            *page.missing(),
        ],
        footer=[
            words.made.format(page.formats.moment(report.made_ms, report.span.zone)),
            words.stands_at.format(report.span.zone),
            words.source_costs,
        ],
    )


class _Page:
    def __init__(self, report: CostReport, language: Language) -> None:
        self.report = report
        self.language: Language = language
        self.words: Words = WORDS[language]
        self.formats = Formats(language)

    def headline(self) -> list[Block]:
        return [Tiles(tiles=headline_tiles(self.report, self.language))]

    def by_time(self) -> list[Block]:
        report, words = self.report, self.words
        if not any(one.cost_nano_usd for one in report.slots):
            return []
        hourly = report.span.length == 1
        labels = self._hour_labels(report.slots) if hourly else self._day_labels(report.slots)
        picture = self._columns(report.slots, words.by_hour_about, labels)
        title = words.by_hour if hourly else words.by_day
        return [Heading(text=title, about=words.by_hour_about if hourly else ""), picture]

    def latest(self) -> list[Block]:
        report, words = self.report, self.words
        if not any(one.cost_nano_usd for one in report.trend):
            return []
        picture = self._columns(
            report.trend, words.trend_about, self._day_labels(report.trend), self._day_limit()
        )
        return [Heading(text=words.trend, about=words.trend_about), picture]

    def _day_limit(self) -> int | None:
        limits = [
            one.limit_nano_usd
            for one in self.report.budgets
            if one.scope == "global" and one.period == "day"
        ]
        return limits[0] if limits else None

    def _hour_labels(self, slots: Sequence[SlotCost]) -> list[str]:
        shown = {"00", "03", "06", "09", "12", "15", "18", "21"}
        return [
            one.slot.label if one.slot.label in shown and not one.slot.again else ""
            for one in slots
        ]

    def _day_labels(self, slots: Sequence[SlotCost]) -> list[str]:
        step = max(1, -(-len(slots) // _LABELS))
        last = len(slots) - 1
        return [
            "" if (last - number) % step else self.formats.short_day(_day(one))
            for number, one in enumerate(slots)
        ]

    def _columns(
        self, slots: Sequence[SlotCost], title: str, labels: Sequence[str], limit: int | None = None
    ) -> Columns:
        models = self._models([*self.report.slots, *self.report.trend])
        most = max(one.cost_nano_usd for one in slots)
        shown = limit is not None and limit <= 3 * most
        return Columns(
            title=title,
            series=models,
            columns=[
                Column(
                    label=label,
                    title=f"{self._when(one)} · {self.formats.money(one.cost_nano_usd)}",
                    parts=self._parts(one, models),
                )
                for one, label in zip(slots, labels, strict=True)
            ],
            scale=money_scale(max(most, limit if shown and limit else 0) / NANO, self.formats),
            line=(limit / NANO, self.words.day_budget) if shown and limit is not None else None,
        )

    def _models(self, slots: Sequence[SlotCost]) -> list[str]:
        costs: dict[str, int] = {}
        for one in slots:
            for model, cost in one.by_model.items():
                costs[model] = costs.get(model, 0) + cost
        ranked = sorted((name for name in costs if costs[name]), key=lambda one: (-costs[one], one))
        if len(ranked) <= MOST_SERIES:
            return ranked
        return [*ranked[: MOST_SERIES - 1], self.words.others]

    def _parts(self, slot: SlotCost, models: Sequence[str]) -> list[float]:
        parts = [slot.by_model.get(name, 0) / NANO for name in models]
        if models and models[-1] == self.words.others:
            parts[-1] = slot.cost_nano_usd / NANO - sum(parts[:-1])
        return parts

    def _when(self, one: SlotCost) -> str:
        if len(one.slot.label) > 2:
            return self.formats.short_day(_day(one), weekday=True)
        return f"{one.slot.label}{'′' if one.slot.again else ''} h"

    def budgets(self) -> list[Block]:
        words, uses = self.words, self.report.budgets
        heading = Heading(text=words.budgets, about=words.budgets_about if uses else "")
        if not uses:
            return [heading, Note(text=words.no_budgets, tone="faint")]
        shares = [used_share(one) for one in uses]
        return [
            heading,
            Table(
                headings=[words.budget, words.spent, words.limit, words.used],
                rows=[
                    [
                        budget_name(one, words, self.formats),
                        self.formats.money(one.spent_nano_usd),
                        self.formats.money(one.limit_nano_usd),
                        self.formats.percent(share),
                    ]
                    for one, share in zip(uses, shares, strict=True)
                ],
                shares=shares,
                tones=["bad" if share >= _TIGHT else "plain" for share in shares],
            ),
        ]

    def sums(self) -> list[Block]:
        report, words = self.report, self.words
        blocks: list[Block] = []
        for title, column, groups, name_of in (
            (words.by_model, words.model, report.models, lambda one: one),
            (words.by_operation, words.operation, report.operations, self._operation),
            (words.by_arm, words.arm, report.arms, lambda one: arm_name(one, words)),
        ):
            if groups:
                names = [name_of(one.name) for one in groups]
                blocks += [Heading(text=title), self._sums(column, names, groups)]
        return blocks

    def _operation(self, name: str) -> str:
        return operation_name(name, self.words)

    def _sums(self, column: str, names: Sequence[str], groups: Sequence[Named]) -> Table:
        words, number = self.words, self.formats.number
        total = self.report.total.cost_nano_usd
        return Table(
            headings=[column, words.calls, words.tokens_in, words.tokens_out, words.cost],
            rows=[
                [
                    name,
                    number(one.sums.calls),
                    number(one.sums.input),
                    number(one.sums.output),
                    self.formats.money(one.sums.cost_nano_usd),
                ]
                for name, one in zip(names, groups, strict=True)
            ],
            shares=[one.sums.cost_nano_usd / total if total else 0.0 for one in groups],
        )

    def triages(self) -> list[Block]:
        words, money = self.words, self.formats.money
        costs = [one for one in self.report.triages if one.triages]
        if not costs:
            return []
        shown = costs if any(one.arm for one in costs) else costs[:1]
        names = [words.all_triages, *(arm_name(one.arm, words) for one in shown[1:])]
        blocks: list[Block] = [
            Heading(text=words.triage_costs, about=words.triage_costs_about),
            Table(
                headings=["", words.completed, words.mean, words.median, words.p95],
                rows=[
                    [
                        name,
                        self.formats.number(one.triages),
                        money(one.mean),
                        money(one.median),
                        money(one.p95),
                    ]
                    for name, one in zip(names, shown, strict=True)
                ],
            ),
        ]
        if unpriced := costs[0].unpriced:
            text = words.unpriced_triages.format(self.formats.number(unpriced))
            blocks.append(Note(text=text, tone="bad"))
        return blocks

    def trouble(self) -> list[Block]:
        return trouble_blocks(self.report.trouble, self.language)

    def dearest(self) -> list[Block]:
        words, cases = self.words, self.report.dearest
        if not cases:
            return []
        return [
            Heading(text=words.dearest, about=words.dearest_about),
            Table(
                headings=[words.case, words.calls, words.cost],
                rows=[
                    [
                        one.case_id,
                        self.formats.number(one.calls),
                        self.formats.money(one.cost_nano_usd),
                    ]
                    for one in cases
                ],
            ),
        ]

    def missing(self) -> list[Block]:
        report, words, notes = self.report, self.words, []
        if report.unlisted_calls > 0:
            money = self.formats.money(report.unlisted_nano_usd)
            calls = self.formats.number(report.unlisted_calls)
            notes.append(Note(text=words.unlisted.format(calls, money), tone="faint"))
        if report.waiting:
            waiting = self.formats.number(report.waiting)
            notes.append(Note(text=words.waiting.format(waiting), tone="faint"))
        return list(notes)


def _day(one: SlotCost) -> date:
    return date.fromisoformat(one.slot.label)
