"""The structured intake: the fields of a playbook's form, which of them are shown, what is taken.

Nothing is guessed from an answer and nothing of it is lost: answers are checked field by field,
kept as they were given, and read as their slot's kind when the turn comes. Whoever does not know
something may say so, also where an answer is required.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import date

from msgspec import Struct

from app.core.analysis.wording import wording
from app.core.language.text import cleaned
from app.core.understanding.extraction import read_answer
from app.core.understanding.plan import is_unknown
from app.domain.assignment import STRUCTURED
from app.domain.case import CaseState, Fill
from app.domain.errors import FormInvalid, FormNotFound
from app.domain.form import FormMistake, MistakeCode
from app.domain.playbook import FormCondition, FormField, FormPlan, Playbook, Slot

Answer = str | Sequence[str]

YES_NO = ("yes", "no")
_MONTH = re.compile(r"\d{4}-(?:0[1-9]|1[0-2])")
_LONGEST_TEXT = 500
_LONGEST_PLACE = 120
_LONGEST_VALUE = 80


class Field(Struct, frozen=True):
    """A field of the form with the slot that it fills."""

    plan: FormField
    slot: Slot
    shown_when: FormCondition | None
    """None where it is always shown."""

    @property
    def required(self) -> bool:
        """Whether it must be answered where it is shown."""
        return self.plan.required or self.slot.required

    @property
    def options(self) -> tuple[str, ...]:
        """The values that can be chosen; empty where the answer is typed."""
        if self.slot.kind == "yes_no":
            return YES_NO
        return tuple(one.value for one in self.slot.options)

    def label(self, locale: str) -> str:
        """Return the question as the form puts it."""
        return (self.plan.label or self.slot.question)[locale]

    def longest(self, playbook: Playbook) -> int | None:
        """Return the most characters of a typed answer; None where it is chosen."""
        match self.slot.kind:
            case "choice" | "yes_no":
                return None
            case "text":
                return playbook.limits.message_chars if self.plan.long else _LONGEST_TEXT
            case "place":
                return _LONGEST_PLACE
            case "date" | "money" | "number":
                return _LONGEST_VALUE


def is_offered(playbook: Playbook, state: CaseState) -> bool:
    """Say whether a case has a form: its variant is the structured intake, its playbook has one."""
    return state.variant == STRUCTURED and playbook.form is not None


def form_of(playbook: Playbook, state: CaseState) -> FormPlan:
    """Return the form of a case.

    Raises:
        FormNotFound: it has none.
    """
    if playbook.form is None or not is_offered(playbook, state):
        raise FormNotFound("this case is a conversation: say what happened in a message")
    return playbook.form


def fields_of(playbook: Playbook) -> tuple[Field, ...]:
    """Return the fields of a playbook's form, in their order."""
    if playbook.form is None:
        return ()
    found: dict[str, Field] = {}
    for section in playbook.form.sections:
        for plan in section.fields:
            if (slot := playbook.slot(plan.slot)) is not None:
                found[plan.slot] = Field(plan, slot, _shown_when(plan, slot, found))
    return tuple(found.values())


def _shown_when(plan: FormField, slot: Slot, before: Mapping[str, Field]) -> FormCondition | None:
    """Return when a field is shown: what its slot says of an area or a danger is not known yet."""
    if plan.when is not None or slot.when is None:
        return plan.when
    other = slot.when.slot
    if other is None or other not in before or not slot.when.equals:
        return None
    return FormCondition(slot=other, equals=slot.when.equals)


def taken(playbook: Playbook, locale: str, given: Mapping[str, Answer], today: date) -> Fill:
    """Return the command that submits these answers; those to fields not shown are left out.

    Raises:
        FormInvalid: with every mistake of every field, in the form's order.
    """
    fields = fields_of(playbook)
    known = {field.slot.name for field in fields}
    mistakes: list[FormMistake] = []
    answers: dict[str, str | list[str]] = {}
    for field in fields:
        if not is_shown(field, answers):
            continue
        answer = _plain(field, given.get(field.slot.name, ""))
        code = _mistake(playbook, field, answer, locale, today)
        if code is not None:
            most = field.longest(playbook) or 0
            detail = _details(locale)[code].format(most=most)
            mistakes.append(FormMistake(field=field.slot.name, code=code, detail=detail))
        elif answer:
            answers[field.slot.name] = answer
    mistakes += [
        FormMistake(field=name, code="unknown_field", detail=_details(locale)["unknown_field"])
        for name in given
        if name not in known
    ]
    if mistakes:
        raise FormInvalid(tuple(mistakes))
    written = sorted(fields, key=lambda one: not one.plan.long)  # the story first
    told = (one.slot.name for one in written if one.slot.kind == "text")
    return Fill(
        answers=answers,
        told=tuple(
            name
            for name in told
            if name in answers and not is_unknown(playbook, str(answers[name]))
        ),
    )


