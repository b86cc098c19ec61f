"""Figures of labelled stories."""

import math
from datetime import date
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core.evaluation.rehearsal import rehearse
from app.core.evaluation.stories import (
    Outcome,
    Story,
    calibration_error,
    macro_f1,
    rate,
    read_stories,
    replay,
    report,
)
from app.core.understanding.running import Understanding
from app.domain.assessment import Candidate
from app.domain.errors import InvalidInput
from tests.support.playbooks import tiny_playbook

PLAYBOOK = tiny_playbook()
RULES = Understanding(PLAYBOOK)
TODAY = date(2025, 6, 18)
STORIES = [
    Story(id="a", locale="pt-BR", text="pia entupida", code="plumbing.blockage", tags=("short",)),
    Story(id="b", locale="en", text="the sink is clogged, smell of gas", code="plumbing.blockage",
          red_flags=("gas_smell", "flooding")),
    Story(id="c", locale="en", text="my dog is ill", code=None),
    Story(id="d", locale="en", text="the boiler is cold", code="plumbing.leak",
          also=("heating.boiler",)),
]  # fmt: skip


def outcome(code: str | None, confidence: float, *, right: str | None) -> Outcome:
    """Return an outcome whose leading candidate is given."""
    top = (Candidate(code=code, confidence=confidence),) if code else ()
    story = Story(id="x", locale="en", text="x", code=right)
    return Outcome(story=story, candidates=top, answered=confidence >= 0.5, red_flags=())


def test_a_replay_tells_every_story_once() -> None:
    """Stories are understood as first messages; figures count them as labelled."""
    found = report(PLAYBOOK, "mine", replay(PLAYBOOK, RULES, STORIES, TODAY))
    assert (found.overall.accuracy.hits, found.overall.accuracy.n) == (3, 3)
    assert found.overall.out_of_scope_abstained.value == 1.0
    assert (found.overall.flags_found.hits, found.overall.flags_found.n) == (1, 2)
    assert [(one.story, one.red_flag) for one in found.missed] == [("b", "flooding")]
    assert [group.name for group in found.by_locale] == ["en", "pt-BR"]
    assert [group.name for group in found.by_tag] == ["short"]
    assert found.macro_f1 == 1.0


def test_abstaining_is_no_mistake_and_no_hit() -> None:
    """Coverage and accuracy when answered are told apart; confusions name both codes."""
    outcomes = [
        outcome("plumbing.leak", 0.9, right="plumbing.leak"),
        outcome("plumbing.leak", 0.4, right="plumbing.blockage"),
        outcome("electric.outage", 0.8, right="plumbing.blockage"),
        outcome(None, 0.0, right="heating.boiler"),
    ]
    found = report(PLAYBOOK, "mine", outcomes)
    assert found.overall.accuracy.value == 0.25
    assert found.overall.area_accuracy.value == 0.5
    assert found.overall.coverage.value == 0.5
    assert found.overall.accuracy_answered.value == 0.5
    assert {(one.right, one.taken_for) for one in found.confusions} == {
        ("plumbing.blockage", "plumbing.leak"),
        ("plumbing.blockage", "electric.outage"),
        ("heating.boiler", "nothing"),
    }


def test_the_interval_is_wilsons() -> None:
    """The interval agrees with the published example and knows nothing from nothing."""
    one = rate(8, 10)
    assert one.low == pytest.approx(0.4902, abs=1e-4)
    assert one.high == pytest.approx(0.9433, abs=1e-4)
    assert rate(0, 0).value is None
    assert (rate(0, 0).low, rate(0, 0).high) == (0.0, 1.0)


@given(st.integers(1, 500).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_the_interval_holds_the_share(counts: tuple[int, int]) -> None:
    """The share lies within its interval, and the interval between nothing and everything."""
    one = rate(*counts)
    assert one.value is not None
    assert -1e-12 <= one.low <= one.value + 1e-12
    assert one.value - 1e-12 <= one.high <= 1 + 1e-12


def test_macro_f1_counts_every_class_alike() -> None:
    """A class that is never found weighs as much as one that always is."""
    assert macro_f1([("a", "a"), ("a", "a"), ("b", "a")]) == pytest.approx((0.8 + 0.0) / 2)
    assert macro_f1([]) is None


def test_calibration_error_is_the_gap_between_confidence_and_truth() -> None:
    """Half right at a confidence of 0.9 is an error of 0.4; nothing judged has none."""
    assert calibration_error([(0.9, True), (0.9, False)]) == pytest.approx(0.4)
    assert calibration_error([]) is None


@given(st.lists(st.tuples(st.floats(0, 1), st.booleans()), min_size=1))
def test_calibration_error_is_a_share(judged: list[tuple[float, bool]]) -> None:
    """It lies between 0 and 1."""
    error = calibration_error(judged)
    assert error is not None
    assert -1e-9 <= error <= 1 + 1e-9
    assert not math.isnan(error)


def test_interviews_end_within_their_limits() -> None:
    """The scripted person is asked enough and not too much."""
    held = rehearse(PLAYBOOK, RULES, STORIES, TODAY)
    assert held.interviews == 4
    assert held.complete.value == 1.0
    assert held.within_budget.value == 1.0
    assert held.questions_most <= 9


def test_a_line_that_is_no_story_is_named(tmp_path: Path) -> None:
    """A mistake in a file of stories is reported with its line."""
    path = tmp_path / "stories.jsonl"
    path.write_text('{"id": "a", "locale": "en", "text": "x", "code": null}\n{"id": 1}\n')
    with pytest.raises(InvalidInput, match=r"stories\.jsonl:2"):
        read_stories(path)
    with pytest.raises(InvalidInput, match="no such file"):
        read_stories(tmp_path / "none.jsonl")
