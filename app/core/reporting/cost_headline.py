"""The figures of a report of costs that matter most, and how its budgets are named."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from app.core.reporting.costs import BudgetUse, CostReport, Trouble
from app.core.reporting.document import Tile, Tone
from app.core.reporting.formats import Formats, Language
from app.core.reporting.pages import operation_name, tone_of_rise
from app.core.reporting.wording import WORDS, Words


def attention(trouble: Sequence[Trouble]) -> int:
    """Return how many calls need a look."""
    return sum(one.calls for one in trouble)


def headline_tiles(report: CostReport, language: Language) -> list[Tile]:
    """Return the figures that matter most."""
    words, formats = WORDS[language], Formats(language)
    total = report.total
    tiles = [
        Tile(
            label=words.spent,
            value=formats.money(total.cost_nano_usd),
            note=_against_before(report, words, formats),
            tone=tone_of_rise(total.cost_nano_usd, report.before.cost_nano_usd),
        )
    ]
    if report.week_before is not None and report.week_before.cost_nano_usd:
        then = report.span.first - timedelta(days=7)
        change = formats.change(total.cost_nano_usd, report.week_before.cost_nano_usd)
        tiles[0] = Tile(
            label=tiles[0].label,
            value=tiles[0].value,
            note=f"{tiles[0].note}; "
            + words.on_weekday.format(change, formats.short_day(then, weekday=True)),
            tone=tiles[0].tone,
        )
    tiles.append(_calls_tile(report, words, formats))
    if report.triages and report.triages[0].triages:
        cost = report.triages[0]
        count = formats.number(cost.triages)
        tiles.append(
            Tile(
                label=words.per_triage,
                value=formats.money(cost.mean),
                note=words.triages.format(count, formats.money(cost.median)),
            )
        )
    tiles.append(
        Tile(
            label=words.saved,
            value=formats.money(total.saved_nano_usd),
            note=words.spared.format(formats.number(total.cached)),
        )
    )
    return tiles


def _calls_tile(report: CostReport, words: Words, formats: Formats) -> Tile:
    total = report.total
    share = total.completed / total.calls if total.calls else None
    tone: Tone = "bad" if share is not None and share < 0.95 else "plain"
    return Tile(
        label=words.calls,
        value=formats.number(total.calls),
        note=words.completed_share.format(formats.percent(share)) if total.calls else "",
        tone=tone,
    )


def _against_before(report: CostReport, words: Words, formats: Formats) -> str:
    change = formats.change(report.total.cost_nano_usd, report.before.cost_nano_usd)
    if not change:
        return words.none_before if report.span.length == 1 else ""
    if report.span.length == 1:
        return words.on_day_before.format(change)
    return words.on_span_before.format(change, formats.number(report.span.length))


def budget_name(use: BudgetUse, words: Words, formats: Formats) -> str:
    """Return what a budget is for, and for which of its periods it is told."""
    kind, _, name = use.scope.partition(":")
    scope = {"global": words.everything, "operation": operation_name(name, words), "arm": name}
    since = datetime.fromtimestamp(use.since_ms / 1_000, UTC)
    when = {"hour": f" ({since:%H}:00)", "day": f" ({formats.short_day(since.date())})"}
    return f"{scope[kind]} · {words.periods[use.period]}{when.get(use.period, '')}"


def used_share(use: BudgetUse) -> float:
    """Return which share of a budget was spent; all of one of nothing, if anything was."""
    if use.limit_nano_usd:
        return use.spent_nano_usd / use.limit_nano_usd
    return 1.0 if use.spent_nano_usd else 0.0
