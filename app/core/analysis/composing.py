"""Composes a result: what models found is put upon what rules find.

Models may say more and better, but they can neither lower the urgency that rules found nor leave
the taxonomy, and what they cite has to exist. Everything that the playbook says about a kind of
problem (papers, time limits, cautions) follows the classification that counts in the end.
"""

from collections.abc import Iterable

from msgspec import Struct
from msgspec.structs import replace

from app.core.analysis.documents import ModelEntry
from app.core.analysis.judging import Finding
from app.core.analysis.results import guided_analysis
from app.core.analysis.wording import wording
from app.core.rules import Rules
from app.domain.analysis import (
    Analysis,
    ChronologyEntry,
    Party,
    Strategy,
    Summary,
    Urgency,
    Viability,
)
from app.domain.assessment import Assessment
from app.domain.case import CaseState, Correct, Fill, Say, Turn
from app.domain.playbook import URGENCY_ORDER, more_urgent


class CaseInHand(Struct, frozen=True, kw_only=True):
    """A case whose interview is over, as the analyst gets it."""

    state: CaseState
    turns: tuple[Turn, ...]
    """Oldest first, the one whose end asks for the result included."""
    turn: int
    """That turn's number."""


def drafted(
    rules: Rules, case: CaseInHand, planned: Strategy, assessment: Assessment | None = None
) -> Analysis:
    """Return the result by rules alone, for another assessment than the case's if one is given."""
    state = replace(case.state, assessment=assessment or case.state.assessment)
    return guided_analysis(
        rules.playbook, rules.understanding, state, case.turns, state.updated_at, 0.0, planned, ()
    )


def composed(rules: Rules, case: CaseInHand, draft: Analysis, found: Finding) -> Analysis:
    """Return the result of what models found, upon the rules' draft."""
    base = drafted(rules, case, draft.provenance.planned, _assessed(case.state.assessment, found))
    report = found.report
    chronology = tuple(_entries(case, report.chronology))
    return replace(
        base,
        classification=replace(
            base.classification, top=found.candidates or base.classification.top
        ),
        urgency=_urgency(draft, base, found),
        needs_human=base.needs_human or found.undecided or not found.candidates,
        parties=tuple(Party(role=one.role, name=one.name) for one in report.parties)
        or base.parties,
        chronology=chronology or base.chronology,
        requests=_said(report.requests) or base.requests,
        documents=replace(
            base.documents, mentioned=_said(report.documents) or base.documents.mentioned
        ),
        viability=Viability(
            level=report.viability.level,
            strengths=_said(report.viability.strengths),
            weaknesses=_said(report.viability.weaknesses),
            rationale=report.viability.rationale,
        ),
        next_steps=_said(report.next_steps) or base.next_steps,
        summary=Summary(
            plain=report.plain.strip() or base.summary.plain,
            professional=_professional(rules, case.state, base, found),
        ),
    )


def uncited(case: CaseInHand, found: Finding) -> int:
    """Return how many entries rest on messages that do not exist; a result leaves them out."""
    return len(found.report.chronology) - sum(1 for _ in _entries(case, found.report.chronology))


def doubted(rules: Rules, case: CaseInHand, draft: Analysis) -> Analysis:
    """Return the draft as it stands where models answered and no answer could be used.

    Something about the case makes it hard to read, so a low urgency would be a guess.
    """
    level = more_urgent(draft.urgency.level, "medium")
    reason = wording(rules.playbook.locale(case.state.locale)).unread
    raised = level != draft.urgency.level
    return replace(
        draft,
        needs_human=True,
        urgency=replace(
            draft.urgency, level=level, reason=reason if raised else draft.urgency.reason
        ),
    )


def _assessed(before: Assessment, found: Finding) -> Assessment:
    """Return the assessment with the models' classification; the rules' where they offer none."""
    if found.nowhere:
        return replace(before, candidates=(), confidence=0.0)
    if not found.candidates:
        return before
    return replace(before, candidates=found.candidates, confidence=found.candidates[0].confidence)


def _urgency(draft: Analysis, base: Analysis, found: Finding) -> Urgency:
    """Return the highest of all urgencies with its reason; the rules' reason where they agree."""
    said = (
        (base.urgency.level, base.urgency.reason),
        (found.urgency, found.urgency_reason.strip() or base.urgency.reason),
        (draft.urgency.level, draft.urgency.reason),
    )
    level, reason = max(said, key=lambda one: URGENCY_ORDER.index(one[0]))
    return replace(
        base.urgency,
        level=level,
        reason=reason,
        deadline=base.urgency.deadline or found.deadline.strip() or None,
    )


def _entries(case: CaseInHand, entries: Iterable[ModelEntry]) -> Iterable[ChronologyEntry]:
    messages = {one.turn for one in case.turns if isinstance(one.command, Say | Fill | Correct)}
    for one in entries:
        if one.message in messages:
            yield ChronologyEntry(when=one.when, what=one.what, turn=one.message)


def _said(texts: Iterable[str]) -> tuple[str, ...]:
    return tuple(stripped for text in texts if (stripped := text.strip()))


def _professional(rules: Rules, state: CaseState, base: Analysis, found: Finding) -> str:
    """Return the professional's summary, with what models differed in and who settled it."""
    locale = rules.playbook.locale(state.locale)
    say = wording(locale)
    labels = {code: sub.label[locale] for code, sub in rules.playbook.subareas().items()}
    lines = [found.report.professional.strip() or base.summary.professional]
    if len(set(found.codes)) > 1:
        said = " | ".join(labels[one] if one else say.nowhere for one in found.codes)
        lines.append(say.kinds_differ.format(said=said))
    if len(set(found.urgencies)) > 1:
        said = " | ".join(say.levels[one] for one in found.urgencies)
        lines.append(say.urgencies_differ.format(said=said))
    if found.justification:
        lines.append(say.settled.format(justification=found.justification))
    elif found.undecided:
        lines.append(say.unsettled)
    return "\n\n".join(lines)
