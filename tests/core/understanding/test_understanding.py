"""The rules' running understanding."""

from datetime import date

from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from app.core.understanding.running import Understanding
from app.domain.assessment import Assessment, SlotValue
from app.domain.case import CaseState
from app.domain.playbook import LEVEL_ORDER
from tests.support.playbooks import tiny_playbook

PLAYBOOK = tiny_playbook()
RULES = Understanding(PLAYBOOK)
TODAY = date(2025, 6, 18)
NEW = CaseState(
    case_id="c",
    playbook=PLAYBOOK.id,
    playbook_version=PLAYBOOK.version,
    locale="pt-BR",
    variant="v1",
    created_at=1_750_248_000_000,
    updated_at=1_750_248_000_000,
)


def told(message: str, state: CaseState = NEW, turn: int = 1) -> Assessment:
    """Return the assessment after a message in a case without earlier ones."""
    return RULES.read(state, (), turn, message, TODAY)


def test_the_first_message_is_the_story() -> None:
    """The first message fills the story, and what can be found in it fills other slots."""
    read = told("Desde ontem tem água pingando do teto")
    assert read.slots["story"] == SlotValue(
        value="Desde ontem tem água pingando do teto", turn=1, source="rules"
    )
    assert read.slots["when"].value == "2025-06-17"
    assert read.candidates[0].code == "plumbing.leak"
    assert read.confidence == read.candidates[0].confidence
    assert read.missing == ("wish",)


def test_a_greeting_is_no_story() -> None:
    """Somebody who only says hello has not told anything yet."""
    assert "story" in told("oi, bom dia").missing


def test_an_answer_fills_the_slot_that_was_asked_for() -> None:
    """The last question decides how a message is read."""
    read = told("Ana", replace(NEW, asking="name"), turn=2)
    assert read.slots["name"] == SlotValue(value="Ana", turn=2, source="rules")
    assert "story" not in read.slots


def test_not_knowing_fills_nothing() -> None:
    """Somebody who does not know has not answered."""
    assert told("não sei", replace(NEW, asking="wish"), turn=2).slots == {}


def test_a_correction_is_never_overwritten() -> None:
    """What the person has set stays as they set it, whatever they say later."""
    fixed = replace(NEW, assessment=RULES.correct(NEW, "when", "março de 2024", 2))
    assert fixed.assessment.slots["when"] == SlotValue(value="2024-03", turn=2, source="person")
    later = RULES.read(replace(fixed, asking="when"), (), 3, "foi ontem", TODAY)
    assert later.slots["when"].value == "2024-03"


def test_an_empty_correction_removes_the_fact() -> None:
    """A fact that is taken back is missing again."""
    state = replace(NEW, assessment=told("Desde ontem tem água pingando do teto"))
    assert RULES.correct(state, "when", "", 2).missing == ("when", "wish")


def test_a_correction_that_cannot_be_read_is_kept_as_it_stands() -> None:
    """The person has the last word."""
    assert RULES.correct(NEW, "amount", "umas moedas", 2).slots["amount"].value == "umas moedas"


def test_a_corrected_story_is_classified_anew() -> None:
    """A new story brings a new kind, and danger in it counts."""
    state = replace(NEW, assessment=told("Tem água pingando do teto"))
    read = RULES.correct(state, "story", "A tomada faísca e tem cheiro de gás", 2)
    assert read.candidates[0].code == "electric.socket"
    assert [flag.code for flag in read.red_flags] == ["gas_smell"]


def test_flags_cite_the_turn_that_raised_them_and_stay() -> None:
    """A red flag is raised once and never goes away, though the person calms down."""
    state = replace(NEW, assessment=told("tem cheiro de gás na cozinha"))
    later = RULES.read(state, (), 2, "não tem cheiro de gás", TODAY)
    assert [(flag.code, flag.turn) for flag in later.red_flags] == [("gas_smell", 1)]


def test_an_answer_can_raise_a_flag() -> None:
    """An answer that means danger raises its flag in the turn it is given."""
    read = told("não", replace(NEW, asking="water_off"), turn=4)
    assert [(flag.code, flag.turn) for flag in read.red_flags] == [("flooding", 4)]


def test_signals_add_up_to_complexity() -> None:
    """Words, patterns, areas, flags and length add up against the playbook's thresholds."""
    assert told("pia entupida").complexity == "low"
    assert told("pia entupida, a seguradora negou").signals == ("insurance",)
    assert told("pia entupida, a seguradora negou").complexity == "medium"
    grave = told("tomada com faísca, cheiro de gás em 3 quartos, a seguradora negou")
    assert grave.signals == ("insurance", "many_rooms", "wiring")
    assert grave.complexity == "high"


def test_a_signal_of_an_area_follows_the_area_and_one_of_words_stays() -> None:
    """Once an insurer was mentioned it remains so; the area may still change."""
    first = told("a tomada faísca, o seguro negou")
    assert first.signals == ("insurance", "wiring")
    state = replace(NEW, assessment=first)
    said = ("a tomada faísca, o seguro negou",)
    later = RULES.read(state, said, 2, "na verdade é vazamento, cano furado, goteira", TODAY)
    assert later.candidates[0].code == "plumbing.leak"
    assert later.signals == ("insurance",)


@given(st.lists(st.text(max_size=60), max_size=5), st.sampled_from([None, "when", "name", "rooms"]))
def test_any_conversation_can_be_read(messages: list[str], asking: str | None) -> None:
    """No message raises, flags only grow, and shares are shares."""
    state = replace(NEW, asking=asking)
    said: list[str] = []
    for turn, message in enumerate(messages, 1):
        read = RULES.read(state, said, turn, message, TODAY)
        assert read.red_flags[: len(state.assessment.red_flags)] == state.assessment.red_flags
        assert 0 <= read.confidence <= 1
        assert read.complexity in LEVEL_ORDER
        assert not set(read.missing) & set(read.slots)
        state = replace(state, assessment=read)
        said.append(message)


def test_a_kind_that_is_a_danger_raises_its_flag_once_it_is_sure() -> None:
    """A case that is surely of such a kind raises the flag; an unsure one does not."""
    flags = tuple(replace(flag, areas=("electric.socket",)) for flag in PLAYBOOK.red_flags[:1])
    rules = Understanding(replace(PLAYBOOK, red_flags=flags))
    sure = rules.read(NEW, (), 1, "a tomada solta faísca, a tomada dá choque", TODAY)
    assert sure.candidates[0].code == "electric.socket"
    assert sure.candidates[0].confidence >= 0.7
    assert [flag.code for flag in sure.red_flags] == [flags[0].code]
    assert rules.read(NEW, (), 1, "a pia está entupida", TODAY).red_flags == ()
