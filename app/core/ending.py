"""The end of a turn and, with the last one of an interview, its result or the order for it."""

from collections.abc import AsyncIterator, Callable, Mapping

from msgspec.structs import replace

from app.core import handoff as handoffs
from app.core.analysis.analyst import Analyst, CaseInHand
from app.core.analysis.memo import Unkept
from app.core.outcome import Reply, events_of, moved_on, notifications_of, running
from app.core.rules import Rules
from app.core.steps import Analysing, Answer, Step
from app.domain.case import CaseState
from app.domain.event import AnalysisCompleted, CaseEvent
from app.domain.job import QUEUE_OF, Job
from app.state.records import Claim
from app.telemetry.labels import BudgetAction


class Ending:
    """Brings a reply to its `Answer`."""

    def __init__(
        self,
        rules: Mapping[str, Rules],
        analyst: Analyst,
        *,
        on_budget: Callable[[BudgetAction], None],
    ) -> None:
        """Take what `Interviewer` takes of the same name."""
        self._rules = rules
        self._analyst = analyst
        self._on_budget = on_budget

    async def steps(
        self, claim: Claim, reply: Reply, said: str, *, analyse: bool = True
    ) -> AsyncIterator[Step]:
        """End a turn: the new state and, if the interview is over, the result or its order."""
        state = self.state_after(claim, reply, said)
        raised: tuple[CaseEvent, ...] = ()
        attempts, degradations = reply.attempts, reply.degradations
        result, job = None, None
        # Of several additions in a row, the last one's result counts for all.
        added = claim.state.status == "completed"
        wanted = analyse and state.status == "completed" and not (added and claim.behind)
        if wanted and self._analyst.in_background(state):
            job = Job(
                case_id=claim.case_id,
                turn=claim.turn,
                queue=QUEUE_OF[state.assessment.complexity],
                planned=self._analyst.planned(state),
                created_at=state.updated_at,
            )
        elif wanted:
            yield Analysing()
            case = CaseInHand(
                state=state, turns=(*claim.turns, running(claim, state)), turn=claim.turn
            )
            analysed = await self._analyst.analyse(case, Unkept())
            result = analysed.result
            if analysed.refused:
                self._on_budget("refused")
            attempts += analysed.attempts
            if result.needs_human:
                asked = handoffs.requested(state.handoff, "analysis", "", state.updated_at)
                state = replace(state, handoff=asked)
            raised = (
                AnalysisCompleted(
                    turn=claim.turn,
                    code=result.classification.code,
                    urgency=result.urgency.level,
                    needs_human=result.needs_human,
                ),
            )
        events = events_of(claim, state) + raised
        yield Answer(
            reply=reply.text,
            state=state,
            result=result,
            job=job,
            events=events,
            notifications=notifications_of(claim, state, events),
            attempts=attempts,
            degradations=degradations,
        )

    def state_after(self, claim: Claim, reply: Reply, said: str) -> CaseState:
        """Return the case's state after a turn; danger may have called a human into it."""
        state = moved_on(claim, reply, said)
        flags = self._rules[state.playbook].playbook.red_flags
        before, after = claim.state.assessment, state.assessment
        asked = handoffs.requested_by_flags(state.handoff, flags, before, after, state.updated_at)
        return replace(state, handoff=asked)
