"""A submitted form as a turn: read by rules, answered at once, with a whole interview's result."""

from datetime import date

import pytest
from msgspec.structs import replace

from app.core import recording
from app.core.analysis.analyst import Analyst
from app.core.form import taken
from app.core.interview import Interviewer
from app.core.privacy.redaction import Redactor
from app.core.rules import Rules
from app.core.steps import Analysing, Answer, Words
from app.domain.assignment import CONVERSATIONAL, STRUCTURED, Assignment
from app.domain.case import (
    AskHuman,
    Begin,
    Command,
    Conclude,
    Correct,
    Fill,
    Say,
    Take,
)
from app.domain.errors import FormSubmitted
from app.domain.event import HandoffRequested, RedFlagRaised, TurnFailed, decode
from app.domain.facts import Exposure, Fact, TriageCompleted, TriageStarted, TurnEnded
from app.llm.failover import FailoverModel
from app.llm.scripted import ScriptedModel
from tests.support.claims import Talk, claim_of, new_state
from tests.support.playbooks import tiny_playbook

PLAYBOOK = tiny_playbook()
RULES = {PLAYBOOK.id: Rules(PLAYBOOK)}
CLOSING = "Thank you. I have what I need; the result follows."
GAS = "I smell gas in my kitchen."
GAS_ADVICE = "Open the windows, light nothing and leave the house. Call 193.\n\n"
FLOOD_ADVICE = "Shut the main valve now.\n\n"
GIVEN = {
    "story": "Water has been dripping from my bathroom ceiling.",
    "when": "yesterday",
    "wish": "Please repair it.",
    "tenure": "own",
}
EXPERIMENT = Assignment(experiment="greeting", variation="v1", person="p", flags="f")


def form(**changes: str) -> Fill:
    """Return a form as the API hands it over."""
    return taken(PLAYBOOK, "en", {**GIVEN, **changes}, date(2026, 3, 1))


@pytest.fixture
def model() -> ScriptedModel:
    """A model that is there and must not be asked."""
    return ScriptedModel("openai")


@pytest.fixture
def talk(model: ScriptedModel) -> Talk:
    """A case of the structured intake, in an experiment, where models are configured."""
    failover = FailoverModel((model,))
    interviewer = Interviewer(RULES, Analyst(RULES, failover, dict), failover, dict)
    state = replace(new_state(PLAYBOOK, variant=STRUCTURED), assignment=EXPERIMENT)
    return Talk(interviewer, state)


async def facts_of(talk: Talk, command: Command) -> list[Fact]:
    """Take a turn and return the facts that its commit leaves behind."""
    claim = claim_of(talk.state, command, talk.turns)
    answer = await talk.take(command)
    return recording.of_turn(claim, talk.turns[-1], answer)


async def test_a_form_is_a_whole_interview(talk: Talk, model: ScriptedModel) -> None:
    """One turn: everything known, the interview over, the result there, and no model asked."""
    answer = await talk.take(form())
    assert answer.reply == CLOSING
    assert [type(one) for one in talk.steps] == [Words, Analysing, Answer]
    state = answer.state
    assert (state.status, state.form_turn, state.asking) == ("completed", 1, None)
    assert (state.questions, state.said_chars) == (4, len(form().text))
    assert state.assessment.missing == ()
    known = {name: (one.value, one.source) for name, one in state.assessment.slots.items()}
    assert known == {
        "story": (GIVEN["story"], "person"),
        "when": ("2026-02-28", "person"),
        "wish": (GIVEN["wish"], "person"),
        "tenure": ("own", "person"),
    }
    assert answer.result is not None
    assert answer.result.classification.code == "plumbing.leak"
    assert answer.result.provenance.strategy == answer.result.provenance.planned == "guided"
    assert answer.result.provenance.degradations == ()
    assert answer.job is None
    assert model.requests == []


async def test_no_model_is_asked_either_once_the_conversation_goes_on(
    talk: Talk, model: ScriptedModel
) -> None:
    """Not for additions, not for corrections, not for the analysis of a complex case."""
    await talk.take(form())
    complex_ = (
        "My insurer says the insurance does not pay for all of the 4 rooms that are wet. " * 9
    )
    added = await talk.take(Say(text=complex_))
    assert added.state.assessment.complexity == "medium", "for v2 a strong model's work"
    assert added.result is not None
    assert added.result.provenance.planned == "guided"
    corrected = await talk.take(Correct(slot="tenure", value="rent"))
    assert corrected.result is not None
    assert corrected.job is None
    assert model.requests == []


@pytest.mark.parametrize("field", ["story", "wish", "name"])
async def test_danger_in_any_own_words_is_heard(talk: Talk, field: str) -> None:
    """The advice is the first thing said, a human is called, and readers of the case are told."""
    answer = await talk.take(form(**{field: GAS}))
    assert answer.reply == GAS_ADVICE + CLOSING
    assert talk.steps[0] == Words(answer.reply)
    assert answer.state.handoff is not None
    assert answer.state.handoff.by == "red_flag"
    assert any(isinstance(one, RedFlagRaised) for one in answer.events)
    assert any(isinstance(one, HandoffRequested) for one in answer.events)
    assert answer.notifications


async def test_danger_that_is_ticked_is_heard(talk: Talk) -> None:
    """An answer that raises a flag does so from the form as well."""
    answer = await talk.take(form(water_off="no"))
    assert answer.reply == FLOOD_ADVICE + CLOSING
    assert answer.result is not None
    assert answer.result.red_flags == ("flooding",)


