"""Questions that can be put to a playbook itself."""

import pytest
from msgspec.structs import replace

from app.domain.playbook import LEVEL_ORDER, URGENCY_ORDER, Models, UrgencyLevel, more_urgent
from tests.support.playbooks import tiny_playbook

PLAYBOOK = tiny_playbook()


@pytest.mark.parametrize("one", URGENCY_ORDER)
@pytest.mark.parametrize("other", URGENCY_ORDER)
def test_the_more_urgent_wins_whichever_comes_first(one: UrgencyLevel, other: UrgencyLevel) -> None:
    """Urgency is never lowered by the order in which it is found."""
    order = URGENCY_ORDER
    higher = order[max(order.index(one), order.index(other))]
    assert more_urgent(one, other) == more_urgent(other, one) == higher


def test_leaves_are_found_by_their_code() -> None:
    """Every sub-area is there once."""
    leaves = PLAYBOOK.subareas()
    assert set(leaves) == {sub.code for area in PLAYBOOK.areas for sub in area.subareas}


def test_slots_are_found_by_their_name() -> None:
    """A name that is none finds nothing."""
    first = PLAYBOOK.slots[0]
    assert PLAYBOOK.slot(first.name) is first
    assert PLAYBOOK.slot("no_such_slot") is None


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        ("en", "en"),
        ("en-GB", "en"),
        ("pt", "pt-BR"),
        ("pt-PT", "pt-BR"),
        ("fr", "pt-BR"),
        (None, "pt-BR"),
    ],
)
def test_the_nearest_locale_is_taken(wanted: str | None, found: str) -> None:
    """Exactly, else the same language, else the playbook's own."""
    assert PLAYBOOK.locale(wanted) == found


def test_a_playbook_that_plans_nothing_has_the_usual_strategies() -> None:
    """One for each complexity, and a life for what each may be used again for."""
    plan = PLAYBOOK.analysis
    planned = [plan.planned(level) for level in LEVEL_ORDER]
    assert planned == ["simple", "failover", "ensemble"]
    seconds = plan.cache_seconds
    assert min(seconds.simple, seconds.failover, seconds.ensemble) > 0


def test_a_job_without_models_of_its_own_gets_the_next_best() -> None:
    """The strong ones are the interview's, the judge's are the strong ones."""
    models = Models(interview={"openai": "talk"}, small={"openai": "small"})
    assert models.analysing() == models.judging() == {"openai": "talk"}
    strong = replace(models, strong={"anthropic": "deep"})
    assert strong.analysing() == strong.judging() == {"anthropic": "deep"}
    assert replace(strong, judge={"openai": "just"}).judging() == {"openai": "just"}
