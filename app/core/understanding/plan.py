"""The interview plan: what to ask next and when enough is known. Both interviewers share it.

Everybody is asked for dangers once: before anything else, and also who wants to end at once.
Phases come in the playbook's order; within a phase, what is required comes first. A question is
put again only directly after it was put, once, because its answer could not be read; what somebody
does not know is not asked a second time. Optional questions never use up the room that required
ones need.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence

from msgspec.structs import replace

from app.core.language.phrases import phrase_words
from app.core.language.text import words
from app.core.understanding.screening import known_options, unsaid, was_answered
from app.domain.assessment import Assessment, Candidate, RaisedFlag, SlotValue
from app.domain.case import CaseState
from app.domain.playbook import LEVEL_ORDER, Budget, Condition, Level, Phase, Playbook, Slot

MOST_OFTEN = 2
"""Times that a question is put; the second time because the answer could not be read."""
_FILLERS = frozenset(
    {
        *("sim", "nao", "mesmo", "obrigado", "obrigada", "obg", "por", "enquanto", "favor", "ai"),
        *("entao", "ok", "ta", "acho", "que", "agora", "eu", "e", "era", "bom", "ja", "tudo", "so"),
        *("ah", "oh", "hum", "de", "momento", "no", "valeu", "isso", "ne", "viu", "a", "dizer"),
        *("yes", "well", "now", "for", "i", "think", "really", "so", "just", "please", "thanks"),
        *("thank", "you", "all", "the", "moment", "and", "it", "is", "um", "uh", "oh", "sorry"),
    }
)
"""Words that may stand around "that is all" without making it part of a story."""
_MORE_UNKNOWN = 4
"""Words that may follow "I don't know" where it opens an answer."""
_BARE_ANSWERS = frozenset({("sim",), ("nao",), ("yes",), ("no",), ("ok",), ("obrigado",)})
"""Phrases that answer many questions and so cannot by themselves end an interview."""


def holds(
    condition: Condition | None,
    candidates: tuple[Candidate, ...],
    slots: Mapping[str, SlotValue],
    complexity: Level,
    red_flags: Collection[RaisedFlag] = (),
) -> bool:
    """Say whether all parts of a condition hold for what is known."""
    if condition is None:
        return True
    if condition.calm and red_flags:
        return False
    if condition.areas:
        leading = candidates[0].code if candidates else ""
        if leading not in condition.areas and leading.split(".")[0] not in condition.areas:
            return False
    if condition.slot is not None:
        known = slots.get(condition.slot)
        if known is None:
            return False
        values = {known.value, *known.value.split(",")}  # of several chosen options, any will do
        if condition.equals and values.isdisjoint(condition.equals):
            return False
    return condition.complexity is None or _reaches(complexity, condition.complexity)


def missing_slots(
    playbook: Playbook,
    candidates: tuple[Candidate, ...],
    slots: Mapping[str, SlotValue],
    complexity: Level,
    red_flags: Collection[RaisedFlag] = (),
) -> tuple[str, ...]:
    """Return the required slots that apply and are not known, in the playbook's order."""
    return tuple(
        slot.name
        for slot in playbook.slots
        if slot.required
        and slot.name not in slots
        and holds(slot.when, candidates, slots, complexity, red_flags)
    )


def is_complete(
    playbook: Playbook, state: CaseState, assessment: Assessment, wants_to_end: bool
) -> bool:
    """Say whether the interview is over: enough is known, the person wants to end, or the limit."""
    budget = budget_of(playbook, assessment.complexity)
    if state.questions >= budget.most:
        return True
    if screening_due(playbook, state, assessment) is not None:
        return False
    if wants_to_end:
        return True
    upcoming = next_slot(playbook, state, assessment)
    if upcoming is None:
        return True
    if state.questions < budget.least:
        return False
    open_slots = list(_open_slots(playbook, state, assessment))
    return not any(slot.required for slot in open_slots) and not any(
        _asked_in(playbook, phase, state) < phase.least
        and any(slot.phase == phase.name for slot in open_slots)
        for phase in _open_phases(playbook, assessment)
    )


def next_slot(
    playbook: Playbook,
    state: CaseState,
    assessment: Assessment,
    declined: Collection[str] = (),
) -> Slot | None:
    """Return the slot to ask for now, or None where nothing is left to ask.

    `declined` names slots that the person has just said they cannot fill.
    """
    if (screening := screening_due(playbook, state, assessment)) is not None:
        return screening
    choices = [
        slot for slot in _open_slots(playbook, state, assessment) if slot.name not in declined
    ]
    again = next((slot for slot in choices if slot.name in state.asked), None)
    if again is not None:
        return again
    required = [slot for slot in choices if slot.required]
    left = budget_of(playbook, assessment.complexity).most - state.questions
    if required and left <= len(required):
        choices = required
    order = {phase.name: place for place, phase in enumerate(playbook.phases)}
    return min(choices, key=lambda slot: (order[slot.phase], not slot.required), default=None)


