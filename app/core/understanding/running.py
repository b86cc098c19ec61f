"""The rules' running understanding of a case: slots, candidates, complexity, red flags, what lacks.

It is pure: a new message and what is known so far give a new assessment. Red flags only grow; what
the person has set by a correction is never overwritten.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, date, datetime

from app.core.language.text import words
from app.core.understanding.complexity import Complexities
from app.core.understanding.concepts import concepts_by_locale
from app.core.understanding.counting import Counted
from app.core.understanding.extraction import SlotFinder, read_answer
from app.core.understanding.learned import Learned
from app.core.understanding.lexical import ABSTAIN_BELOW, Lexicon
from app.core.understanding.plan import (
    MOST_OFTEN,
    budget_of,
    is_unknown,
    missing_slots,
    wants_to_end,
)
from app.core.understanding.safety import Heard, SafetyFloor
from app.core.understanding.screening import read_screening, unsaid
from app.domain.assessment import Assessment, Candidate, RaisedFlag, SlotValue
from app.domain.case import CaseState
from app.domain.playbook import LEVEL_ORDER, Level, Playbook, Slot

_STORY_WORDS = 4
"""A first message shorter than this, in which nothing is recognised, is a greeting and no story."""
_TELLING = 8
"""An answer of so many words tells something of its own."""
_LONGEST_STORY = 6_000
_SURELY = 0.7
"""From this confidence on, a kind of problem that is a danger by itself raises its flag."""


class Understanding:
    """The compiled rules of one playbook."""

    def __init__(self, playbook: Playbook, counted: Counted | None = None) -> None:
        """Compile the safety floor, the lexicon, the slots' patterns and the signals."""
        self._playbook = playbook
        concepts = concepts_by_locale(playbook)
        self.safety = SafetyFloor(playbook, concepts)
        self.lexicon = Lexicon(playbook, counted=counted, concepts=concepts)
        self.learned = Learned(playbook, self.safety, self.lexicon)
        self._finder = SlotFinder(playbook)
        self._weighing = Complexities(playbook)
        self.story = next(
            (slot for slot in playbook.slots if slot.required and slot.kind == "text"), None
        )

    def read(
        self, state: CaseState, said: Sequence[str], turn: int, message: str, today: date
    ) -> Assessment:
        """Return the assessment after a message.

        Args:
            state: The case before the message; `state.asking` is what was asked last.
            said: The person's earlier messages, oldest first.
            turn: The turn of this message.
            message: What the person says now.
            today: The day against which relative dates are read.
        """
        before = state.assessment
        heard = self.safety.hear(message)
        found = self._dangers(message, heard, self._told_with(state, said, message))
        flags = self._raise(before.red_flags, found, turn)
        candidates = self._classify([*said, message], heard, flags)
        slots = self._slots(state, turn, message, today, flags, recognised=bool(candidates))
        flags = self._flags(flags, candidates, slots, turn)
        signals = self._weighing.signals(before.signals, message, candidates)
        written = sum(map(len, said)) + len(message)
        return self._assess(slots, candidates, flags, signals, written, before.complexity)

    def fill(
        self,
        state: CaseState,
        said: Sequence[str],
        turn: int,
        answers: Mapping[str, str],
        told: Mapping[str, str],
        today: date,
    ) -> Assessment:
        """Return the assessment after a form was submitted.

        Args:
            state: The case before.
            said: The person's earlier messages, oldest first.
            turn: The turn in which the form was submitted.
            answers: What it says, by slot, each as its kind is normalised.
            told: Which of it is in the person's own words, by slot.
            today: The day against which relative dates are read.
        """
        before = state.assessment
        main = None if self.story is None else told.get(self.story.name)
        # The story comes last, as the message that all else belongs to.
        texts = [one for one in told.values() if one is not main]
        texts += [] if main is None else [main]
        stories = [one for one in texts if one is main or len(words(one)) >= _TELLING]
        heard = self.safety.hear("")
        found: list[str] = []
        for text in texts:
            heard = self.safety.hear(text)
            found += self._dangers(text, heard, text if text in stories else None)
        flags = self._raise(before.red_flags, found, turn)
        candidates = before.candidates
        if texts:
            # Short answers say little of the kind of problem, unless the story says even less.
            narrow = self._classify([*said, *(stories or texts)], heard, flags)
            wide = self._classify([*said, *texts], heard, flags)
            candidates = max(narrow, wide, key=lambda one: one[0].confidence if one else 0.0)
        slots = dict(before.slots)
        for name, value in answers.items():
            slots[name] = SlotValue(value=value, turn=turn, source="person")
        for text in texts:
            for name, value in self._finder.find(text, state.locale, today).items():
                slots.setdefault(name, SlotValue(value=value, turn=turn, source="rules"))
        flags = self._flags(flags, candidates, slots, turn)
        signals = self._weighing.signals(before.signals, "\n".join(texts), candidates)
        written = sum(map(len, (*said, *texts)))
        return self._assess(slots, candidates, flags, signals, written, before.complexity)

    def correct(self, state: CaseState, slot: str, value: str, turn: int) -> Assessment:
        """Return the assessment after the person set a fact; an empty value removes it.

        A value is normalised as an answer would be where it can be read as one, and kept as it
        stands where it cannot: the person has the last word.
        """
        before = state.assessment
        slots = dict(before.slots)
        if value.strip():
            known = self._playbook.slot(slot)
            read = _normalised(known, value, state) if known else None
            slots[slot] = SlotValue(value=read or value.strip(), turn=turn, source="person")
        else:
            slots.pop(slot, None)
        flags, candidates = before.red_flags, before.candidates
        if self.story is not None and slot == self.story.name and value.strip():
            heard = self.safety.hear(value)
            flags = self._raise(flags, self._dangers(value, heard, value), turn)
            candidates = self._classify([value], heard, flags)
        flags = self._flags(flags, candidates, slots, turn)
        signals = self._weighing.signals(before.signals, "", candidates)
        return self._assess(slots, candidates, flags, signals, state.said_chars, before.complexity)

    def left_open(self, state: CaseState, turn: int) -> Assessment:
        """Return the assessment where the interview ends now, though dangers were not ruled out.

        Whoever told something and did not answer the list of dangers, or never got to see it, is
        not taken to be safe.
        """
        before = state.assessment
        slot, story = self._playbook.screening, self.story
        value = None if slot is None else unsaid(slot)
        told = story is not None and story.name in before.slots
        if slot is None or value is None or slot.name in before.slots or not told:
            return before
        slots = {**before.slots, slot.name: SlotValue(value=value, turn=turn, source="rules")}
        flags = self._flags(before.red_flags, (), slots, turn)
        written = state.said_chars
        return self._assess(
            slots, before.candidates, flags, before.signals, written, before.complexity
        )

    def dangers(self, story: str) -> tuple[str, ...]:
        """Return the red flags that a story raises: by the rules, and by what was learned."""
        return self._dangers(story, self.safety.hear(story), story)

    def _dangers(self, message: str, heard: Heard, story: str | None) -> tuple[str, ...]:
        """Return the red flags of a message, and of the story told with it, if it tells one."""
        if story is None:
            return heard.flags
        whole = heard if story == message else self.safety.hear(story)
        return (*heard.flags, *self.learned.flags(story, whole))

    def _told_with(self, state: CaseState, said: Sequence[str], message: str) -> str | None:
        """Return the story that a message tells or belongs to, or None for a mere answer.

        What was learned was learned from stories: a few words, put as an answer, are none.
        """
        if state.asking is None or len(words(message)) >= _TELLING:
            return message
        asks_story = self.story is not None and state.asking == self.story.name
        return "\n".join((*said, message))[-_LONGEST_STORY:] if asks_story else None

    def is_placed(self, assessment: Assessment) -> bool:
        """Say whether the leading candidate is likely enough to be called the classification."""
        top = assessment.candidates[:1]
        return bool(top) and top[0].confidence >= ABSTAIN_BELOW

    def _assess(
        self,
        slots: dict[str, SlotValue],
        candidates: tuple[Candidate, ...],
        flags: tuple[RaisedFlag, ...],
        signals: tuple[str, ...],
        written: int,
        least: Level,
    ) -> Assessment:
        # What a model found complex does not become simple because a rule cannot see why.
        found = self._weighing.level(candidates, flags, signals, written)
        complexity = max(found, least, key=LEVEL_ORDER.index)
        return Assessment(
            slots=slots,
            candidates=candidates,
            complexity=complexity,
            signals=signals,
            confidence=candidates[0].confidence if candidates else 0.0,
            red_flags=flags,
            missing=missing_slots(self._playbook, candidates, slots, complexity, flags),
        )

    def _slots(
        self,
        state: CaseState,
        turn: int,
        message: str,
        today: date,
        flags: tuple[RaisedFlag, ...],
        *,
        recognised: bool,
    ) -> dict[str, SlotValue]:
        slots = dict(state.assessment.slots)
        asked = self._playbook.slot(state.asking) if state.asking else None
        if asked is not None and asked == self._playbook.screening:
            self._fill(slots, asked, self._screened(state, asked, message, flags), turn)
        elif asked is not None and not is_unknown(self._playbook, message):
            self._fill(slots, asked, read_answer(asked, message, state.locale, today), turn)
        story = self.story
        told = recognised or len(words(message)) >= _STORY_WORDS
        if story is not None and story.name not in slots and asked is None and told:
            slots[story.name] = SlotValue(value=message.strip(), turn=turn, source="rules")
        for name, value in self._finder.find(message, state.locale, today).items():
            if name not in slots:
                slots[name] = SlotValue(value=value, turn=turn, source="rules")
        return slots

    def _screened(
        self, state: CaseState, slot: Slot, message: str, flags: tuple[RaisedFlag, ...]
    ) -> str | None:
        """Read the answer to the list of dangers; None where it is put once more."""
        playbook, before = self._playbook, state.assessment
        last = (
            is_unknown(playbook, message)
            or wants_to_end(playbook, message, state.locale)
            or state.asked.get(slot.name, 0) >= MOST_OFTEN
            or state.questions >= budget_of(playbook, before.complexity).most
        )
        return read_screening(
            playbook,
            slot,
            message,
            [one.code for one in before.red_flags],
            [one.code for one in flags],
            last=last,
        )

    def _fill(self, slots: dict[str, SlotValue], slot: Slot, value: str | None, turn: int) -> None:
        known = slots.get(slot.name)
        if value is None or (known is not None and known.source == "person"):
            return
        if known is not None and slot is self.story:
            value = f"{known.value}\n{value}"[:_LONGEST_STORY]
        slots[slot.name] = SlotValue(value=value, turn=turn, source="rules")

    def _classify(
        self, said: Sequence[str], latest: Heard, flags: tuple[RaisedFlag, ...]
    ) -> tuple[Candidate, ...]:
        """Classify what was said; the dangers that rules found in it speak for their kinds."""
        found = (flag.code for flag in flags if flag.source == "rules")
        lexical = self.lexicon.evidence(said, self.safety.suggested(found))
        return self.lexicon.ranked(self.learned.evidence(said, latest, lexical))

    def _flags(
        self,
        raised: tuple[RaisedFlag, ...],
        candidates: tuple[Candidate, ...],
        slots: dict[str, SlotValue],
        turn: int,
    ) -> tuple[RaisedFlag, ...]:
        """Add the flags that known answers raise, and those of a kind the case is surely of."""
        sure = candidates[:1] if candidates and candidates[0].confidence >= _SURELY else ()
        by_kind = (code for one in sure for code in self.safety.from_area(one.code))
        return self._raise(raised, (*self.safety.from_slots(slots), *by_kind), turn)

    def _raise(
        self, raised: tuple[RaisedFlag, ...], found: Iterable[str], turn: int
    ) -> tuple[RaisedFlag, ...]:
        known = {flag.code for flag in raised}
        new = (code for code in dict.fromkeys(found) if code not in known)
        return (*raised, *(RaisedFlag(code=code, turn=turn, source="rules") for code in new))


def _normalised(slot: Slot, value: str, state: CaseState) -> str | None:
    """Read a corrected value as an answer of its kind, as of the day the case was last touched."""
    if slot.kind == "text":
        return None
    today = datetime.fromtimestamp(state.updated_at / 1_000, UTC).date()
    return read_answer(slot, value, state.locale, today)
