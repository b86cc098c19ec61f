"""The guided analysis: a complete result without any model, from rules and the playbook alone.

Every fact cites the turn it rests on. Where the kind of problem is not clear, the result abstains:
it asks for a human and its urgency is at least medium, since a low one would be a guess.
"""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime

from app.core.analysis.wording import Wording, wording
from app.core.language.dates import find_dates
from app.core.language.text import folded
from app.core.understanding.running import Understanding
from app.domain.analysis import (
    Analysis,
    ChronologyEntry,
    Classification,
    Documents,
    Fact,
    Party,
    Provenance,
    Strategy,
    Summary,
    Urgency,
    Viability,
)
from app.domain.assessment import SlotValue
from app.domain.case import CaseState, Turn, spoken
from app.domain.playbook import Playbook, Slot, SubArea, UrgencyLevel, Words, more_urgent

NAME_SLOT = "name"
COUNTERPARTY_SLOT = "counterparty"
WISH_SLOT = "wish"
DOCUMENTS_SLOT = "documents"
DEADLINE_SLOT = "deadline"
"""Slots with a place of their own in a result; a playbook without them simply has none there."""

_LONGEST_QUOTE = 400
_MOST_ENTRIES = 20
_SENTENCE_ENDS = ".!?;\n"


def guided_analysis(
    playbook: Playbook,
    understanding: Understanding,
    state: CaseState,
    turns: Sequence[Turn],
    now_ms: int,
    duration_ms: float,
    planned: Strategy,
    degradations: tuple[str, ...],
) -> Analysis:
    """Return the result of a case.

    Args:
        playbook: The playbook the case uses.
        understanding: Its compiled rules.
        state: The case, with the assessment the result is made of.
        turns: The case's turns, oldest first.
        now_ms: Unix time in milliseconds.
        duration_ms: How long the analysis took so far.
        planned: The strategy this case's complexity calls for.
        degradations: What was done with less than planned, and why.
    """
    return _Report(playbook, understanding, state, turns).analysis(
        now_ms, duration_ms, planned, degradations
    )