def screening_due(playbook: Playbook, state: CaseState, assessment: Assessment) -> Slot | None:
    """Return the list of dangers if it has to be put now: it was not, and something was told.

    Where nothing that was told could be made out, it takes the last question there may be.
    """
    slot = playbook.screening
    left = budget_of(playbook, assessment.complexity).most - state.questions
    if slot is None or left < 1 or slot.name in state.asked or slot.name in assessment.slots:
        return None
    known = known_options(playbook, slot, (flag.code for flag in assessment.red_flags))
    if all(one.alone or one.unsaid or one.value in known for one in slot.options):
        return None
    when = slot.when
    if when is not None and left == 1:
        when = replace(when, slot=None, equals=())
    applies = holds(
        when,
        assessment.candidates,
        assessment.slots,
        assessment.complexity,
        assessment.red_flags,
    )
    return slot if applies else None


def fixed_question(playbook: Playbook, state: CaseState, assessment: Assessment) -> Slot | None:
    """Return the slot to ask for now if its question has to be put as it stands.

    A question that lists its options is: a model would leave some of them out.
    """
    if is_complete(playbook, state, assessment, wants_to_end=False):
        return None
    slot = next_slot(playbook, state, assessment)
    return slot if slot is not None and slot.several else None


def wants_to_end(playbook: Playbook, message: str, locale: str) -> bool:
    """Say whether a short message says that there is nothing to add, in any of the locales."""
    said = words(message)
    mine = playbook.locale(locale)
    for other in (mine, *(one for one in playbook.locales if one != mine)):
        for phrase in map(phrase_words, playbook.phrases.done.get(other, ())):
            if phrase and phrase not in _BARE_ANSWERS and _is_all(said, phrase):
                return True
    return False


def is_ending(
    playbook: Playbook,
    state: CaseState,
    assessment: Assessment,
    said: Sequence[str],
    message: str,
) -> bool:
    """Say whether the person wants to end now, or did before the list of dangers was put.

    In answer to the list, "nothing else" says that no other danger is there.

    Args:
        playbook: Of the case.
        state: The case before the message.
        assessment: The understanding after it.
        said: The person's earlier messages.
        message: What the person says now.
    """
    slot = playbook.screening
    wants = wants_to_end(playbook, message, state.locale)
    if slot is None or state.asking != slot.name:
        return wants
    if slot.name not in assessment.slots:
        return wants and unsaid(slot) is None
    if wants and not was_answered(slot, assessment.slots):
        return True
    return any(wants_to_end(playbook, one, state.locale) for one in said)


def is_unknown(playbook: Playbook, message: str) -> bool:
    """Say whether a short message says that the person does not know, in any of the locales."""
    said = words(message)
    return any(
        phrase and (_is_all(said, phrase) or _opens(said, phrase))
        for listed in playbook.phrases.unknown.values()
        for phrase in map(phrase_words, listed)
    )


def budget_of(playbook: Playbook, complexity: Level) -> Budget:
    """Return how many questions a case of this complexity takes."""
    budgets = playbook.limits.questions
    return budgets.get(complexity) or budgets.get("low") or next(iter(budgets.values()))


def _is_all(said: list[str], phrase: tuple[str, ...]) -> bool:
    """Say whether somebody says a phrase and nothing else but fillers."""
    size = len(phrase)
    return any(
        tuple(said[place : place + size]) == phrase
        and _FILLERS.issuperset(said[:place])
        and _FILLERS.issuperset(said[place + size :])
        for place in range(len(said) - size + 1)
    )


def _opens(said: list[str], phrase: tuple[str, ...]) -> bool:
    """Say whether a short answer begins with a phrase of several words."""
    size = len(phrase)
    begins = size > 1 and tuple(said[:size]) == phrase
    return begins and len(said) <= size + _MORE_UNKNOWN


def _open_slots(playbook: Playbook, state: CaseState, assessment: Assessment) -> Iterator[Slot]:
    """Yield the slots that may still be asked for, in the playbook's order.

    The slot that was asked for last is among them even if its phase is full by now.
    """
    open_phases = {
        phase.name
        for phase in _open_phases(playbook, assessment)
        if _asked_in(playbook, phase, state) < phase.most
    }
    screening = playbook.screening
    for slot in playbook.slots:
        times = state.asked.get(slot.name, 0)
        if slot.name in assessment.slots or times >= MOST_OFTEN:
            continue
        if not times and slot == screening:
            continue  # `screening_due` says when it is put first
        if state.asking != slot.name if times else slot.phase not in open_phases:
            continue
        if holds(
            slot.when,
            assessment.candidates,
            assessment.slots,
            assessment.complexity,
            assessment.red_flags,
        ):
            yield slot


def _open_phases(playbook: Playbook, assessment: Assessment) -> Iterator[Phase]:
    for phase in playbook.phases:
        if _reaches(assessment.complexity, phase.complexity):
            yield phase


def _asked_in(playbook: Playbook, phase: Phase, state: CaseState) -> int:
    return sum(state.asked.get(slot.name, 0) for slot in playbook.slots if slot.phase == phase.name)


def _reaches(level: Level, least: Level) -> bool:
    return LEVEL_ORDER.index(level) >= LEVEL_ORDER.index(least)
