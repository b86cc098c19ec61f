"""What models get to read of a case: everything but who it is about."""

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from app.core.analysis.composing import CaseInHand
from app.core.analysis.judging import Finding
from app.core.privacy.redaction import Redactor, mapped
from app.domain.analysis import Analysis


class Discreet(Struct, frozen=True, kw_only=True):
    """A case and the rules' draft of its result, with placeholders for what identifies people."""

    case: CaseInHand
    draft: Analysis


def discreet(case: CaseInHand, draft: Analysis, redactor: Redactor) -> Discreet:
    """Return what models may read of a case."""
    assessment = case.state.assessment
    slots = {
        name: replace(known, value=redactor.redact(known.value))
        for name, known in assessment.slots.items()
    }
    state = replace(case.state, assessment=replace(assessment, slots=slots))
    return Discreet(
        case=replace(case, state=state, turns=redactor.redacted_turns(case.turns)),
        draft=msgspec.convert(redactor.redacted_value(draft), Analysis),
    )


def disclosed(finding: Finding, redactor: Redactor) -> Finding:
    """Return what models found, with the case's own values in place of the placeholders."""
    return msgspec.convert(mapped(msgspec.to_builtins(finding), redactor.restore), Finding)
