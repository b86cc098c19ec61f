"""What is understood of the kept stories does not get worse; only sums of them are looked at."""

from datetime import date
from pathlib import Path

import pytest

from app.core.evaluation.rehearsal import Rehearsal, rehearse
from app.core.evaluation.stories import Report, Story, read_stories, replay, report
from app.core.playbook.files import load_playbooks
from app.core.understanding.running import Understanding
from app.domain.playbook import Playbook

pytestmark = pytest.mark.timeout(600)  # thousands of turns, on a machine in use
KEPT = Path(__file__).parents[3] / "app" / "playbooks" / "stories" / "legal_br.kept.jsonl"
TODAY = date(2026, 1, 15)
FLOORS = {"flags": 181, "sub-area": 406, "area": 423, "abstained": 34}
"""Of 197 red flags, 475 stories with a kind, and 38 out of scope."""
CALM_AT_FIRST, CALM_BY_THE_END = 48, 53
"""The most of 344 calm stories that may raise a red flag."""


class Understood:
    """The shipped legal playbook on the kept stories."""

    def __init__(self) -> None:
        """Read both."""
        self._playbook: Playbook = load_playbooks()["legal_br"]
        self._rules = Understanding(self._playbook)
        self._stories: list[Story] = read_stories(KEPT)

    def first(self) -> Report:
        """Return what is understood of first messages."""
        told = replay(self._playbook, self._rules, self._stories, TODAY)
        return report(self._playbook, "kept", told)

    def whole(self) -> Rehearsal:
        """Return how whole interviews go, with truthful answers."""
        return rehearse(self._playbook, self._rules, self._stories, TODAY)


@pytest.fixture(scope="module")
def understood() -> Understood:
    """The playbook and the stories, read once."""
    return Understood()


def test_no_red_flag_is_missed_by_the_end_of_an_interview(understood: Understood) -> None:
    """Everybody is asked, within the limits; who answers truthfully is heard."""
    held = understood.whole()
    assert (len(held.missed), held.flags_found.hits) == (0, held.flags_found.n)
    assert held.screened.hits == held.complete.hits == held.interviews
    assert held.within_budget.hits == held.all_known.hits == held.interviews
    assert held.calm_alarms.hits <= CALM_BY_THE_END


def test_first_messages_are_understood_as_well_as_they_were(understood: Understood) -> None:
    """The figures of docs/accuracy.md are floors, and false alarms have a ceiling."""
    overall = understood.first().overall
    shares = {
        "flags": overall.flags_found,
        "sub-area": overall.accuracy,
        "area": overall.area_accuracy,
        "abstained": overall.out_of_scope_abstained,
    }
    assert {name: one.hits for name, one in shares.items() if one.hits < FLOORS[name]} == {}
    assert overall.calm_alarms.hits <= CALM_AT_FIRST
