"""Measures turns and cases, and tells the metrics of them once they are committed.

What a person waits for is measured from when the command was accepted, by the clock of whoever
accepted it; our own share from when this process began to work on it.
"""

import time
from collections.abc import Iterable

from app.core.steps import Answer
from app.domain.analysis import Analysis
from app.domain.case import CaseState, HandoffCommand, Say, Turn
from app.domain.clock import now_ms
from app.domain.usage import Attempt
from app.state.records import Claim
from app.telemetry.labels import Interviewer
from app.telemetry.metrics import Metrics
from app.telemetry.tracing import CASE, Span


class TurnWatch:
    """The times of one turn in one process."""

    def __init__(self, claim: Claim) -> None:
        """Begin now."""
        self._claim = claim
        self._began = time.perf_counter()
        self._paused = 0.0
        self._first_word: float | None = None

    def said(self, paused: float) -> None:
        """Note a piece of the answer, and how long was waited before it on purpose."""
        self._paused += paused
        if self._first_word is None:
            self._first_word = self._waited()

    def committed(self, metrics: Metrics, span: Span, turn: Turn, answer: Answer) -> None:
        """Tell of the turn, and of the case where the turn has ended its interview."""
        claim, state = self._claim, answer.state
        answered_by = interviewer(claim, answer.attempts)
        span.set(
            {
                CASE: claim.case_id,
                "triage.turn": claim.turn,
                "triage.attempt": claim.attempt,
                "triage.playbook": state.playbook,
                "triage.variant": state.variant,
                "triage.interviewer": answered_by,
                "triage.outcome": turn.outcome,
            }
        )
        took = time.perf_counter() - self._began
        provider = sum(one.latency_ms for one in answer.attempts) / 1_000
        metrics.turn_ended(
            turn.outcome,
            answered_by,
            seconds=self._waited(),
            first_word_seconds=self._first_word if isinstance(turn.command, Say) else None,
            overhead_seconds=(
                took - self._paused - provider if turn.outcome == "completed" else None
            ),
        )
        if claim.state.status != "completed" and state.status == "completed":
            metrics.case("completed", state.playbook, arm(state))
            if answer.result is not None:
                attempts = (one for turn in (*claim.turns, turn) for one in turn.attempts)
                first_result(metrics, state, answer.result, attempts)

    def _waited(self) -> float:
        """Return the seconds since the command was accepted."""
        return (now_ms() - self._claim.accepted.at) / 1_000


def first_result(
    metrics: Metrics, state: CaseState, result: Analysis, attempts: Iterable[Attempt]
) -> None:
    """Tell of a case's first result; `attempts` are all that were made in the case."""
    metrics.case_analysed(
        result.provenance.strategy,
        arm(state),
        seconds=(result.created_at - state.created_at) / 1_000,
        cost_nano_usd=cost_nano_usd(attempts),
    )


def cost_nano_usd(attempts: Iterable[Attempt]) -> int | None:
    """Return what attempts cost together by the ledger; None where one's cost is not known."""
    total = 0
    for one in attempts:
        if one.cost_nano_usd is None:
            return None
        total += one.cost_nano_usd
    return total


def arm(state: CaseState) -> str:
    """Return the experiment and the arm that a case belongs to; empty outside experiments."""
    given = state.assignment
    return "" if given is None else f"{given.experiment}:{given.variation}"


def interviewer(claim: Claim, attempts: Iterable[Attempt]) -> Interviewer:
    """Return who answered a turn."""
    handoff = claim.state.handoff
    with_human = handoff is not None and handoff.status == "taken"
    if with_human or isinstance(claim.accepted.command, HandoffCommand):
        return "human"
    asked = (one for one in attempts if one.operation == "interview")
    return "model" if any(one.outcome == "completed" for one in asked) else "guided"