def is_shown(field: Field, answers: Mapping[str, Answer]) -> bool:
    """Say whether a field is shown, given the answers to the fields before it."""
    if field.shown_when is None:
        return True
    answer = answers.get(field.shown_when.slot, ())
    values = {answer} if isinstance(answer, str) else set(answer)
    return not values.isdisjoint(field.shown_when.equals)


def values_of(playbook: Playbook, form: Fill, locale: str, today: date) -> dict[str, str]:
    """Return what a submitted form says, by slot, each value as its kind is normalised."""
    values: dict[str, str] = {}
    for field in fields_of(playbook):
        match form.answers.get(field.slot.name):
            case None:
                value = None
            case list() as chosen:
                value = ",".join(chosen)
            case answer if _declines(playbook, field, answer):
                value = None
            case answer:
                value = _read(field, answer, locale, today)
        if value is not None:
            values[field.slot.name] = value
    return values


def lines_of(playbook: Playbook, form: Fill, locale: str) -> Iterator[str]:
    """Yield a submitted form line by line, as people read it."""
    for field in fields_of(playbook):
        if (answer := form.answers.get(field.slot.name)) is not None:
            labels = labels_of(field, locale)
            chosen = [answer] if isinstance(answer, str) else answer
            said = "; ".join(labels.get(one, one) for one in chosen)
            yield f"{field.slot.label[locale]}: {said}"


def labels_of(field: Field, locale: str) -> dict[str, str]:
    """Return what to show for each value that can be chosen."""
    if field.slot.kind == "yes_no":
        words = wording(locale)
        return dict(zip(YES_NO, (words.yes, words.no), strict=True))
    return {one.value: one.label[locale] for one in field.slot.options}


def _plain(field: Field, answer: Answer) -> str | list[str]:
    """Return an answer without what nobody meant: space, repetitions, none beside some."""
    if isinstance(answer, str):
        one = cleaned(answer)
        return [one] if field.slot.several and one else one
    chosen = list(dict.fromkeys(filter(None, map(cleaned, answer))))
    if not field.slot.several:
        return chosen[0] if len(chosen) == 1 else chosen
    alone = {one.value for one in field.slot.options if one.alone or one.unsaid}
    order = {one: place for place, one in enumerate(field.options)}
    chosen = [one for one in chosen if one not in alone] or chosen
    return sorted(chosen, key=lambda one: order.get(one, 0))


def _mistake(
    playbook: Playbook, field: Field, answer: str | list[str], locale: str, today: date
) -> MistakeCode | None:
    if not answer:
        return "required" if field.required else None
    if field.options:
        chosen = [answer] if isinstance(answer, str) else answer
        if not set(chosen) <= set(field.options):
            return "unknown_option"
        return None if field.slot.several or isinstance(answer, str) else "only_one"
    if not isinstance(answer, str):
        return "only_one"
    most = field.longest(playbook)
    if most is not None and len(answer) > most:
        return "too_long"
    if _read(field, answer, locale, today) is None and not _declines(playbook, field, answer):
        return "not_a_date" if field.slot.kind == "date" else "not_a_number"
    return None


def _declines(playbook: Playbook, field: Field, answer: str) -> bool:
    """Say whether somebody says that they do not know, where they had to type."""
    return not field.options and is_unknown(playbook, answer)


def _read(field: Field, answer: str, locale: str, today: date) -> str | None:
    match field.slot.kind:
        case "date":
            return answer if _MONTH.fullmatch(answer) else _as_asked(field, answer, locale, today)
        case "money" | "number":
            return _as_asked(field, answer, locale, today)
        case "place":
            return _as_asked(field, answer, locale, today) or answer
        case "text" | "choice" | "yes_no":
            return answer


def _as_asked(field: Field, answer: str, locale: str, today: date) -> str | None:
    return read_answer(field.slot, answer, locale, today)


_PORTUGUESE: Mapping[MistakeCode, str] = {
    "required": "Esta pergunta precisa de uma resposta. Se não souber, escreva “não sei”.",
    "unknown_option": "Escolha uma das opções.",
    "only_one": "Dê uma só resposta.",
    "too_long": "O texto é longo demais: cabem {most} caracteres.",
    "not_a_date": "Escreva uma data, como 12/03/2026, março de 2026 ou “ontem”.",
    "not_a_number": "Escreva um número, como 1.500,00.",
    "unknown_field": "Esta pergunta não existe no formulário.",
}
_ENGLISH: Mapping[MistakeCode, str] = {
    "required": "This question needs an answer. If you do not know, write “I don't know”.",
    "unknown_option": "Choose one of the options.",
    "only_one": "Give one answer only.",
    "too_long": "The text is too long: there is room for {most} characters.",
    "not_a_date": "Write a date, such as 2026-03-12, March 2026 or “yesterday”.",
    "not_a_number": "Write a number, such as 1500.00.",
    "unknown_field": "The form has no such question.",
}


def _details(locale: str) -> Mapping[MistakeCode, str]:
    """Return what to tell the person; a language that is not here is served in English."""
    return _PORTUGUESE if locale.startswith("pt") else _ENGLISH
