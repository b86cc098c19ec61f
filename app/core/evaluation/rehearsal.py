"""Whole interviews with a scripted person: how many questions they take and whether they end well.

The person tells a story first and then answers every question plainly by its kind, in the language
of the case; free text is answered with a few words that say nothing new about the kind of problem.
Where an answer raises red flags, the person answers truthfully: as the story's labels say. So what
is found at the end of these interviews rests on people telling the truth when they are asked.
"""

import time
from collections import Counter
from collections.abc import Iterable
from datetime import date
from statistics import mean

from msgspec import Struct
from msgspec.structs import replace

from app.core.evaluation.stories import Missed, Rate, Story, new_case, rate
from app.core.guided import GuidedInterviewer
from app.core.understanding.plan import budget_of
from app.core.understanding.running import Understanding
from app.core.understanding.screening import known_options
from app.domain.case import CaseState
from app.domain.playbook import Level, Playbook, Slot

_PORTUGUESE = {
    "text": "como eu contei antes",
    "date": "foi semana passada",
    "money": "uns 1.500 reais",
    "number": "dois",
    "yes_no": "acho que não",
    "yes": "sim",
    "several": "nenhuma",
    "place": "Recife",
}
_ENGLISH = {
    "text": "just as I told you before",
    "date": "it was last week",
    "money": "about 1,500 reais",
    "number": "two",
    "yes_no": "I don't think so",
    "yes": "yes",
    "several": "none",
    "place": "Recife",
}
_MOST_TURNS = 40


class Rehearsed(Struct, frozen=True, kw_only=True):
    """How one interview went."""

    story: str
    questions: int
    complexity: Level
    complete: bool
    """It ended by itself."""
    within_budget: bool
    all_known: bool
    """Every required slot that applies was known at the end."""
    asked_again: int
    """Questions that were put a second time."""
    screened: bool
    """It was asked for dangers by a question that lists them."""
    expected: tuple[str, ...]
    """The red flags of the story's labels."""
    raised: tuple[str, ...]
    """The red flags raised by the end."""
    milliseconds: float
    """Of computing, for the slowest turn."""


class Rehearsal(Struct, frozen=True, kw_only=True):
    """How all interviews went."""

    interviews: int
    complete: Rate
    within_budget: Rate
    all_known: Rate
    questions_mean: float
    questions_most: int
    by_complexity: dict[str, int]
    screened: Rate
    """Were asked for dangers by a question that lists them."""
    flags_found: Rate
    """Red flags raised by the end; of those that should have been."""
    calm_alarms: Rate
    """Interviews with any red flag; of those about stories that should have none."""
    missed: tuple[Missed, ...]
    """Red flags that were not raised by the end."""
    slowest_turn_ms: float


def rehearse(
    playbook: Playbook, understanding: Understanding, stories: Iterable[Story], today: date
) -> Rehearsal:
    """Hold an interview about every story."""
    interviewer = GuidedInterviewer(playbook, understanding)
    held = [_interview(playbook, understanding, interviewer, one, today) for one in stories]
    calm = [one for one in held if not one.expected]
    found = sum(len(set(one.expected).intersection(one.raised)) for one in held)
    return Rehearsal(
        interviews=len(held),
        complete=rate(sum(one.complete for one in held), len(held)),
        within_budget=rate(sum(one.within_budget for one in held), len(held)),
        all_known=rate(sum(one.all_known for one in held), len(held)),
        questions_mean=mean(one.questions for one in held) if held else 0.0,
        questions_most=max((one.questions for one in held), default=0),
        by_complexity=dict(Counter(one.complexity for one in held)),
        screened=rate(sum(one.screened for one in held), len(held)),
        flags_found=rate(found, sum(len(one.expected) for one in held)),
        calm_alarms=rate(sum(bool(one.raised) for one in calm), len(calm)),
        missed=tuple(
            Missed(story=one.story, red_flag=flag)
            for one in held
            for flag in one.expected
            if flag not in one.raised
        ),
        slowest_turn_ms=max((one.milliseconds for one in held), default=0.0),
    )


def _interview(
    playbook: Playbook,
    understanding: Understanding,
    interviewer: GuidedInterviewer,
    story: Story,
    today: date,
) -> Rehearsed:
    state = new_case(playbook, story)
    said: list[str] = []
    message = story.text
    slowest = 0.0
    complete = False
    for turn in range(1, _MOST_TURNS):
        began = time.perf_counter()
        assessment = understanding.read(state, said, turn, message, today)
        line = interviewer.answer(state, assessment, said, message, turn)
        slowest = max(slowest, (time.perf_counter() - began) * 1_000)
        said.append(message)
        asked = dict(state.asked)
        if line.asking is not None:
            asked[line.asking] = asked.get(line.asking, 0) + 1
        state = replace(
            state,
            assessment=assessment,
            asking=line.asking,
            asked=asked,
            questions=state.questions + (line.asking is not None),
        )
        if line.complete:
            complete = True
            break
        slot = playbook.slot(line.asking) if line.asking else None
        message = _scripted(playbook, slot, story, state) if slot else story.text
    return Rehearsed(
        story=story.id,
        questions=state.questions,
        complexity=state.assessment.complexity,
        complete=complete,
        within_budget=state.questions <= budget_of(playbook, state.assessment.complexity).most,
        all_known=not state.assessment.missing,
        asked_again=sum(times - 1 for times in state.asked.values()),
        screened=playbook.screening is not None and playbook.screening.name in state.asked,
        expected=story.red_flags,
        raised=tuple(flag.code for flag in state.assessment.red_flags),
        milliseconds=slowest,
    )


def _scripted(playbook: Playbook, slot: Slot, story: Story, state: CaseState) -> str:
    locale = state.locale
    raising = [
        (value, flag.code in story.red_flags)
        for flag in playbook.red_flags
        for answer in flag.answers
        if answer.slot == slot.name
        for value in answer.equals
    ]
    true = {value for value, expected in raising if expected}
    false = {value for value, expected in raising if not expected} - true
    answers = _PORTUGUESE if locale.partition("-")[0] == "pt" else _ENGLISH
    if slot.several:
        flags = (flag.code for flag in state.assessment.red_flags)
        asked = true - known_options(playbook, slot, flags)
        chosen = (str(n) for n, one in enumerate(slot.options, 1) if one.value in asked)
        return ", ".join(chosen) or answers["several"]
    if slot.kind == "choice":
        ranked = sorted(slot.options, key=lambda one: (one.value not in true, one.value in false))
        return ranked[0].label[locale]
    if slot.kind == "yes_no" and ("yes" in true or "no" in false):
        return answers["yes"]
    return answers[slot.kind]
