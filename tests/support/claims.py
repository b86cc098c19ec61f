"""Claims as an interviewer gets them, and a case that is carried from turn to turn."""

from collections.abc import Callable

from msgspec.structs import replace

from app.core import terminals
from app.core.interview import Interviewer
from app.core.steps import Anew, Answer, Step, Words
from app.domain.assignment import CONVERSATIONAL
from app.domain.case import Accepted, CaseState, Command, Turn
from app.domain.playbook import Playbook
from app.state.records import Claim

NOON = 1_772_366_400_000
"""The first of March 2026, at noon: the day on which all of this is said."""


def new_state(
    playbook: Playbook, *, locale: str = "en", variant: str = CONVERSATIONAL
) -> CaseState:
    """Return the state of a case to which nothing was said yet."""
    return CaseState(
        case_id="0" * 32,
        playbook=playbook.id,
        playbook_version=playbook.version,
        locale=locale,
        variant=variant,
        created_at=NOON,
        updated_at=NOON,
    )


def claim_of(
    state: CaseState, command: Command, turns: tuple[Turn, ...] = (), *, behind: int = 0
) -> Claim:
    """Return the right to answer a command, the next one after these turns."""
    return Claim(
        case_id=state.case_id,
        owner="test",
        epoch=1,
        turn=len(turns) + 1,
        attempt=1,
        state=state,
        accepted=Accepted(command=command, at=NOON),
        turns=turns,
        dropped=False,
        reason="takeover",
        behind=behind,
    )


class Talk:
    """A case and everything that happened in its last turn."""

    def __init__(self, interviewer: Interviewer, state: CaseState) -> None:
        """Begin."""
        self._interviewer = interviewer
        self.state = state
        self.turns: tuple[Turn, ...] = ()
        self.steps: list[Step] = []

    async def take(
        self,
        command: Command,
        *,
        behind: int = 0,
        watched: Callable[[], bool] = lambda: False,
    ) -> Answer:
        """Take a turn and check that the words shown are exactly those that are kept."""
        claim = claim_of(self.state, command, self.turns, behind=behind)
        self.steps = [one async for one in self._interviewer.answer(claim, watched=watched)]
        answer = self.steps[-1]
        assert isinstance(answer, Answer)
        assert not any(isinstance(one, Answer) for one in self.steps[:-1])
        assert self.shown() == answer.reply
        self.state = replace(answer.state)
        terminal = terminals.ended(claim, answer)
        self.turns = (*self.turns, terminals.record(claim, answer, terminal, seq=1))
        return answer

    def shown(self) -> str:
        """Return what a reader of the last turn has before them in the end."""
        text = ""
        for step in self.steps:
            match step:
                case Words(piece):
                    text += piece
                case Anew():
                    text = ""
                case _:
                    pass
        return text
