"""Mistakes in areas, flags, complexity, models and retention are named with line and field."""

from pathlib import Path

import pytest

from tests.support.playbook_files import assert_named

_BROKEN = {
    "sub-area twice": (
        'code = "plants.tree"',
        'code = "plants.lawn"',
        'code = "plants.tree"',
        "areas[0].subareas[1].code",
        "already at areas[0].subareas[0]",
    ),
    "sub-area of another area": (
        'code = "plants.tree"',
        'code = "animals.tree"',
        'code = "plants.tree"',
        "areas[0].subareas[1].code",
        "expected 'plants.…'",
    ),
    "area with a dot": (
        'code = "plants"',
        'code = "plants.all"',
        'code = "plants"',
        "areas[0].code",
        "has a dot",
    ),
    "red flag answer of an unknown slot": (
        'answers = [{ slot = "poison"',
        'answers = [{ slot = "venom"',
        "answers =",
        "red_flags[0].answers[0].slot",
        "unknown slot 'venom'",
    ),
    "red flag answer with an impossible value": (
        'equals = ["yes"]',
        'equals = ["yes", "lots"]',
        "answers =",
        "red_flags[0].answers[0].equals[1]",
        "'lots' is no value of 'poison'",
    ),
    "red flag answer of free text": (
        'answers = [{ slot = "poison"',
        'answers = [{ slot = "story"',
        "answers =",
        "red_flags[0].answers[0].slot",
        "expected yes_no or choice",
    ),
    "thresholds upside down": (
        "high = 3.0",
        "high = 1.5",
        "high = 3.0",
        "complexity.high",
        "not above medium = 1.5",
    ),
    "signal of an unknown area": (
        'areas = ["plants.tree"]',
        'areas = ["plants.bush"]',
        'areas = ["plants.tree"]',
        "complexity.signals[0].areas[0]",
        "unknown area 'plants.bush'",
    ),
    "signal that can never hold": (
        'words.en = ["park"]\nareas = ["plants.tree"]\n',
        "",
        "[[complexity.signals]]",
        "complexity.signals[0]",
        "can never hold",
    ),
    "no model": (
        'small = { openai = "tiny" }',
        "small = {}",
        "small =",
        "models.small",
        "empty",
    ),
    "nameless strong model": (
        'strong = { openai = "big" }',
        'strong = { openai = " " }',
        "strong =",
        "models.strong.openai",
        "name of a model",
    ),
    "nameless judge": (
        'judge = { anthropic = "wise" }',
        'judge = { anthropic = "" }',
        "judge =",
        "models.judge.anthropic",
        "name of a model",
    ),
    "model of nobody": (
        'strong = { openai = "big" }',
        'strong = { acme = "big" }',
        "strong =",
        "models.strong.acme",
        "acme",
    ),
    "unknown strategy": (
        'strategy = { high = "failover" }',
        'strategy = { high = "best" }',
        "strategy =",
        "analysis.strategy.high",
        "best",
    ),
    "strategy of no complexity": (
        'strategy = { high = "failover" }',
        'strategy = { huge = "simple" }',
        "strategy =",
        "analysis.strategy.huge",
        "low, medium, high",
    ),
    "cache for ever": (
        "cache_seconds = { simple = 60 }",
        "cache_seconds = { simple = 99999999 }",
        "cache_seconds =",
        "analysis.cache_seconds.simple",
        "<= 2592000",
    ),
    "suggestion of an unknown kind": (
        "patterns.en = [",
        'suggests = ["plants.moss"]\npatterns.en = [',
        "patterns.en =",
        "red_flags[0].suggests[0]",
        "unknown area 'plants.moss'",
    ),
    "flag of an unknown kind": (
        "patterns.en = [",
        'areas = ["moss"]\npatterns.en = [',
        "patterns.en =",
        "red_flags[0].areas[0]",
        "unknown area 'moss'",
    ),
    "a case that lives longer than is promised": (
        "conversation_days = 40",
        "conversation_days = 29",
        "conversation_days =",
        "retention.conversation_days",
        "29, but [ttl] lets a case live for 30 days (completed); expected at least that",
    ),
    "facts that are kept for ever": (
        "facts_months = 12",
        "facts_months = 1200",
        "facts_months =",
        "retention.facts_months",
        "<= 120",
    ),
    "retention that is none": (
        "facts_months = 12",
        "fact_months = 12",
        "facts_months =",
        "retention.fact_months",
        "fact_months",
    ),
}


@pytest.mark.parametrize("case", _BROKEN)
def test_a_mistake_in_judgement_is_named_with_its_line_and_field(case: str, tmp_path: Path) -> None:
    """Each kind of mistake is reported as `file:line: field: reason`."""
    assert_named(_BROKEN[case], tmp_path)
