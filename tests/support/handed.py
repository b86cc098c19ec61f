"""Cases that are handed to a human, with what is said in them, and how the desk is used."""

import asyncio
from uuid import uuid4

from app.core.analysis.analyst import Analyst
from app.core.interview import Interviewer
from app.core.rules import Rules
from app.core.steps import Answer
from app.domain.case import (
    AskHuman,
    HandBack,
    Handoff,
    OperatorCommand,
    OperatorSays,
    Say,
    Take,
    Turn,
)
from app.domain.event import name_of
from app.llm.failover import FailoverModel
from tests.support.api import Case
from tests.support.claims import Talk, new_state
from tests.support.cores import PATIENCE, Core
from tests.support.playbooks import tiny_playbook

PLAYBOOK = tiny_playbook()
RULES = {PLAYBOOK.id: Rules(PLAYBOOK)}
STORY = Say(text="Water has been dripping from my bathroom ceiling since yesterday.")
NONSENSE = "My cat composed an opera about the moon and it is quite good"
GAS = Say(text="I smell gas in my kitchen.")
ADVICE = "Open the windows, light nothing and leave the house. Call 193.\n\n"
CALLED = "I have called somebody of the shop."
HUMAN = "Somebody of the shop reads this and answers here."
GOING_ON = "From here on I go on."
ASK = AskHuman(reason="I would rather talk to somebody.")
ANA = Take(operator="Ana")
HELLO = OperatorSays(operator="Ana", text="This is Ana. <Where> are you?")
BYE = HandBack(operator="Ana")


def talk_with(model: FailoverModel | None, variant: str) -> Talk:
    """Open a case."""
    interviewer = Interviewer(RULES, Analyst(RULES, model, dict), model, dict)
    return Talk(interviewer, new_state(PLAYBOOK, variant=variant))


def told(answer: Answer) -> list[str]:
    """Return the names of the handoff events of a turn."""
    return [name for name in map(name_of, answer.events) if name.startswith("handoff.")]


def state_of(talk: Talk) -> tuple[str, str, str | None]:
    """Return how it stands, who asked and who has it."""
    handoff = talk.state.handoff
    assert handoff is not None
    return handoff.status, handoff.by, handoff.operator


async def act(core: Core, case: Case, command: OperatorCommand, key: str | None = None) -> Turn:
    """Let an operator do something and wait for it."""
    turn = await core.handoffs.post(case.id, command, key=key or uuid4().hex)
    async with asyncio.timeout(PATIENCE):
        found = await core.handoffs.wait(case.id, turn)
    assert found is not None
    return found


async def asked(core: Core) -> Case:
    """Open a case whose person has asked for a human."""
    case = await core.opened()
    turn = await core.intake.ask_human(case.id, case.token, key="ask", reason="please")
    await core.intake.wait(case.id, turn)
    return case


async def listed(core: Core, **options: object) -> list[str]:
    """Return the cases of the list."""
    page = await core.handoffs.list(**options)  # type: ignore[arg-type]
    return [one.state.case_id for one in page.handoffs]


async def handoff_of(core: Core, case: Case) -> Handoff:
    """Return how it stands in a case."""
    handoff = (await core.handoffs.open(case.id)).record.state.handoff
    assert handoff is not None
    return handoff
