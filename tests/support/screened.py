"""A playbook whose first question lists its dangers, and cases with it."""

from datetime import date

from msgspec.structs import replace

from app.core.analysis.analyst import Analyst
from app.core.interview import Interviewer
from app.core.rules import Rules
from app.core.understanding.extraction import read_answer
from app.domain.case import Say
from app.domain.playbook import (
    Answer,
    Condition,
    Option,
    Phase,
    Playbook,
    RedFlag,
    Slot,
)
from app.llm.failover import FailoverModel
from app.llm.scripted import ScriptedModel
from tests.support.claims import Talk, new_state
from tests.support.playbooks import tiny_playbook
from tests.support.replies import turn_document

TODAY = date(2026, 3, 1)
STORY = Say(text="Water has been dripping from my bathroom ceiling since yesterday.")
LISTED = (
    "Is any of this so? Answer with numbers.\n1. It smells of gas\n2. The house is under water\n"
    "3. Neither\n4. I would rather not say"
)
BESIDES = (
    "Besides that, is any of this so too?\n2. The house is under water\n3. Neither\n"
    "4. I would rather not say"
)
GAS = Say(text="sink clogged, the sink is blocked, and there is a smell of gas")
ADVICE = "Open the windows, light nothing and leave the house. Call 193.\n\n"
CARE = "You need not say more; somebody will come and look."


def screened_playbook() -> Playbook:
    """Return the tiny playbook with a first question that lists its dangers."""
    tiny = tiny_playbook()
    safety = Slot(
        name="safety",
        phase="safety",
        kind="choice",
        several=True,
        label={"pt-BR": "Perigo", "en": "Danger"},
        question={
            "pt-BR": "Alguma destas coisas acontece? Responda com números.",
            "en": "Is any of this so? Answer with numbers.",
        },
        besides={
            "pt-BR": "Além disso, acontece mais alguma?",
            "en": "Besides that, is any of this so too?",
        },
        when=Condition(slot="story"),
        options=(
            Option(
                value="gas",
                label={"pt-BR": "Cheiro de gás", "en": "It smells of gas"},
                words={"pt-BR": ("gás",), "en": ("gas",)},
            ),
            Option(
                value="water",
                label={"pt-BR": "A casa alagou", "en": "The house is under water"},
                words={"pt-BR": ("alagamento",), "en": ("water", "gas and water pipe")},
            ),
            Option(
                value="neither",
                label={"pt-BR": "Nenhuma", "en": "Neither"},
                words={"pt-BR": ("nenhuma", "só isso"), "en": ("none", "nothing else")},
                alone=True,
            ),
            Option(
                value="untold",
                label={"pt-BR": "Prefiro não dizer", "en": "I would rather not say"},
                unsaid=True,
            ),
        ),
    )
    raised = {"gas_smell": "gas", "flooding": "water"}
    return replace(
        tiny,
        phases=(Phase(name="safety", least=1, most=1), *tiny.phases),
        slots=(safety, *tiny.slots),
        red_flags=(
            *(
                replace(
                    flag,
                    answers=(*flag.answers, Answer(slot="safety", equals=(raised[flag.code],))),
                )
                for flag in tiny.red_flags
            ),
            RedFlag(
                code="untold",
                label={"pt-BR": "Não disse se há perigo", "en": "Did not say"},
                answers=(Answer(slot="safety", equals=("untold",)),),
                urgency="medium",
                advice={"pt-BR": "Não precisa contar; alguém vai olhar.", "en": CARE},
                handoff=True,
            ),
        ),
    )


PLAYBOOK = screened_playbook()
SAFETY = PLAYBOOK.slots[0]
RULES = {PLAYBOOK.id: Rules(PLAYBOOK)}


def talk(model: ScriptedModel | None = None, *, locale: str = "en") -> Talk:
    """Open a case with the guided interviewer, or with a model."""
    models = None if model is None else FailoverModel((model,))
    interviewer = Interviewer(RULES, Analyst(RULES, models, dict), models, dict)
    variant = "v1" if model is None else "v2"
    return Talk(interviewer, new_state(PLAYBOOK, locale=locale, variant=variant))


def saying(model: ScriptedModel, reply: str, **members: object) -> None:
    """Let the model answer the next turn."""
    document = turn_document(reply, **members)  # type: ignore[arg-type]
    del document["reply"]
    model.say(reply, **document)


def read(answer: str) -> str | None:
    """Read an answer to the question."""
    return read_answer(SAFETY, answer, "en", TODAY)
