"""Comparing what models found, and bringing it together."""

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core.analysis.documents import ModelAnalysis, ModelVerdict
from app.core.analysis.judging import differ, named, pooled, ranked, together
from app.domain.assessment import Candidate
from app.domain.playbook import URGENCY_ORDER
from tests.support.replies import analysis_document

CODES = ("a.one", "a.two", "b.one", "b.two")


def analysis(candidates: dict[str, float], **changes: Any) -> ModelAnalysis:
    """Return an analysis that names these candidates."""
    shares = [{"code": code, "confidence": share} for code, share in candidates.items()]
    return msgspec.convert(analysis_document(candidates=shares, **changes), ModelAnalysis)


def verdict(code: str, confidence: float = 0.8) -> ModelVerdict:
    """Return a judge's verdict."""
    return ModelVerdict(justification=" Message 1 says so. ", verdict=code, confidence=confidence)


def shares(candidates: tuple[Candidate, ...]) -> dict[str, float]:
    """Return candidates as a mapping, in their order."""
    return {one.code: round(one.confidence, 4) for one in candidates}


def test_a_single_analysis_stands_as_it_is() -> None:
    """Nothing differs, and its own report is the report."""
    found = together([analysis({"a.two": 0.2, "a.one": 0.7})])
    assert shares(found.candidates) == {"a.one": 0.7, "a.two": 0.2}
    assert found.report.plain == "Your ceiling drips."
    assert found.differences == ()
    assert not found.undecided


def test_two_that_agree_are_as_sure_as_their_mean() -> None:
    """A code that only one of them names counts half."""
    found = together([analysis({"a.one": 0.9}), analysis({"a.one": 0.5, "b.one": 0.4})])
    assert shares(found.candidates) == {"a.one": 0.7, "b.one": 0.2}
    assert found.differences == ()
    assert not found.undecided


def test_probabilities_are_made_to_fit() -> None:
    """A code is counted once, and all together are at most certain."""
    doubled = analysis({"a.one": 1.0, "b.one": 1.0}).candidates
    assert shares(ranked([*doubled, *doubled])) == {"a.one": 0.5, "b.one": 0.5}


def test_the_higher_urgency_counts_with_its_reason_and_is_noted() -> None:
    """Whoever of them saw it."""
    calm = analysis({"a.one": 0.9}, urgency="low", urgency_reason="All is calm.")
    alarmed = analysis({"a.one": 0.9}, urgency="high", urgency_reason="It burns.")
    for order in ([calm, alarmed], [alarmed, calm]):
        found = together(order)
        assert (found.urgency, found.urgency_reason) == ("high", "It burns.")
    assert found.differences == ("urgency: high | low",)


def test_a_verdict_leads_with_its_own_probability() -> None:
    """The others share what it leaves, and the report is that of whom the judge agrees with."""
    first = analysis({"a.one": 0.9, "b.two": 0.1}, plain="First.")
    second = analysis({"b.one": 0.9}, plain="Second.")
    found = together([first, second], verdict("b.one", 0.8))
    assert shares(found.candidates) == {"b.one": 0.8, "a.one": 0.18, "b.two": 0.02}
    assert found.report.plain == "Second."
    assert found.justification == "Message 1 says so."
    assert found.differences == ("classification: a.one | b.one",)
    assert not found.undecided
    assert not found.nowhere


def test_a_judge_may_find_that_neither_is_right() -> None:
    """Then the case fits nowhere, whatever the candidates' probabilities."""
    found = together([analysis({"a.one": 0.9}), analysis({"b.one": 0.9})], verdict("none"))
    assert found.nowhere
    assert not found.undecided
    assert shares(found.candidates) == {"a.one": 0.45, "b.one": 0.45}


def test_without_a_verdict_the_mean_leads_and_it_is_undecided() -> None:
    """A human should look."""
    found = together([analysis({"a.one": 0.9}), analysis({"b.one": 0.5})])
    assert found.undecided
    assert found.candidates[0].code == "a.one"


@pytest.mark.parametrize(
    ("one", "other", "differing"),
    [
        ({"a.one": 0.9}, {"a.one": 0.3, "b.one": 0.2}, False),
        ({"a.one": 0.9}, {"a.two": 0.9}, True),
        ({"a.one": 0.9}, {}, True),
        ({}, {}, False),
    ],
)
def test_only_the_leading_codes_are_compared(
    one: dict[str, float], other: dict[str, float], differing: bool
) -> None:
    """To name none is a classification of its own."""
    pair = [analysis(one), analysis(other)]
    assert differ(pair) is differing
    assert together(pair).undecided is differing
    assert named(pair) == {*one, *other}


opinions = st.lists(
    st.dictionaries(st.sampled_from(CODES), st.floats(0, 1), max_size=4), min_size=1, max_size=3
)


@given(opinions)
def test_opinions_stay_probabilities(said: list[dict[str, float]]) -> None:
    """Whatever is pooled, candidates are ordered, each once, and sum to at most one."""
    found = pooled([ranked(analysis(one).candidates) for one in said])
    values = [one.confidence for one in found]
    assert values == sorted(values, reverse=True)
    assert len({one.code for one in found}) == len(found)
    assert sum(values) <= 1 + 1e-9


@given(opinions, st.sampled_from(CODES), st.floats(0, 1))
def test_a_verdict_stands_first_whatever_it_is_put_upon(
    said: list[dict[str, float]], code: str, confidence: float
) -> None:
    """With exactly its own probability, and no urgency lower than any that was seen."""
    analyses = [analysis(one, urgency=URGENCY_ORDER[number % 4]) for number, one in enumerate(said)]
    found = together(analyses, verdict(code, confidence))
    assert found.candidates[0].code == code
    assert found.candidates[0].confidence == pytest.approx(confidence)
    assert sum(one.confidence for one in found.candidates) <= 1 + 1e-9
    assert found.urgency == URGENCY_ORDER[min(len(said), 4) - 1]