class _Report:
    """One case on its way to a result; holds what the parts have in common."""

    def __init__(
        self,
        playbook: Playbook,
        understanding: Understanding,
        state: CaseState,
        turns: Sequence[Turn],
    ) -> None:
        self._playbook = playbook
        self._understanding = understanding
        self._state = state
        self._turns = turns
        self._locale = playbook.locale(state.locale)
        self._words: Wording = wording(self._locale)
        self._assessment = state.assessment
        self._slots = state.assessment.slots
        self._flags = tuple(dict.fromkeys(flag.code for flag in state.assessment.red_flags))
        placed = understanding.is_placed(state.assessment)
        code = state.assessment.candidates[0].code if placed else None
        self._sub: SubArea | None = playbook.subareas().get(code) if code else None

    def analysis(
        self,
        now_ms: int,
        duration_ms: float,
        planned: Strategy,
        degradations: tuple[str, ...],
    ) -> Analysis:
        urgency = self._urgency()
        return Analysis(
            classification=self._classification(),
            nature=self._sub.nature if self._sub else None,
            urgency=urgency,
            complexity=self._assessment.complexity,
            red_flags=self._flags,
            needs_human=self._sub is None or self._understanding.safety.handoff(self._flags),
            parties=tuple(self._parties()),
            facts=tuple(self._facts()),
            chronology=tuple(self._chronology())[:_MOST_ENTRIES],
            requests=self._value_of(WISH_SLOT),
            documents=Documents(
                mentioned=self._value_of(DOCUMENTS_SLOT), needed=self._listed("documents")
            ),
            viability=self._viability(),
            next_steps=self._steps(),
            warnings=self._warnings(),
            summary=Summary(plain=self._plain(urgency), professional=self._professional(urgency)),
            provenance=Provenance(
                strategy="guided",
                planned=planned,
                degradations=degradations,
                models=(),
                prompt=None,
                playbook=f"{self._playbook.id} {self._playbook.version}",
                cost_nano_usd=0,
                duration_ms=duration_ms,
                cached=False,
            ),
            created_at=now_ms,
        )

    def _classification(self) -> Classification:
        return Classification(
            code=self._sub.code if self._sub else None,
            area=self._area_label(self._sub.code) if self._sub else None,
            subarea=self._sub.label[self._locale] if self._sub else None,
            top=self._assessment.candidates,
            abstained=self._sub is None,
        )

    def _area_label(self, code: str) -> str | None:
        wanted = code.partition(".")[0]
        return next(
            (one.label[self._locale] for one in self._playbook.areas if one.code == wanted), None
        )

    def _kind_label(self, code: str) -> str:
        sub = self._playbook.subareas().get(code)
        own = sub.label[self._locale] if sub else code
        area = self._area_label(code)
        return f"{area} – {own}" if area else own

    def _urgency(self) -> Urgency:
        """Return the highest of what speaks for haste, with the reason of the highest."""
        reasons: list[tuple[UrgencyLevel, str]] = []
        if self._flags:
            safety = self._understanding.safety
            labels = ", ".join(safety.labels(self._flags, self._locale))
            reasons.append((safety.urgency(self._flags), self._words.by_flags.format(flags=labels)))
        known = self._slots.get(DEADLINE_SLOT)
        if known is not None and known.value != "no":
            reasons.append(("high", self._words.by_deadline))
        if self._sub is None:
            reasons.append(("medium", self._words.by_doubt))
        elif self._sub.urgency != "low":
            kind = self._sub.label[self._locale]
            reasons.append((self._sub.urgency, self._words.by_kind.format(kind=kind)))
        level: UrgencyLevel = "low"
        for one, _ in reasons:
            level = more_urgent(level, one)
        reason = next((text for one, text in reasons if one == level), self._words.by_default)
        return Urgency(
            level=level,
            reason=reason[:1].upper() + reason[1:],
            deadline=self._sub.deadline.get(self._locale) if self._sub else None,
            immediate_actions=self._understanding.safety.advices(self._flags, self._locale),
        )

    def _facts(self) -> Iterator[Fact]:
        for slot in self._playbook.slots:
            known = self._slots.get(slot.name)
            if known is not None:
                yield Fact(
                    name=slot.name,
                    label=slot.label[self._locale],
                    value=self._shown(slot, known),
                    turn=known.turn,
                )

    def _shown(self, slot: Slot, known: SlotValue) -> str:
        """Return a value as people read it; dates and amounts stay in their normal form."""
        if slot.kind == "yes_no":
            return {"yes": self._words.yes, "no": self._words.no}.get(known.value, known.value)
        if slot.kind == "choice":
            labels = {one.value: one.label[self._locale] for one in slot.options}
            return "; ".join(labels.get(one, one) for one in slot.chosen(known.value))
        return known.value

    def _parties(self) -> Iterator[Party]:
        if NAME_SLOT in self._slots:
            yield Party(role=self._words.person, name=self._slots[NAME_SLOT].value)
        counterparty = self._playbook.slot(COUNTERPARTY_SLOT)
        if counterparty is not None and COUNTERPARTY_SLOT in self._slots:
            yield Party(
                role=counterparty.label[self._locale], name=self._slots[COUNTERPARTY_SLOT].value
            )

    def _chronology(self) -> Iterator[ChronologyEntry]:
        told: set[tuple[str, str]] = set()
        for turn in self._turns:
            if (said := spoken(turn.command)) is None:
                continue
            today = datetime.fromtimestamp(turn.at / 1_000, UTC).date()
            text = folded(said)
            for found in find_dates(text.text, today, self._locale):
                origin = text.origins[found.start], text.origins[found.end]
                what = _sentence(said, *origin)
                if (found.value, what) not in told:
                    told.add((found.value, what))
                    yield ChronologyEntry(when=found.value, what=what, turn=turn.turn)

    def _value_of(self, slot: str) -> tuple[str, ...]:
        known = self._slots.get(slot)
        return (known.value,) if known is not None else ()

    def _listed(self, field: str) -> tuple[str, ...]:
        if self._sub is None:
            return ()
        listed: Words = {
            "documents": self._sub.documents,
            "steps": self._sub.steps,
            "warnings": self._sub.warnings,
        }[field]
        return listed.get(self._locale, ())

    def _steps(self) -> tuple[str, ...]:
        return self._listed("steps") or self._playbook.general_steps.get(self._locale, ())

    def _warnings(self) -> tuple[str, ...]:
        if self._sub is None:
            return (self._playbook.phrases.out_of_scope[self._locale],)
        return self._listed("warnings")

    def _viability(self) -> Viability:
        required = [slot for slot in self._playbook.slots if slot.required]
        strengths = [
            self._words.known.format(label=slot.label[self._locale])
            for slot in required
            if slot.name in self._slots
        ]
        weaknesses = [
            self._words.unknown.format(label=label) for label in self._labels_of_missing()
        ]
        if self._playbook.slot(DOCUMENTS_SLOT) is not None:
            if DOCUMENTS_SLOT in self._slots:
                strengths.append(self._words.has_documents)
            else:
                weaknesses.append(self._words.no_documents)
        return Viability(
            level="unknown",
            strengths=tuple(strengths),
            weaknesses=tuple(weaknesses),
            rationale=self._words.unassessed,
        )

    def _labels_of_missing(self) -> list[str]:
        slots = (self._playbook.slot(name) for name in self._assessment.missing)
        return [slot.label[self._locale] for slot in slots if slot is not None]

    def _story(self) -> str:
        slot = self._understanding.story
        known = self._slots.get(slot.name) if slot else None
        return " ".join(known.value.split()) if known else ""

    def _plain(self, urgency: Urgency) -> str:
        say = self._words
        lines: list[str] = []
        if story := self._story():
            lines.append(say.told.format(story=_shortened(story)))
        if self._sub is not None:
            lines.append(say.kind.format(kind=self._kind_label(self._sub.code)))
        else:
            lines.append(say.unplaced)
        level = say.levels[urgency.level]
        lines.append(say.urgency.format(level=level, reason=_lowered(urgency.reason)))
        if urgency.deadline:
            lines.append(say.time_limit.format(deadline=urgency.deadline))
        if steps := self._steps():
            lines.append(say.next_step.format(step=steps[0]))
        return "\n".join(lines)

    def _professional(self, urgency: Urgency) -> str:
        say = self._words
        top = self._assessment.candidates
        lines: list[str] = []
        if self._sub is not None:
            percent = say.confidence.format(percent=round(top[0].confidence * 100))
            lines.append(f"{self._kind_label(self._sub.code)} ({percent}).")
        else:
            lines.append(say.unplaced)
        others = [self._kind_label(one.code) for one in top if self._is_alternative(one.code)]
        if others:
            lines.append(say.alternatives.format(labels="; ".join(others[:2])))
        level = say.levels[urgency.level]
        lines.append(say.urgency.format(level=level, reason=_lowered(urgency.reason)))
        if self._flags:
            labels = self._understanding.safety.labels(self._flags, self._locale)
            lines.append(say.flags.format(labels="; ".join(labels)))
        if urgency.deadline:
            lines.append(say.time_limit.format(deadline=urgency.deadline))
        story = self._understanding.story
        facts = [fact for fact in self._facts() if story is None or fact.name != story.name]
        if facts:
            lines.append(say.facts)
            lines.extend(f"- {fact.label}: {fact.value} [{fact.turn}]" for fact in facts)
        if missing := self._labels_of_missing():
            lines.append(say.missing.format(labels=", ".join(missing)))
        if told := self._story():
            lines.append(f"{say.raw} {told}")
        return "\n".join(lines)

    def _is_alternative(self, code: str) -> bool:
        return self._sub is None or code != self._sub.code


def _sentence(text: str, start: int, end: int) -> str:
    """Return the sentence of the text around a place, shortened if it is long."""
    begins = max(text.rfind(sign, 0, start) for sign in _SENTENCE_ENDS) + 1
    stops = [place for sign in _SENTENCE_ENDS if (place := text.find(sign, end)) >= 0]
    return _shortened(" ".join(text[begins : min(stops, default=len(text))].split()))


def _shortened(text: str) -> str:
    if len(text) <= _LONGEST_QUOTE:
        return text
    return text[:_LONGEST_QUOTE].rsplit(" ", 1)[0] + "…"


def _lowered(text: str) -> str:
    return text[:1].lower() + text[1:]
