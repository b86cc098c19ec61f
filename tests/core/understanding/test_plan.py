"""The interview plan."""

from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from app.core.understanding.plan import (
    budget_of,
    holds,
    is_complete,
    is_unknown,
    missing_slots,
    next_slot,
    wants_to_end,
)
from app.domain.assessment import Assessment, Candidate, SlotValue
from app.domain.case import CaseState
from app.domain.playbook import LEVEL_ORDER, Condition, Level
from tests.support.playbooks import tiny_playbook

PLAYBOOK = tiny_playbook()
LEAK = (Candidate(code="plumbing.leak", confidence=0.8),)


def case(**changes: object) -> CaseState:
    """Return a fresh case with some fields changed."""
    state = CaseState(
        case_id="c",
        playbook=PLAYBOOK.id,
        playbook_version=PLAYBOOK.version,
        locale="pt-BR",
        variant="v1",
        created_at=0,
        updated_at=0,
    )
    return replace(state, **changes)


def known(*names: str, complexity: Level = "low") -> Assessment:
    """Return an assessment in which some slots are known."""
    slots = {name: SlotValue(value="x", turn=1, source="rules") for name in names}
    missing = missing_slots(PLAYBOOK, (), slots, complexity)
    return Assessment(slots=slots, complexity=complexity, missing=missing)


def asked_next(state: CaseState, assessment: Assessment) -> str | None:
    """Return the name of the next slot."""
    slot = next_slot(PLAYBOOK, state, assessment)
    return slot.name if slot else None


def test_phases_come_in_order_and_what_is_required_first_within_them() -> None:
    """The first phase is asked first; in the second, required slots come before others."""
    assert asked_next(case(), known("story")) == "name"
    asked = {"name": 1, "place": 1}
    assert asked_next(case(asked=asked, questions=2), known("story", "amount")) == "when"


def test_a_phase_takes_no_more_questions_than_it_may() -> None:
    """When a phase has used up its questions, the next one begins."""
    asked = {"name": 2}
    assert asked_next(case(asked=asked, questions=2), known("story")) == "when"


def test_a_question_is_put_again_once_and_only_directly() -> None:
    """An unread answer is asked for once more at once, never later."""
    first = case(asking="when", asked={"name": 1, "place": 1, "when": 1}, questions=3)
    assert asked_next(first, known("story")) == "when"
    twice = case(asking="when", asked={"name": 1, "place": 1, "when": 2}, questions=4)
    assert asked_next(twice, known("story")) == "wish"
    later = case(asking="wish", asked={"name": 1, "place": 1, "when": 1, "wish": 1}, questions=4)
    assert asked_next(later, known("story")) == "wish"


def test_what_somebody_does_not_know_is_not_asked_again() -> None:
    """A declined slot is passed over."""
    state = case(asking="when", asked={"when": 1}, questions=1)
    slot = next_slot(PLAYBOOK, state, known("story", "name", "place"), declined=("when",))
    assert slot is not None
    assert slot.name == "wish"


def test_required_slots_keep_their_room() -> None:
    """When only as many questions are left as required slots, optional ones give way."""
    assert asked_next(case(questions=3), known("story")) == "when"


def test_the_technical_phase_opens_for_complex_cases_only() -> None:
    """Everything else known, only a complex case is asked about technicalities."""
    everything = ("name", "place", "story", "when", "wish", "water_off", "amount")
    assert asked_next(case(), known(*everything)) is None
    assert asked_next(case(), known(*everything, complexity="high")) == "tenure"


def test_conditions() -> None:
    """All the given parts of a condition must hold; an area covers its sub-areas."""
    slots = {"tenure": SlotValue(value="rent", turn=1, source="rules")}
    assert holds(None, (), {}, "low")
    assert holds(Condition(areas=("plumbing",)), LEAK, {}, "low")
    assert holds(Condition(areas=("plumbing.leak",)), LEAK, {}, "low")
    assert not holds(Condition(areas=("electric",)), LEAK, {}, "low")
    assert not holds(Condition(areas=("plumbing",)), (), {}, "low")
    assert holds(Condition(slot="tenure"), (), slots, "low")
    assert not holds(Condition(slot="tenure", equals=("own",)), (), slots, "low")
    assert not holds(Condition(slot="tenure", complexity="medium"), (), slots, "low")


def test_the_interview_ends_when_enough_is_known() -> None:
    """Required slots known and the least questions asked: that is enough."""
    enough = known("story", "when", "wish")
    asked = {"name": 1, "amount": 1, "when": 1}
    assert not is_complete(PLAYBOOK, case(asked={"name": 1}, questions=1), enough, False)
    assert is_complete(PLAYBOOK, case(asked=asked, questions=3), enough, False)


def test_the_interview_ends_when_the_person_wants_it_to() -> None:
    """Nobody is kept."""
    assert is_complete(PLAYBOOK, case(), known(), True)


def test_the_interview_ends_at_the_limit() -> None:
    """The most questions of the case's complexity are the most."""
    assert is_complete(PLAYBOOK, case(questions=5), known(), False)
    assert not is_complete(PLAYBOOK, case(questions=5), known(complexity="high"), False)


def test_people_say_that_they_are_done_in_many_ways() -> None:
    """A short message with one of the phrases ends the interview; a story does not."""
    for message in ("É isso.", "só isso mesmo, obrigado", "That's all, thank you", "mais nada não"):
        assert wants_to_end(PLAYBOOK, message, "pt-BR"), message
    for message in (
        "sim",
        "não",
        "só isso que eles fizeram foi mandar um técnico que não resolveu",
        "",
    ):
        assert not wants_to_end(PLAYBOOK, message, "pt-BR"), message


def test_people_say_that_they_do_not_know() -> None:
    """A short message with one of the phrases declines a question."""
    assert is_unknown(PLAYBOOK, "Ah, não sei...")
    assert is_unknown(PLAYBOOK, "not sure")
    assert not is_unknown(PLAYBOOK, "não sei por que mas começou ontem de manhã cedo")


NAMES = [slot.name for slot in PLAYBOOK.slots]


@given(
    st.sets(st.sampled_from(NAMES)),
    st.dictionaries(st.sampled_from(NAMES), st.integers(1, 2)),
    st.sampled_from([None, *NAMES]),
    st.integers(0, 10),
    st.sampled_from(LEVEL_ORDER),
)
def test_every_interview_ends(
    slots: set[str], asked: dict[str, int], asking: str | None, questions: int, level: Level
) -> None:
    """From any state, asking on without ever an answer ends within the limit, no slot thrice."""
    assessment = known(*slots, complexity=level)
    state = case(asked=asked, asking=asking, questions=questions)
    for _ in range(budget_of(PLAYBOOK, level).most + 1):
        if is_complete(PLAYBOOK, state, assessment, False):
            break
        slot = next_slot(PLAYBOOK, state, assessment)
        assert slot is not None
        assert slot.name not in slots
        times = {**state.asked, slot.name: state.asked.get(slot.name, 0) + 1}
        assert times[slot.name] <= 2
        state = replace(state, asked=times, asking=slot.name, questions=state.questions + 1)
    assert is_complete(PLAYBOOK, state, assessment, False)
