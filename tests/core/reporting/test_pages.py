"""Pages: whole, self-contained, in two languages, and readable where there is nothing to tell."""

from collections.abc import Callable
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from app.core.reporting.brief import Report, brief, page_of
from app.core.reporting.costs import CaseCost, CostInputs, TriageCost, Trouble, cost_report
from app.core.reporting.document import Document, Note, Table
from app.core.reporting.formats import LANGUAGES, Formats, Language
from app.core.reporting.html import html
from app.core.reporting.markdown import markdown, text_of
from app.core.reporting.pages import scale
from app.core.reporting.performance import (
    Analyses,
    ArmPace,
    CallSpeed,
    CaseCell,
    Figures,
    Spread,
    Turns,
    performance_report,
)
from app.core.reporting.spans import QUARTER_MS, span_of
from app.core.reporting.sums import Cell, Sums
from app.core.reporting.wording import WORDS
from app.domain.ledger import Budget, Scope
from app.notify.slack import payload
from tests.support.markup import Checked

DAY = span_of(date(2026, 10, 25), date(2026, 10, 25), "Europe/Berlin")
WEEK = span_of(date(2026, 10, 19), date(2026, 10, 25), "Europe/Berlin")
WICKED = "</style><script>alert(1)</script>&\"'`|*_[x](y)<!channel>"
SPREAD = Spread(n=9, p50=420.0, p95=1_300.0, p99=9_000.0)
TROUBLE = Trouble(
    outcome="failed", error=WICKED, source="estimated", model=WICKED, operation="judge", calls=3,
    cost_nano_usd=5,
)  # fmt: skip


def costs(name: str = "gpt-5") -> Report:
    """Return a full report of costs on a day with 25 hours."""
    cells = [
        Cell(
            at_ms=DAY.since_ms + number * 3 * QUARTER_MS,
            provider="openai",
            model=f"{name}{number % 7}",
            operation="interview",
            arm=name,
            sums=Sums(
                calls=2, completed=1, cost_nano_usd=abs(number) * 10**7, cached=1, unpriced=1
            ),
        )
        for number in range(-20, 33)
        if number >= 0 or number % 2
    ]
    inputs = CostInputs(
        cells=cells,
        listed=Sums(),
        budgets=[
            Budget(scope=Scope(kind="global"), period="day", limit_nano_usd=5 * 10**9),
            Budget(scope=Scope(kind="arm", name="a:b"), period="month", limit_nano_usd=0),
        ],
        triages=[
            TriageCost(triages=4, mean=2e7, median=1e7, p95=9e7, unpriced=1),
            TriageCost(arm=name, triages=4, mean=None, median=None, p95=None, unpriced=4),
        ],
        trouble=[TROUBLE],
        dearest=[CaseCost(case_id=name, calls=2, cost_nano_usd=1)],
        waiting=12,
        made_ms=DAY.until_ms,
    )
    return cost_report(DAY, inputs)


def performance(name: str = "gpt-5") -> Report:
    """Return a full report of performance in a week that has 169 hours."""
    figures = Figures(
        cases=[
            CaseCell(at_ms=WEEK.since_ms, arm=name, started=9, completed=5, abandoned=1),
            CaseCell(at_ms=WEEK.until_ms - 1, arm="", started=1, completed=1, abandoned=0),
        ],
        paces=[ArmPace(arm="", interview_ms=SPREAD, result_ms=SPREAD)],
        turns=Turns(total=20, completed=18, failed=2, degraded=1, duration_ms=SPREAD),
        calls=[
            CallSpeed(
                model=name, operation="interview", calls=9, completed=8, first_token_ms=SPREAD,
                latency_ms=SPREAD,
            )
        ],
        trouble=[TROUBLE],
        analyses=Analyses(done=5, given_up=1, waited_ms=SPREAD),
        scores={name: [0] * 10 + [3]},
    )  # fmt: skip
    return performance_report(WEEK, figures, Figures(), made_ms=WEEK.since_ms + 1, waiting=1)


def no_costs() -> Report:
    """Return a report of a day on which nothing happened."""
    return cost_report(DAY, CostInputs(cells=(), listed=Sums(), made_ms=DAY.until_ms))


def no_performance() -> Report:
    """Return a report of a week in which nothing happened."""
    return performance_report(WEEK, Figures(), Figures(), made_ms=WEEK.until_ms, waiting=0)


MAKERS = (costs, performance, no_costs, no_performance)
reports = pytest.mark.parametrize("make", MAKERS)
languages = pytest.mark.parametrize("language", LANGUAGES)


@reports
@languages
def test_pages_are_whole_and_need_nothing_else(
    make: Callable[[], Report], language: Language
) -> None:
    """One file, well nested, with nothing from anywhere else and no script."""
    text = html(page_of(make(), language))
    assert text.startswith("<!DOCTYPE html>")
    page = Checked(text)
    assert page.seen.count("h1") == 1
    assert f'<html lang="{language}">' in text
    assert "@import" not in text
    assert "url(" not in text


