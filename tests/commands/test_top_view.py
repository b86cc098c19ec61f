"""`triage top`'s arithmetic and its picture, on readings whose answers are known."""

import io

import pytest
from rich.console import Console

from app.commands.top_rates import Samples, Window, samples_of
from app.commands.top_screen import screen
from app.commands.top_view import BudgetRow, CallRate, QueueRow, Target, Top, Trouble
from app.domain.job import WorkerView

TURNS = (
    'triage_turns_total{{interviewer="model"}} {}\ntriage_turns_total{{interviewer="guided"}} {}\n'
)


def reading(model: float, guided: float) -> Samples:
    """Return a page with two counters."""
    return samples_of(TURNS.format(model, guided))


def test_a_rate_is_growth_over_time() -> None:
    """Of all targets together, told apart by the labels that were asked for."""
    window = Window()
    window.add(10.0, {"a": reading(5, 1), "b": reading(0, 0)})
    window.add(40.0, {"a": reading(7, 1), "b": reading(1, 4)})
    by = window.per_minute("triage_turns_total", ("interviewer",))
    assert by == {("model",): 6.0, ("guided",): 8.0}
    assert window.per_minute("triage_turns_total") == {(): 14.0}
    assert window.per_minute("triage_turns_total", interviewer="model") == {(): 6.0}
    assert window.now("triage_turns_total", interviewer="guided") == 5


def test_a_process_that_began_anew_counts_from_zero() -> None:
    """A smaller counter is a new process; what a new target had counted before is not ours."""
    window = Window()
    window.add(0.0, {"a": reading(100, 0)})
    window.add(30.0, {"a": reading(3, 0), "b": reading(50, 0)})
    window.add(60.0, {"a": reading(4, 0), "b": reading(51, 0)})
    assert window.per_minute("triage_turns_total", ("interviewer",))[("model",)] == 5.0


def test_a_target_that_was_away_for_a_moment_does_not_count_twice() -> None:
    """Nothing is known to have happened while it could not be read."""
    window = Window()
    window.add(0.0, {"a": reading(1, 0)})
    window.add(1.0, {})
    window.add(2.0, {"a": reading(2, 0)})
    assert window.grown("triage_turns_total", ("interviewer",)) == {}


def test_one_reading_has_no_rate() -> None:
    """Nothing is made up out of what was counted long ago."""
    window = Window()
    assert window.per_minute("triage_turns_total") == {}
    window.add(0.0, {"a": reading(9, 9)})
    assert window.per_minute("triage_turns_total") == {}


def test_only_the_last_minute_counts() -> None:
    """Older readings leave, but for the one that the minute begins with."""
    window = Window(seconds=60)
    for second in range(0, 200, 10):
        window.add(float(second), {"a": reading(second, 0)})
    assert window.span == 60
    assert window.per_minute("triage_turns_total")[()] == pytest.approx(60)


def test_a_quantile_lies_where_promql_says() -> None:
    """Ten observations, half of them up to 0.1 s and half up to 0.2 s."""
    page = 't_bucket{{le="0.1"}} {}\nt_bucket{{le="0.2"}} {}\nt_bucket{{le="+Inf"}} {}\n'
    window = Window()
    window.add(0.0, {"a": samples_of(page.format(1, 1, 1))})
    window.add(1.0, {"a": samples_of(page.format(6, 11, 11))})
    assert window.quantile(0.5, "t") == pytest.approx(0.1)
    assert window.quantile(0.75, "t") == pytest.approx(0.15)
    assert window.quantile(0.95, "t") == pytest.approx(0.19)
    assert window.quantile(0.5, "nothing") is None
    window.add(2.0, {"a": samples_of(page.format(6, 11, 111))})
    assert window.quantile(0.95, "t") == pytest.approx(0.2)  # beyond the last bound


