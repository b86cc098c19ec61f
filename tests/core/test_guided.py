"""The guided interviewer."""

from datetime import date

from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from app.core.guided import GuidedInterviewer, Line
from app.core.understanding.running import Understanding
from app.domain.case import CaseState
from tests.support.playbooks import tiny_playbook

PLAYBOOK = tiny_playbook()
RULES = Understanding(PLAYBOOK)
INTERVIEWER = GuidedInterviewer(PLAYBOOK, RULES)
TODAY = date(2025, 6, 18)


class Conversation:
    """A case that is talked about, as its owner would carry it from turn to turn."""

    def __init__(self, locale: str = "pt-BR") -> None:
        """Open the case."""
        self.said: list[str] = []
        self.state = CaseState(
            case_id="c",
            playbook=PLAYBOOK.id,
            playbook_version=PLAYBOOK.version,
            locale=locale,
            variant="v1",
            created_at=0,
            updated_at=0,
        )

    def say(self, message: str) -> Line:
        """Say something and return the answer."""
        turn = len(self.said) + 1
        read = RULES.read(self.state, self.said, turn, message, TODAY)
        line = INTERVIEWER.answer(self.state, read, self.said, message, turn)
        asked = dict(self.state.asked)
        if line.asking:
            asked[line.asking] = asked.get(line.asking, 0) + 1
        self.state = replace(
            self.state,
            assessment=read,
            asking=line.asking,
            asked=asked,
            questions=self.state.questions + (line.asking is not None),
            status="completed" if line.complete else "active",
        )
        self.said.append(message)
        return line


def test_a_whole_interview() -> None:
    """A story, one question at a time, a closing, and thanks for what comes later."""
    talk = Conversation()
    assert talk.say("Desde ontem tem água pingando do teto").text == (
        "Entendi. Como você quer ser chamado?"
    )
    assert talk.say("Ana").text == "Certo, obrigado. Em que cidade fica a casa?"
    assert talk.say("Recife").text == "Anotado. O que você gostaria que fizéssemos?"
    assert talk.say("Que consertem").text == "Entendi. Você já fechou o registro?"
    assert talk.say("sim, já fechei").complete
    assert talk.state.assessment.missing == ()
    assert talk.say("e tem mais goteira").text == "Obrigado, acrescentei isso ao seu caso."


def test_what_cannot_be_placed_is_asked_about_once() -> None:
    """An unclear beginning is asked to be told again, but only once."""
    talk = Conversation("en")
    first = talk.say("hello there")
    assert first.text == "I have not quite understood yet. Could you tell me a little more?"
    assert first.asking == "story"
    second = talk.say("my car makes a funny noise when I drive it")
    assert second.asking == "name"
    assert (
        talk.state.assessment.slots["story"].value == "my car makes a funny noise when I drive it"
    )


def test_an_answer_that_cannot_be_read_is_asked_for_again_once() -> None:
    """The question is repeated with other words, then let go."""
    talk = Conversation()
    talk.say("A pia da cozinha está entupida")
    talk.say("Ana")
    assert talk.say("Recife").asking == "when"
    again = talk.say("quando choveu")
    assert again.text == "Desculpe, não consegui ler a resposta. Quando isso começou?"
    assert talk.say("quando choveu muito").asking == "wish"


def test_not_knowing_is_accepted() -> None:
    """Somebody who does not know is not asked again."""
    talk = Conversation()
    talk.say("A pia da cozinha está entupida")
    assert talk.say("não sei").asking == "place"
    assert talk.say("prefiro não dizer").asking == "when"


def test_somebody_who_is_done_is_let_go() -> None:
    """The interview ends when the person says so."""
    talk = Conversation()
    talk.say("A pia da cozinha está entupida")
    assert talk.say("é só isso mesmo") == Line(
        "Obrigado. Já tenho o que preciso; o resultado vem a seguir.", None, complete=True
    )


def test_the_language_is_the_cases() -> None:
    """Questions come in the locale of the case."""
    assert Conversation("en").say("The sink is clogged").text == "I see. What should I call you?"


@given(st.lists(st.text(min_size=1, max_size=40), min_size=12, max_size=12))
def test_every_interview_comes_to_an_end(messages: list[str]) -> None:
    """Whatever is said, each answer asks one thing or closes, and the limit of questions holds."""
    talk = Conversation()
    for message in messages:
        line = talk.say(message)
        assert line.text
        assert line.complete == (line.asking is None)
        if line.complete:
            break
    assert talk.state.status == "completed"
    assert talk.state.questions <= 9
