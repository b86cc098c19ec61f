"""Puts a model's assessment upon the rules' one.

A model may add facts, flags and signals; it never removes a flag, never lowers what the rules
found, and never overwrites what the person set right. The list of dangers is the person's to
answer: what a model thinks of it does not count as the answer, or the list would not be put.
"""

from typing import assert_never

from app.core.analysis.documents import ModelAssessment
from app.core.understanding.plan import missing_slots
from app.core.understanding.screening import flags_of_answers
from app.domain.assessment import Assessment, Candidate, RaisedFlag, SlotValue
from app.domain.playbook import LEVEL_ORDER, Playbook

_TOP = 5


def merge(playbook: Playbook, rules: Assessment, said: ModelAssessment, turn: int) -> Assessment:
    """Return the assessment of a turn that a model answered; `turn` is the current one."""
    slots = dict(rules.slots)
    screening = playbook.screening
    for found in said.slots:
        if screening is not None and found.slot == screening.name:
            continue
        known = slots.get(found.slot)
        value = found.value.strip()
        if _fits(playbook, found.slot, value) and (known is None or known.source != "person"):
            at = found.message if 1 <= found.message <= turn else turn
            slots[found.slot] = SlotValue(value=value, turn=at, source="model")
    found_by_rules = {flag.code for flag in rules.red_flags}
    raised = rules.red_flags + tuple(
        RaisedFlag(code=code, turn=turn, source="model")
        for code in dict.fromkeys((*said.red_flags, *flags_of_answers(playbook, slots)))
        if code not in found_by_rules
    )
    names = {*rules.signals, *said.signals}
    complexity = max(rules.complexity, said.complexity, key=LEVEL_ORDER.index)
    candidates = _candidates(rules, said)
    return Assessment(
        slots=slots,
        candidates=candidates,
        complexity=complexity,
        signals=tuple(one.name for one in playbook.complexity.signals if one.name in names),
        confidence=candidates[0].confidence if candidates else 0.0,
        red_flags=raised,
        missing=missing_slots(playbook, candidates, slots, complexity, raised),
    )


def _fits(playbook: Playbook, name: str, value: str) -> bool:
    """Say whether a value can be one of that slot; what cannot is left for the person to say."""
    slot = playbook.slot(name)
    if slot is None or not value:
        return False
    match slot.kind:
        case "yes_no":
            return value in {"yes", "no"}
        case "choice":
            return {option.value for option in slot.options}.issuperset(slot.chosen(value))
        case "money" | "number":
            return value.isascii() and value.replace(".", "", 1).isdecimal()
        case "text" | "place" | "date":
            return True
        case _:
            assert_never(slot.kind)


def _candidates(rules: Assessment, said: ModelAssessment) -> tuple[Candidate, ...]:
    """Return the model's candidates; the rules' ones where it has none to offer."""
    best: dict[str, float] = {}
    for one in said.candidates:
        best[one.code] = max(one.confidence, best.get(one.code, 0.0))
    total = max(1.0, sum(best.values()))
    ranked = sorted(best.items(), key=lambda item: -item[1])[:_TOP]
    found = tuple(Candidate(code=code, confidence=share / total) for code, share in ranked)
    return found or rules.candidates
