"""On whose account a case's calls are made."""

from app.domain.analysis import Strategy
from app.domain.case import CaseState
from app.domain.ledger import Account


def account_of(
    state: CaseState, turn: int, *, step: str = "", strategy: Strategy | None = None
) -> Account:
    """Return the account of a call for a turn of a case, or for a step of its analysis."""
    given = state.assignment
    return Account(
        case_id=state.case_id,
        turn=turn,
        step=step,
        playbook=state.playbook,
        strategy=strategy or "",
        arm="" if given is None else f"{given.experiment}:{given.variation}",
    )
