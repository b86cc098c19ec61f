"""Steps of an analysis kept in memory, and cases whose interview is over."""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime

from msgspec.structs import replace

from app.core.analysis.analyst import CaseInHand
from app.core.rules import Rules
from app.domain.case import Say, Turn
from app.domain.job import StepRecord
from app.domain.playbook import Level
from tests.support.claims import NOON, new_state


class Kept:
    """Steps that are kept as the storage keeps them, encoded, and a count of the work done."""

    def __init__(self) -> None:
        self.records: dict[str, StepRecord] = {}
        self.done: list[str] = []
        self.expected: list[int] = []

    def expect(self, of: int) -> None:
        """Note how many steps are expected."""
        self.expected.append(of)

    async def once(self, name: str, work: Callable[[], Awaitable[StepRecord]]) -> StepRecord:
        """Return the kept record, or do the work and keep it."""
        if name not in self.records:
            self.records[name] = await work()
            self.done.append(name)
        return self.records[name]


def told(rules: Rules, *messages: str, complexity: Level = "low", locale: str = "en") -> CaseInHand:
    """Return a case in which this was said, of this complexity, with what rules understood."""
    state = new_state(rules.playbook, locale=locale)
    turns: list[Turn] = []
    said: list[str] = []
    for number, text in enumerate(messages, 1):
        today = datetime.fromtimestamp(NOON / 1_000, UTC).date()
        read = rules.understanding.read(state, said, number, text, today)
        state = replace(state, assessment=read, said_chars=state.said_chars + len(text))
        said.append(text)
        turns.append(
            Turn(
                turn=number,
                command=Say(text=text),
                at=NOON,
                reply="I see.",
                outcome="completed",
                finished_at=NOON,
                event_id="",
                terminal=b"",
            )
        )
    assessed = replace(state.assessment, complexity=complexity)
    over = replace(state, assessment=assessed, status="completed", completed_at=NOON)
    return CaseInHand(state=over, turns=tuple(turns), turn=len(turns))
