"""A form on its own: which fields there are, which are shown, and what is taken of the answers."""

from collections.abc import Mapping, Sequence
from datetime import date

import pytest
from msgspec.structs import replace

from app.core.form import fields_of, form_of, is_offered, lines_of, taken, values_of
from app.core.playbook.files import load_playbooks
from app.domain.assignment import CONVERSATIONAL, STRUCTURED
from app.domain.case import Fill
from app.domain.errors import FormInvalid, FormNotFound
from app.domain.playbook import Condition, Playbook
from tests.support.claims import new_state
from tests.support.playbooks import tiny_playbook

TODAY = date(2026, 3, 1)
TINY = tiny_playbook()
LEGAL = load_playbooks()["legal_br"]
ANSWERS: Mapping[str, str | Sequence[str]] = {
    "story": "Water is dripping from the ceiling.",
    "when": "2026-02",
    "wish": "Repair it.",
    "tenure": "own",
}


def fill(given: Mapping[str, str | Sequence[str]], playbook: Playbook = TINY) -> Fill:
    """Take answers in."""
    return taken(playbook, "en", given, TODAY)


def mistakes(
    given: Mapping[str, str | Sequence[str]], locale: str = "en", playbook: Playbook = TINY
) -> dict[str, str]:
    """Return what is wrong with answers: kinds of mistake by field."""
    with pytest.raises(FormInvalid) as caught:
        taken(playbook, locale, given, TODAY)
    return {one.field: one.code for one in caught.value.mistakes}


def test_only_the_structured_intake_has_a_form() -> None:
    """And only where its playbook has one; without, it is held as a conversation."""
    formless = replace(TINY, form=None)
    structured = new_state(TINY, variant=STRUCTURED)
    assert is_offered(TINY, structured)
    assert form_of(TINY, structured) is TINY.form
    for playbook, state in (
        (TINY, new_state(TINY, variant=CONVERSATIONAL)),
        (formless, structured),
    ):
        assert not is_offered(playbook, state)
        with pytest.raises(FormNotFound):
            form_of(playbook, state)
    assert fields_of(formless) == ()


def test_answers_are_kept_as_they_were_given_and_in_the_forms_order() -> None:
    """Only space and control characters around them go; what was told is named, the story first."""
    backwards = dict(reversed({**ANSWERS, "story": "  It drips.\x00 "}.items()))
    found = fill(backwards)
    assert list(found.answers) == ["story", "when", "wish", "tenure"]
    assert found.answers["story"] == "It drips."
    assert found.told == ("story", "wish")
    assert found.text == "It drips.\nRepair it."


@pytest.mark.parametrize(
    ("field", "given", "value"),
    [
        ("when", "2026-02-28", "2026-02-28"),
        ("when", "2026-02", "2026-02"),
        ("when", "yesterday", "2026-02-28"),
        ("when", "March 2024", "2024-03"),
        ("amount", "1500.50", "1500.50"),
        ("amount", "R$ 1.500,00", "1500.00"),
        ("rooms", "two", "2"),
        ("place", "I live in Recife", "Recife"),
        ("place", "01310-100", "01310-100"),
        ("water_off", "no", "no"),
        ("tenure", ["own"], "own"),
    ],
)
def test_each_kind_of_answer_is_read_as_such(field: str, given: str, value: str) -> None:
    """As its slot's question would be answered in a conversation."""
    found = values_of(TINY, fill({**ANSWERS, field: given}), "en", TODAY)
    assert found[field] == value


@pytest.mark.parametrize(
    ("field", "given", "code"),
    [
        ("story", "", "required"),
        ("story", " \n\t", "required"),
        ("tenure", [], "required"),
        ("tenure", "castle", "unknown_option"),
        ("tenure", "Owned", "unknown_option"),
        ("tenure", ["own", "rent"], "only_one"),
        ("wish", ["a", "b"], "only_one"),
        ("water_off", "perhaps", "unknown_option"),
        ("when", "xyz", "not_a_date"),
        ("amount", "a lot", "not_a_number"),
        ("rooms", "some", "not_a_number"),
        ("story", "x" * 2_001, "too_long"),
        ("wish", "x" * 501, "too_long"),
        ("place", "x" * 121, "too_long"),
        ("colour", "blue", "unknown_field"),
    ],
)
def test_what_cannot_be_taken_is_said(field: str, given: str, code: str) -> None:
    """One mistake for one field; a slot that the form does not ask for is unknown to it as well."""
    assert mistakes({**ANSWERS, field: given}) == {field: code}


