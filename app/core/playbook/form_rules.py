"""What a form has to be: complete without an interview, and answerable from top to bottom."""

from collections.abc import Iterator

from app.core.playbook.shape import Mistake
from app.core.playbook.toml_lines import Path
from app.domain.playbook import FormCondition, FormField, Playbook, Slot

_CHOSEN = ("choice", "yes_no")


def form_mistakes(playbook: Playbook) -> Iterator[Mistake]:
    """Yield every mistake of a playbook's form, if it has one."""
    if playbook.form is None:
        return
    path: Path = ("form", "sections")
    if not playbook.form.sections:
        yield path, "empty; expected at least one section"
    names: dict[str, int] = {}
    asked: dict[str, FormField] = {}
    for index, section in enumerate(playbook.form.sections):
        if (first := names.setdefault(section.name, index)) != index:
            what = f"'{section.name}' is already section number {first}; expected it once"
            yield (*path, index, "name"), what
        if not section.fields:
            yield (*path, index, "fields"), "empty; expected at least one field"
        for number, field in enumerate(section.fields):
            place = (*path, index, "fields", number)
            slot = playbook.slot(field.slot)
            if slot is None:
                known = ", ".join(one.name for one in playbook.slots)
                yield (*place, "slot"), f"unknown slot '{field.slot}'; expected one of {known}"
            elif field.slot in asked:
                what = f"'{field.slot}' is asked before in this form; expected it once"
                yield (*place, "slot"), what
            else:
                yield from _field(playbook, field, slot, asked, place)
                asked[field.slot] = field
    yield from _left_out(playbook, asked)


def _field(
    playbook: Playbook, field: FormField, slot: Slot, before: dict[str, FormField], path: Path
) -> Iterator[Mistake]:
    if field.long and slot.kind not in ("text", "place"):
        yield (*path, "long"), f"'{slot.name}' is a {slot.kind}; expected a text slot"
    if slot == _story(playbook) and not field.long:
        yield path, f"'{slot.name}' is the story in one's own words; expected long = true"
    asks_all = slot in _screening(playbook)
    if asks_all and slot.several and not (field.required or slot.required):
        yield path, f"'{slot.name}' lists dangers; expected required = true"
    if field.when is not None:
        if slot.required or asks_all:
            yield (*path, "when"), f"'{slot.name}' is asked of everybody; expected no condition"
        yield from _condition(playbook, slot, field.when, before, (*path, "when"))


def _condition(
    playbook: Playbook,
    slot: Slot,
    condition: FormCondition,
    before: dict[str, FormField],
    path: Path,
) -> Iterator[Mistake]:
    other = playbook.slot(condition.slot)
    if other is None or other.name not in before:
        what = f"unreachable: '{condition.slot}' is no field before '{slot.name}'"
        yield (*path, "slot"), f"{what}; expected an earlier field"
        return
    if other.kind not in _CHOSEN:
        yield (*path, "slot"), f"'{other.name}' is a {other.kind}; expected choice or yes_no"
        return
    if not condition.equals:
        yield (*path, "equals"), "empty; expected at least one value"
    known = [one.value for one in other.options] or ["yes", "no"]
    for index, value in enumerate(condition.equals):
        if value not in known:
            what = f"'{value}' is no value of '{other.name}'; expected {', '.join(known)}"
            yield (*path, "equals", index), what


def _left_out(playbook: Playbook, asked: dict[str, FormField]) -> Iterator[Mistake]:
    """Yield what the form has to ask of everybody and does not."""
    screening = _screening(playbook)
    for slot in playbook.slots:
        if slot.name in asked:
            continue
        if slot in screening:
            yield ("form",), f"does not ask for danger; expected a field for '{slot.name}'"
        elif slot.required and _is_for_all(slot):
            yield ("form",), f"does not ask for what must be known: '{slot.name}'"


def _screening(playbook: Playbook) -> list[Slot]:
    """Return the slots that ask everybody for danger: their answers raise red flags."""
    raising = {answer.slot for flag in playbook.red_flags for answer in flag.answers}
    return [one for one in playbook.slots if one.name in raising and _is_for_all(one)]


def _is_for_all(slot: Slot) -> bool:
    """Say whether a slot may be asked whatever the case is about: only then a form can ask it."""
    return slot.when is None or not (slot.when.areas or slot.when.complexity)


def _story(playbook: Playbook) -> Slot | None:
    return next((one for one in playbook.slots if one.required and one.kind == "text"), None)