def crowded() -> Top:
    """Return a moment at which everything is long, late, dear and broken."""
    return Top(
        at_ms=1_764_000_000_000,
        url="http://127.0.0.1:8000",
        span_seconds=60.0,
        targets=(
            Target(address="http://127.0.0.1:8000/metrics", up=True),
            Target(address="http://127.0.0.1:9000/metrics", up=False),
        ),
        active_cases=12_345,
        busy_cases=678,
        orphaned=2,
        handoffs=31,
        streams=987,
        turns_per_minute={"model": 123.4, "guided": 56.7, "human": 8.9},
        failed_turns_per_minute=3.2,
        first_word_p50_seconds=0.412,
        first_word_p95_seconds=12.0,
        overhead_p95_seconds=0.0085,
        calls=(
            CallRate(
                provider="anthropic",
                model="claude-with-a-name-that-goes-on-and-on-20261125",
                per_minute=123.0,
                failed_per_minute=45.6,
                p95_seconds=163.84,
                usd_per_hour=1_234.56,
                passed_over=True,
            ),
        ),
        spend_usd={"hour": 12.34, "day": 1_234.5, "month": 98_765.43},
        budgets=(
            BudgetRow(
                scope="arm:an-experiment-with-a-long-name:its-variation",
                period="month",
                limit_usd=100_000.0,
                spent_usd=98_765.43,
                reserved_usd=1_500.0,
                ends_ms=1,
            ),
            BudgetRow(
                scope="global",
                period="day",
                limit_usd=0.0,
                spent_usd=0.0,
                reserved_usd=0.0,
                ends_ms=1,
            ),
        ),
        queues=(
            QueueRow(
                queue="complex", open=1_234, slots=0, oldest_seconds=8_000.0, done_per_minute=0.0
            ),
        ),
        workers=(
            WorkerView(
                name="a-host-with-a-long-name.example.org-123456-0a1b2c3d",
                slots={"simple": 16, "standard": 8, "complex": 4},
                seen_at=1,
            ),
        ),
        dead={"job": 3, "delivery": 1},
        facts_waiting=0,
        errors=(
            Trouble(what="analysis " + "0" * 32 + ".1 given up: " + "it broke " * 20, at_ms=1),
            Trouble(what="45 × openai gpt-5-mini: rate_limited", at_ms=None),
        ),
    )


@pytest.mark.parametrize("width", [80, 120])
def test_no_line_is_broken(width: int) -> None:
    """In a terminal of 80 columns everything has its place, whatever is told."""
    output = io.StringIO()
    Console(file=output, width=width, highlight=False).print(screen(crowded()))
    lines = output.getvalue().splitlines()
    assert max(map(len, lines)) <= width
    assert len(lines) <= 24
    text = output.getvalue()
    for words in (
        "not reached: http://127.0.0.1:9000/metrics",
        "2 orphaned",
        "31 for a human",
        "3.2 failed",
        "passed over",
        "$100,265.43 of $100,000.00",
        "100%",
        "133 min",
        "3 job, 1 delivery",
        "45 × openai gpt-5-mini: rate_limited",
    ):
        assert words in text, words


def test_a_quiet_moment_says_so() -> None:
    """Nothing stands there that would look like trouble."""
    calm = crowded().__class__(
        at_ms=1,
        url="http://127.0.0.1:8000",
        span_seconds=0.0,
        targets=(Target(address="http://127.0.0.1:8000/metrics", up=True),),
        active_cases=0,
        busy_cases=0,
        orphaned=0,
        handoffs=0,
        streams=0,
        turns_per_minute={"model": 0.0, "guided": 0.0, "human": 0.0},
        failed_turns_per_minute=0.0,
        first_word_p50_seconds=None,
        first_word_p95_seconds=None,
        overhead_p95_seconds=None,
        calls=(),
        spend_usd={"hour": 0.0, "day": 0.0, "month": 0.0},
        budgets=(),
        queues=(),
        workers=(),
        dead={"job": 0, "delivery": 0},
        facts_waiting=0,
        errors=(),
    )
    output = io.StringIO()
    Console(file=output, width=80, highlight=False).print(screen(calm))
    text = output.getvalue()
    assert "no calls" in text
    assert "Workers  none. Start one: triage worker" in text
    assert "Errors   none" in text
    assert "orphaned" not in text
    assert "Given up" not in text
