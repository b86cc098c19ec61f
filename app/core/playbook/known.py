"""The playbook of a case, where this instance has it."""

from collections.abc import Mapping

from app.domain.case import CaseState
from app.domain.errors import CaseForOthers
from app.domain.playbook import Playbook


def playbook_of(playbooks: Mapping[str, Playbook], state: CaseState) -> Playbook:
    """Return the playbook of a case.

    Raises:
        CaseForOthers: it is not here: an instance of another release has it.
    """
    found = playbooks.get(state.playbook)
    if found is None:
        raise CaseForOthers(state.case_id)
    return found
