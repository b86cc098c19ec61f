"""The shipped playbooks: complete, quick to read with, and true to what they promise."""

import re
import time

import pytest

from app.core.playbook.files import load_playbooks
from app.domain.playbook import Playbook

_CODES = {
    "work": "dismissal unpaid_wages overtime harassment accident unregistered pregnancy "
    "domestic_worker",
    "family": "divorce child_support custody paternity guardianship",
    "violence": "domestic sexual threats child_abuse elder_abuse",
    "consumer": "defective_product service_failure improper_charge credit_blacklist "
    "online_purchase telecom air_travel utilities",
    "banking": "fraud unrequested_loan overindebtedness repossession account_block",
    "housing": "eviction rent condominium purchase land_title neighbours",
    "health": "plan_denial public_care malpractice",
    "social_security": "retirement disability_benefit assistance_benefit survivor_pension "
    "maternity_pay",
    "criminal": "arrest accusation property_crime honour",
    "traffic": "accident fine licence",
    "inheritance": "probate will dispute",
    "tax": "income property_tax enforcement small_business",
    "digital": "data_leak intimate_images account_takeover fake_profile",
    "discrimination": "race gender_identity disability religion",
    "migration": "documents refuge nationality deportation",
    "education": "enrolment fees bullying",
    "public_sector": "police_abuse public_exam civil_registry public_servant",
    "business": "contract debt_collection partners",
}

_RED_FLAGS = (
    "domestic_violence sexual_violence child_in_danger elder_in_danger threat_to_life self_harm "
    "imprisonment eviction_today deadline_running medical_emergency forced_labour "
    "essential_service_cut deportation intimate_images fraud_in_progress undisclosed"
)


@pytest.fixture(scope="module")
def shipped() -> dict[str, Playbook]:
    """The shipped playbooks, read once."""
    return load_playbooks()


def test_the_legal_taxonomy_is_complete(shipped: dict[str, Playbook]) -> None:
    """Stored cases and labelled stories rest on these codes, so none may vanish or be renamed."""
    legal = shipped["legal_br"]
    assert {area.code: [sub.code for sub in area.subareas] for area in legal.areas} == {
        area: [f"{area}.{sub}" for sub in subs.split()] for area, subs in _CODES.items()
    }
    assert [flag.code for flag in legal.red_flags] == _RED_FLAGS.split()
    assert legal.locales == ("pt-BR", "en")


def test_the_support_taxonomy_is_complete(shipped: dict[str, Playbook]) -> None:
    """The second domain proves that nothing is legal-only."""
    support = shipped["it_support"]
    codes = [area.code for area in support.areas]
    assert codes == ["access", "hardware", "network", "software", "email", "security"]
    assert all(3 <= len(area.subareas) <= 4 for area in support.areas)
    flags = {flag.code for flag in support.red_flags}
    assert flags == {"security_breach", "data_loss", "safety_hazard", "outage"}


@pytest.mark.parametrize(
    ("name", "synonyms", "examples"), [("legal_br", 10, 3), ("it_support", 6, 2)]
)
def test_every_kind_of_problem_can_be_learnt_and_answered(
    shipped: dict[str, Playbook], name: str, synonyms: int, examples: int
) -> None:
    """Each has words and stories to recognise it by, and steps and papers to go on with."""
    playbook = shipped[name]
    for code, sub in playbook.subareas().items():
        for locale in playbook.locales:
            assert len(sub.synonyms[locale]) >= synonyms, (code, locale)
            assert len(sub.examples[locale]) >= examples, (code, locale)
            assert sub.steps.get(locale), (code, locale)
            assert sub.documents.get(locale), (code, locale)


def test_no_story_trains_two_kinds_of_problem(shipped: dict[str, Playbook]) -> None:
    """An example under two codes would teach the classifier a contradiction."""
    for playbook in shipped.values():
        seen: dict[str, str] = {}
        for code, sub in playbook.subareas().items():
            for listed in sub.examples.values():
                for story in listed:
                    assert seen.setdefault(story.casefold(), code) == code, story


@pytest.mark.parametrize(
    "text", ["a" * 6_000, "ele me " * 900, "me bate " * 800, "0" * 6_000, "my husband to me " * 350]
)
def test_no_pattern_is_slow(shipped: dict[str, Playbook], text: str) -> None:
    """The longest message there may be does not keep any pattern busy."""
    for playbook in shipped.values():
        listed = [
            *(flag.patterns for flag in playbook.red_flags),
            *(flag.unless for flag in playbook.red_flags),
            *(signal.patterns for signal in playbook.complexity.signals),
            *(slot.patterns for slot in playbook.slots),
        ]
        for patterns in listed:
            for pattern in (one for each in patterns.values() for one in each):
                compiled = re.compile(pattern)
                start = time.process_time()
                list(compiled.finditer(text))
                assert time.process_time() - start < 1.0, pattern


def test_people_are_told_for_how_long_their_conversation_is_kept(
    shipped: dict[str, Playbook],
) -> None:
    """The notice that everybody reads first names the days, in every language, and they hold."""
    for playbook in shipped.values():
        days = playbook.retention.conversation_days
        assert days is not None
        assert max(playbook.ttl.active, playbook.ttl.completed) == days * 86_400
        for locale in playbook.locales:
            assert f" {days} " in playbook.notice[locale], (playbook.id, locale)
        assert playbook.retention.facts_months <= 24


def test_every_legal_danger_is_on_the_list_that_everybody_sees(
    shipped: dict[str, Playbook],
) -> None:
    """Each has a line of its own, and there is a way to say none, and a way to say nothing."""
    legal = shipped["legal_br"]
    screening = legal.screening
    assert screening is not None
    assert screening.besides
    assert screening.phase == legal.phases[0].name
    assert screening.when is not None
    assert not screening.when.calm
    raised = {
        value: flag.code
        for flag in legal.red_flags
        for answer in flag.answers
        if answer.slot == screening.name
        for value in answer.equals
    }
    assert sorted(raised.values()) == sorted(flag.code for flag in legal.red_flags)
    assert [one.value for one in screening.options if one.value not in raised] == ["none"]
    assert [one.value for one in screening.options if one.unsaid] == ["undisclosed"]
    calling = next(flag for flag in legal.red_flags if flag.code == "undisclosed")
    assert calling.handoff