@pytest.mark.parametrize("make", [costs, performance])
@languages
def test_pages_have_pictures(make: Callable[[], Report], language: Language) -> None:
    """Drawn inline, each with a name for those who do not see it."""
    text = html(page_of(make(), language))
    assert text.count('<svg role="img" aria-label=') >= 2
    assert "NaN" not in text
    assert "None" not in text


@pytest.mark.parametrize("make", [costs, performance])
@languages
def test_names_are_never_markup(make: Callable[[str], Report], language: Language) -> None:
    """Whatever a model or an arm is called: on the page, in Markdown and in Slack."""
    report = make(WICKED)
    page = page_of(report, language)
    text = html(page)
    Checked(text)
    assert WICKED not in text
    rendered = MarkdownIt("js-default").enable("table").render(markdown(page))
    assert "<script" not in rendered
    assert "<a " not in rendered
    assert "alert(1)" in rendered
    told = str(payload(brief(report, language, "/var/reports/x.html", "k")))
    assert "<!channel>" not in told
    assert "<script" not in told


@languages
def test_an_empty_day_reads_well(language: Language) -> None:
    """It says that nothing happened, shows no empty tables, and Slack hears the same."""
    words = WORDS[language]
    for report, sentence in (
        (no_costs(), words.nothing_called),
        (no_performance(), words.nothing_happened),
    ):
        page = page_of(report, language)
        assert any(isinstance(one, Note) and one.text == sentence for one in page.blocks)
        assert not any(isinstance(one, Table) for one in page.blocks)
        message = brief(report, language, "", "k")
        assert (message.figures, message.notes) == ((), (sentence,))


@languages
def test_slack_hears_what_matters(language: Language) -> None:
    """Few figures, the tight budgets, the worst trouble, and where the rest is."""
    words = WORDS[language]
    message = brief(costs(), language, "https://reports.example.com/a.html", "costs/2026-10-25")
    assert message.title == words.costs
    assert [one.label for one in message.figures] == [
        words.spent, words.calls, words.per_triage, words.saved,
    ]  # fmt: skip
    assert message.notes[-1].startswith(words.attention.format(3))
    assert len(brief(performance(), language, "", "k").figures) == 6


@languages
def test_the_length_of_an_odd_day_is_told(language: Language) -> None:
    """And the hour that came twice is there twice."""
    page = page_of(costs(), language)
    assert WORDS[language].hours_in_day.format(25) in page.subtitle
    assert "02′ h" in html(page)
    assert WORDS[language].so_far in page_of(performance(), language).subtitle


@reports
def test_markdown_tables_are_tables(make: Callable[[], Report]) -> None:
    """As many cells in each row as headings, to a parser that is not ours."""
    page = page_of(make(), "en")
    tokens = MarkdownIt("commonmark").enable("table").parse(markdown(page))
    tables = [one for one in page.blocks if isinstance(one, Table)]
    assert sum(one.type == "table_open" for one in tokens) == len(tables)
    cells = sum(len(row) for one in tables for row in one.rows)
    assert sum(one.type == "td_open" for one in tokens) == cells


def test_both_languages_say_everything() -> None:
    """No text is missing, and those that take something in take the same in."""
    english, portuguese = WORDS["en"], WORDS["pt-BR"]
    for name in english.__struct_fields__:
        one, other = getattr(english, name), getattr(portuguese, name)
        assert one
        assert other
        if isinstance(one, str):
            assert one.count("{") == other.count("{"), name
        else:
            assert one.keys() == other.keys(), name


@given(st.text())
def test_any_text_survives_markdown(text: str) -> None:
    """It is shown and never obeyed; only white space is told shorter."""
    written = text_of(text)
    assert "\n" not in written
    assert "|" not in written.replace("\\|", "")


@given(st.floats(1e-9, 1e9))
def test_a_scale_reaches_the_largest_value(most: float) -> None:
    """In at most a handful of steps."""
    values = scale(most)
    assert values[0] == 0
    assert values[-1] >= most * (1 - 1e-6)
    assert 2 <= len(values) <= 6


@given(st.integers(-(10**15), 10**15), st.sampled_from(LANGUAGES))
def test_money_is_never_rounded_to_nothing(nano: int, language: Language) -> None:
    """What was spent shows."""
    text = Formats(language).money(nano)
    assert any(one in "123456789" for one in text) or nano == 0


def test_a_document_is_what_is_written() -> None:
    """Both ways of writing take any document, also one without blocks."""
    page = Document(language="en", title="T", subtitle="", blocks=(), footer=("F",))
    assert markdown(page) == "# T\n\n---\n\nF\n"
    Checked(html(page))
