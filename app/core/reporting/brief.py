"""The few figures of a report that matter, for a channel."""

from app.core.reporting import cost_headline, cost_page, performance_page
from app.core.reporting.costs import CostReport, Trouble
from app.core.reporting.document import Document, Note, Tile
from app.core.reporting.formats import Formats, Language
from app.core.reporting.pages import operation_name
from app.core.reporting.performance import PerformanceReport
from app.core.reporting.wording import WORDS
from app.domain.figures import ReportKind
from app.notify.slack import SlackFigure, SlackMessage

Report = CostReport | PerformanceReport
_FULL = 0.8
"""From this share on, a budget is named."""


def kind_of(report: Report) -> ReportKind:
    """Return which report it is."""
    return "costs" if isinstance(report, CostReport) else "performance"


def page_of(report: Report, language: Language) -> Document:
    """Write a report as a page."""
    if isinstance(report, CostReport):
        return cost_page.cost_page(report, language)
    return performance_page.performance_page(report, language)


def brief(report: Report, language: Language, place: str, key: str) -> SlackMessage:
    """Return what is told of a report.

    Args:
        report: the report.
        language: in which it is told.
        place: where the whole of it is.
        key: the same for the same report.
    """
    words, page = WORDS[language], page_of(report, language)
    if any(isinstance(one, Note) and one.text in _EMPTY for one in page.blocks):
        tiles: list[Tile] = []
        notes = [one.text for one in page.blocks if isinstance(one, Note) and one.text in _EMPTY]
    elif isinstance(report, CostReport):
        tiles = cost_headline.headline_tiles(report, language)
        notes = [*_budget_notes(report, language), *_trouble_notes(report.trouble, language)]
    else:
        tiles = performance_page.headline_tiles(report, language)
        notes = _trouble_notes(report.trouble, language)
    return SlackMessage(
        title=page.title,
        subtitle=page.subtitle,
        figures=tuple(
            SlackFigure(label=one.label, value=one.value, note=one.note) for one in tiles
        ),
        notes=tuple(notes),
        link_text=words.page,
        place=place,
        key=key,
    )


_EMPTY = {
    text for words in WORDS.values() for text in (words.nothing_called, words.nothing_happened)
}


def _budget_notes(report: CostReport, language: Language) -> list[str]:
    words, formats = WORDS[language], Formats(language)
    notes = []
    for use in report.budgets:
        if use.spent_nano_usd < _FULL * use.limit_nano_usd:
            continue
        spent, limit = formats.money(use.spent_nano_usd), formats.money(use.limit_nano_usd)
        name = cost_headline.budget_name(use, words, formats)
        used = formats.percent(cost_headline.used_share(use))
        notes.append(f"{words.budget}: {name}: {spent} / {limit} ({used})")
    return notes


def _trouble_notes(trouble: list[Trouble], language: Language) -> list[str]:
    if not trouble:
        return []
    words, formats = WORDS[language], Formats(language)
    total = formats.number(cost_headline.attention(trouble))
    worst = trouble[0]
    outcome = words.outcomes.get(worst.outcome, worst.outcome)
    reason = f" ({worst.error})" if worst.error else ""
    where = f"{worst.model}, {operation_name(worst.operation, words)}"
    count = formats.number(worst.calls)
    return [f"{words.attention.format(total)}; {count} × {outcome}{reason}, {where}"]