async def test_short_answers_do_not_hide_what_the_story_is_about(talk: Talk) -> None:
    """Neither in the form nor in what is added to it later."""
    answer = await talk.take(form(wish="Please send somebody soon, thanks."))
    assert answer.state.assessment.candidates[0].code == "plumbing.leak"
    before = answer.state.assessment.confidence
    assert before == pytest.approx(
        (await _alone(GIVEN["story"])).state.assessment.confidence, rel=1e-9
    )


async def _alone(story: str) -> Answer:
    interviewer = Interviewer(RULES, Analyst(RULES, None, dict), None, dict)
    return await Talk(interviewer, new_state(PLAYBOOK)).take(Say(text=story))


async def test_a_story_finds_facts_that_no_field_was_given_for(talk: Talk) -> None:
    """What patterns find fills empty slots, and never what the person answered."""
    answer = await talk.take(
        form(story=f"{GIVEN['story']} In 4 rooms, and I paid $300.", rooms="3")
    )
    slots = answer.state.assessment.slots
    assert (slots["rooms"].value, slots["rooms"].source) == ("3", "person")
    assert (slots["amount"].value, slots["amount"].source) == ("300.00", "rules")


async def test_a_second_form_changes_nothing(talk: Talk) -> None:
    """Its turn tells so, as a failure that no repetition can mend."""
    first = await talk.take(form())
    second = await talk.take(form(wish="Something else."))
    assert isinstance(second.refused, FormSubmitted)
    assert second.state == first.state
    told = decode(talk.turns[-1].terminal)
    assert isinstance(told, TurnFailed)
    assert (told.code, told.retryable) == ("form_submitted", False)
    assert talk.turns[-1].outcome == "failed"


async def test_a_human_who_has_the_conversation_gets_the_form(talk: Talk) -> None:
    """The result is made all the same, and the interviewer leaves the word to the human."""
    await talk.take(AskHuman(reason=""))
    await talk.take(Take(operator="Ana"))
    answer = await talk.take(form())
    assert answer.reply == "Somebody of the shop reads this and answers here."
    assert (answer.state.status, answer.state.form_turn) == ("completed", 3)
    assert answer.result is not None


async def test_a_form_after_a_forced_end_makes_the_result_anew(talk: Talk) -> None:
    """Whoever ended with nothing and fills the form in after all is served."""
    ended = await talk.take(Conclude(reason=""))
    assert ended.result is not None
    assert ended.result.classification.abstained
    answer = await talk.take(form())
    assert answer.result is not None
    assert answer.result.classification.code == "plumbing.leak"


async def test_a_form_that_breaks_halfway_is_not_lost(talk: Talk) -> None:
    """What rules take in of it stays, and it may be submitted again."""
    claim = claim_of(talk.state, form(story=GAS))
    interviewer = Interviewer(RULES, Analyst(RULES, None, dict), None, dict)
    kept = interviewer.absorb(claim)
    assert [one.code for one in kept.state.assessment.red_flags] == ["gas_smell"]
    assert kept.state.assessment.slots["tenure"].value == "own"
    assert (kept.state.form_turn, kept.state.status) == (None, "active")
    assert kept.state.handoff is not None


async def test_beginning_says_nothing_and_asks_nothing(talk: Talk) -> None:
    """It only notes that somebody is there."""
    before = talk.state
    answer = await talk.take(Begin())
    assert (answer.reply, answer.events, answer.result) == ("", (), None)
    assert replace(answer.state, updated_at=0) == replace(before, updated_at=0)


async def test_a_form_counts_from_its_first_touch(talk: Talk) -> None:
    """Start and exposure are told once, by whatever came first; the end by the form alone."""
    begun = await facts_of(talk, Begin())
    assert [type(one) for one in begun] == [TriageStarted, Exposure, TurnEnded]
    exposure = begun[1]
    assert isinstance(exposure, Exposure)
    assert (exposure.variation_id, exposure.about.variant) == ("v1", STRUCTURED)
    filled = await facts_of(talk, form())
    assert TriageCompleted in map(type, filled)
    assert not {TriageStarted, Exposure} & set(map(type, filled))
    turn = next(one for one in filled if isinstance(one, TurnEnded))
    assert (turn.command, turn.said_chars, turn.questions) == ("fill", len(form().text), 4)
    assert (turn.model, turn.model_calls, turn.degraded) == (None, 0, False)


async def test_a_form_that_was_never_begun_counts_when_it_is_submitted(talk: Talk) -> None:
    """A client that does not tell of the first touch is counted all the same."""
    found = [type(one) for one in await facts_of(talk, form())]
    assert found[:4] == [TriageStarted, Exposure, TurnEnded, TriageCompleted]


async def test_a_refused_form_treats_nobody_twice(talk: Talk) -> None:
    """Its turn is told as failed and nothing else of it."""
    await talk.take(form())
    (told,) = await facts_of(talk, form())
    assert isinstance(told, TurnEnded)
    assert told.outcome == "failed"


async def test_models_never_see_who_filled_a_form_in(talk: Talk) -> None:
    """Sensitive answers give way to placeholders wherever turns are redacted."""
    await talk.take(form(name="Ana Clara Souza"))
    redactor = Redactor(PLAYBOOK, talk.state, talk.turns)
    (turn,) = redactor.redacted_turns(talk.turns)
    assert isinstance(turn.command, Fill)
    assert "Souza" not in repr(turn)
    assert turn.command.answers["wish"] == GIVEN["wish"]


async def test_a_conversation_is_not_changed_by_its_playbooks_form(model: ScriptedModel) -> None:
    """v2 plans its analysis by complexity, as ever."""
    analyst = Analyst(RULES, FailoverModel((model,)), dict)
    state = new_state(PLAYBOOK, variant=CONVERSATIONAL)
    assert analyst.planned(state) == "simple"
    assert analyst.planned(replace(state, variant=STRUCTURED)) == "guided"
