"""Whatever is said, nobody calm ends an interview without having seen the list."""

from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from app.core.evaluation.rehearsal import rehearse
from app.core.evaluation.stories import Story
from app.core.understanding.plan import holds
from app.domain.assessment import RaisedFlag
from app.domain.playbook import (
    Condition,
)
from tests.support.claims import new_state
from tests.support.screened import GAS, PLAYBOOK, RULES, STORY, TODAY


def test_a_calm_condition_holds_until_a_flag_is_raised() -> None:
    """And of several chosen options, any of those wanted will do."""
    flag = RaisedFlag(code="gas_smell", turn=1, source="rules")
    assert holds(Condition(calm=True), (), {}, "low")
    assert not holds(Condition(calm=True), (), {}, "low", (flag,))


@given(
    st.lists(
        st.sampled_from(
            [
                *("hi", STORY.text, GAS.text, "that is all", "none", "yes", "2", "1 and 2", "no"),
                *("not sure", "Ana", "in Recife", "yesterday", "please repair it", "xyz"),
            ]
        )
        | st.text(min_size=1, max_size=30),
        min_size=12,
        max_size=12,
    )
)
def test_no_interview_ends_with_somebody_calm_who_was_not_asked(messages: list[str]) -> None:
    """Whatever is said: who told something has seen the list, once or twice, and answered it."""
    rules = RULES[PLAYBOOK.id]
    state, said = new_state(PLAYBOOK), list[str]()
    for turn, message in enumerate(messages, 1):
        read = rules.understanding.read(state, said, turn, message, TODAY)
        line = rules.guided.answer(state, read, said, message, turn)
        said.append(message)
        asked = dict(state.asked)
        if line.asking:
            asked[line.asking] = asked.get(line.asking, 0) + 1
        questions = state.questions + (line.asking is not None)
        state = replace(
            state, assessment=read, asking=line.asking, asked=asked, questions=questions
        )
        if line.complete:
            break
    assert line.complete
    known, flags = state.assessment.slots, {one.code for one in state.assessment.red_flags}
    assert "story" not in known or "safety" in known or {"gas_smell", "flooding"} <= flags
    assert state.asked.get("safety", 0) <= 2
    assert state.questions <= PLAYBOOK.limits.questions[state.assessment.complexity].most


def test_the_scripted_person_answers_by_the_labels() -> None:
    """What was not heard at first is found by asking; the calm stay calm."""
    stories = [
        Story(
            id="a",
            locale="en",
            text="the sink is clogged and I feel dizzy from it",
            code="plumbing.blockage",
            red_flags=("gas_smell",),
        ),
        Story(id="b", locale="pt-BR", text="pia entupida na cozinha", code="plumbing.blockage"),
        Story(
            id="c",
            locale="en",
            text="I smell gas in my kitchen",
            code=None,
            red_flags=("gas_smell",),
        ),
    ]
    held = rehearse(PLAYBOOK, RULES[PLAYBOOK.id].understanding, stories, TODAY)
    assert (held.flags_found.hits, held.flags_found.n) == (2, 2)
    assert held.missed == ()
    assert (held.calm_alarms.hits, held.calm_alarms.n) == (0, 1)
    assert held.screened.hits == held.interviews == 3
    assert held.complete.value == held.within_budget.value == 1.0