def test_all_mistakes_are_told_at_once_in_the_cases_language() -> None:
    """Whoever fills in a form does not have to find them one by one."""
    assert mistakes({}) == dict.fromkeys(("story", "when", "wish", "tenure"), "required")
    with pytest.raises(FormInvalid) as caught:
        taken(TINY, "pt-BR", {**ANSWERS, "story": "x" * 2_001, "tenure": "castle"}, TODAY)
    assert [one.detail for one in caught.value.mistakes] == [
        "O texto é longo demais: cabem 2000 caracteres.",
        "Escolha uma das opções.",
    ]


def test_a_hidden_field_is_neither_needed_nor_taken() -> None:
    """What it says is not even looked at."""
    rented = {**ANSWERS, "tenure": "rent", "rooms": "xyz"}
    assert "rooms" not in fill(rented).answers
    assert fill({**ANSWERS, "rooms": "3"}).answers["rooms"] == "3"


def test_a_field_takes_over_what_its_slot_says_of_another_field() -> None:
    """A slot that depends on a choice is shown for that choice; of areas a form knows nothing."""
    slots = tuple(
        replace(one, when=Condition(slot="tenure", equals=("rent",), areas=("plumbing",)))
        if one.name == "amount"
        else one
        for one in TINY.slots
    )
    playbook = replace(TINY, slots=slots)
    fields = {one.slot.name: one for one in fields_of(playbook)}
    assert fields["water_off"].shown_when is None
    shown = fields["amount"].shown_when
    assert shown is not None
    assert (shown.slot, shown.equals) == ("tenure", ("rent",))
    assert "amount" not in fill({**ANSWERS, "amount": "5"}, playbook).answers


@pytest.mark.parametrize("said", ["I don't know", "não sei", "not sure"])
def test_whoever_does_not_know_may_say_so(said: str) -> None:
    """It is kept as an answer, and is neither a fact nor anything told."""
    found = fill({**ANSWERS, "when": said, "wish": said})
    assert (found.answers["when"], found.answers["wish"]) == (said, said)
    assert found.told == ("story",)
    assert values_of(TINY, found, "en", TODAY).keys() == {"story", "tenure"}


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        (["threat_to_life", "domestic_violence"], ["domestic_violence", "threat_to_life"]),
        (["none", "self_harm", "none"], ["self_harm"]),
        (["undisclosed", "self_harm"], ["self_harm"]),
        (["none"], ["none"]),
        ("none", ["none"]),
    ],
)
def test_no_danger_is_ticked_away(given: str, kept: list[str]) -> None:
    """Beside a danger, "none of these" does not count; options stand in the playbook's order."""
    answers = {
        "story": "My neighbour shouts.", "when": "2026", "counterparty": "He", "wish": "Peace",
    }  # fmt: skip
    found = fill({**answers, "safety": given}, LEGAL)
    assert found.answers["safety"] == kept
    assert values_of(LEGAL, found, "en", TODAY)["safety"] == ",".join(kept)


def test_people_read_a_form_in_their_own_language() -> None:
    """Labels stand for what was chosen."""
    found = fill({**ANSWERS, "water_off": "no"})
    assert list(lines_of(TINY, found, "pt-BR")) == [
        "O que aconteceu: Water is dripping from the ceiling.",
        "Desde quando: 2026-02",
        "Registro fechado: Não",
        "O que deseja: Repair it.",
        "A casa é: Própria",
    ]


@pytest.mark.parametrize("name", ["legal_br", "it_support"])
def test_the_shipped_forms_are_short_and_ask_for_danger(name: str) -> None:
    """A dozen questions at most, the story first; whoever answers only the required is done."""
    playbook = load_playbooks()[name]
    fields = fields_of(playbook)
    assert len(fields) <= 12
    assert fields[0].slot.name == "story"
    assert fields[0].plan.long
    answers: dict[str, str | list[str]] = {}
    for one in fields:
        if one.required:
            value = one.options[-1] if one.options else "yesterday"
            answers[one.slot.name] = [value] if one.slot.several else value
    assert fill(answers, playbook).answers == answers
    raising = {answer.slot for flag in playbook.red_flags for answer in flag.answers}
    assert raising & {one.slot.name for one in fields if one.required}
