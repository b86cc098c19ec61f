"""The semantic half of reading a playbook: what no type can say.

Each rule takes a playbook of the right shape and yields every mistake it finds, as a path and a
sentence of what is wrong and what is expected.
"""

from collections.abc import Iterable, Iterator

from msgspec import Struct

from app.core.playbook.form_rules import form_mistakes
from app.core.playbook.model_rules import model_mistakes
from app.core.playbook.shape import Mistake
from app.core.playbook.sign_rules import sign_mistakes
from app.core.playbook.texts import text_mistakes
from app.core.playbook.toml_lines import Path
from app.domain.playbook import (
    LEVEL_ORDER,
    Condition,
    Level,
    Phase,
    Playbook,
    Slot,
)

_DAY_SECONDS = 86_400


def rule_mistakes(playbook: Playbook) -> Iterator[Mistake]:
    """Yield every semantic mistake of a playbook."""
    yield from _locales(playbook)
    yield from text_mistakes(playbook, set(playbook.locales), ())
    yield from _phases(playbook)
    yield from _slots(playbook)
    yield from _taxonomy(playbook)
    yield from _complexity(playbook)
    yield from sign_mistakes(playbook)
    yield from _red_flags(playbook)
    yield from _budgets(playbook)
    yield from form_mistakes(playbook)
    yield from model_mistakes(playbook)
    yield from _retention(playbook)


def _locales(playbook: Playbook) -> Iterator[Mistake]:
    if not playbook.locales:
        yield ("locales",), "empty; expected at least one locale, such as 'pt-BR'"
    yield from _repeated(playbook.locales, ("locales",), "locale")


def _phases(playbook: Playbook) -> Iterator[Mistake]:
    if not playbook.phases:
        yield ("phases",), "empty; expected at least one phase"
    yield from _repeated_field(playbook.phases, ("phases",), "name", "phase")
    for index, phase in enumerate(playbook.phases):
        path: Path = ("phases", index)
        if phase.least > phase.most:
            yield (
                (*path, "least"),
                f"{phase.least} is above most = {phase.most}; expected at most that",
            )
        held = [slot for slot in playbook.slots if slot.phase == phase.name]
        if not held:
            yield (*path, "name"), f"no slot is in phase '{phase.name}'; expected at least one"
        elif phase.least > len(held):
            yield (
                (*path, "least"),
                f"{phase.least} questions, but only {len(held)} slots; expected at most that",
            )
        # The first required slot is the story, which the first message fills without a question.
        needed = sum(slot.required and slot.when is None for slot in held)
        if needed - 1 > phase.most:
            yield (
                (*path, "most"),
                f"{phase.most} questions cannot fill {needed} required slots; expected more",
            )


def _slots(playbook: Playbook) -> Iterator[Mistake]:
    if not any(slot.required for slot in playbook.slots):
        yield ("slots",), "no slot is required; expected at least one, or no interview ever ends"
    yield from _repeated_field(playbook.slots, ("slots",), "name", "slot")
    phases = {phase.name: phase for phase in playbook.phases}
    for index, slot in enumerate(playbook.slots):
        path: Path = ("slots", index)
        phase = phases.get(slot.phase)
        if phase is None:
            yield (
                (*path, "phase"),
                f"unknown phase '{slot.phase}'; expected one of {', '.join(phases)}",
            )
        elif phase.most == 0:
            yield (*path, "phase"), f"unreachable: phase '{slot.phase}' takes no question"
        elif slot.required and phase.complexity != "low":
            what = f"phase '{slot.phase}' opens only for {phase.complexity} cases"
            yield (*path, "required"), f"{what}; expected false, or a phase open to all"
        yield from _options(slot, path)
        if slot.when is not None:
            yield from _condition(playbook, slot, slot.when, (*path, "when"))


def _options(slot: Slot, path: Path) -> Iterator[Mistake]:
    if slot.kind == "choice" and len(slot.options) < 2:
        yield (*path, "options"), "a choice slot needs options; expected at least two"
    if slot.kind != "choice" and slot.options:
        yield (*path, "options"), f"options on a {slot.kind} slot; expected kind = 'choice'"
    yield from _repeated_field(slot.options, (*path, "options"), "value", "option")
    if slot.several and slot.kind != "choice":
        yield (*path, "several"), f"several answers to a {slot.kind}; expected kind = 'choice'"
    for index, option in enumerate(slot.options):
        if option.alone and not slot.several:
            place = (*path, "options", index, "alone")
            yield place, "options that exclude each other are alone anyway; expected several = true"


def _condition(
    playbook: Playbook, slot: Slot, condition: Condition, path: Path
) -> Iterator[Mistake]:
    yield from _unknown_codes(playbook, condition.areas, (*path, "areas"))
    if condition == Condition():
        yield path, "says nothing; expected areas, slot, complexity or calm"
    if condition.slot is None:
        if condition.equals:
            yield (*path, "equals"), "stands without a slot; expected slot = '…' beside it"
        return
    other = playbook.slot(condition.slot)
    if other is None:
        yield (*path, "slot"), f"unknown slot '{condition.slot}'; expected {_names(playbook)}"
        return
    # The first message fills the story without a question, wherever the story stands.
    story = next((one for one in playbook.slots if one.required and one.kind == "text"), None)
    order = [one.name for one in playbook.slots]
    phases = [phase.name for phase in playbook.phases]
    if other is not story and other.phase in phases and slot.phase in phases:
        place, before = phases.index(slot.phase), phases.index(other.phase)
        if (before, order.index(other.name)) >= (place, order.index(slot.name)):
            what = f"unreachable: '{other.name}' is asked no earlier than '{slot.name}'"
            yield (*path, "slot"), f"{what}; expected an earlier slot"
    yield from _unknown_values(other, condition.equals, (*path, "equals"))
    if other.when is not None and _disjoint(condition.areas, other.when.areas):
        yield (
            (*path, "areas"),
            f"unreachable: '{other.name}' is only asked in other areas; expected common ones",
        )


def _disjoint(one: tuple[str, ...], other: tuple[str, ...]) -> bool:
    def within(left: str, right: str) -> bool:
        return left == right or left.startswith(f"{right}.") or right.startswith(f"{left}.")

    return bool(one and other) and not any(within(a, b) for a in one for b in other)


def _taxonomy(playbook: Playbook) -> Iterator[Mistake]:
    if not playbook.areas:
        yield ("areas",), "empty; expected at least one area"
    yield from _repeated_field(playbook.areas, ("areas",), "code", "area")
    seen: dict[str, str] = {}
    for index, area in enumerate(playbook.areas):
        path: Path = ("areas", index)
        if "." in area.code:
            yield (*path, "code"), f"'{area.code}' has a dot; expected a code such as 'work'"
        if not area.subareas:
            yield (*path, "subareas"), "empty; expected at least one sub-area"
        for number, sub in enumerate(area.subareas):
            place = (*path, "subareas", number, "code")
            if not sub.code.startswith(f"{area.code}.") and "." not in area.code:
                yield place, f"'{sub.code}' is not of this area; expected '{area.code}.…'"
            if sub.code in seen:
                yield place, f"the sub-area '{sub.code}' is already at {seen[sub.code]}"
            seen.setdefault(sub.code, f"areas[{index}].subareas[{number}]")


def _complexity(playbook: Playbook) -> Iterator[Mistake]:
    complexity = playbook.complexity
    if complexity.medium <= 0:
        yield ("complexity", "medium"), "expected a threshold above 0"
    if complexity.medium >= complexity.high:
        yield (
            ("complexity", "high"),
            f"{complexity.high:g} is not above medium = {complexity.medium:g}; expected more",
        )
    yield from _repeated_field(complexity.signals, ("complexity", "signals"), "name", "signal")
    for index, signal in enumerate(complexity.signals):
        path: Path = ("complexity", "signals", index)
        yield from _unknown_codes(playbook, signal.areas, (*path, "areas"))
        if not (signal.words or signal.patterns or signal.areas):
            yield path, "can never hold; expected words, patterns or areas"


def _red_flags(playbook: Playbook) -> Iterator[Mistake]:
    yield from _repeated_field(playbook.red_flags, ("red_flags",), "code", "red flag")
    for index, flag in enumerate(playbook.red_flags):
        path: Path = ("red_flags", index)
        if not (flag.signs or flag.words or flag.patterns or flag.answers or flag.areas):
            yield path, "can never be raised; expected signs, words, patterns, answers or areas"
        yield from _unknown_codes(playbook, flag.areas, (*path, "areas"))
        yield from _unknown_codes(playbook, flag.suggests, (*path, "suggests"))
        for number, answer in enumerate(flag.answers):
            place = (*path, "answers", number)
            slot = playbook.slot(answer.slot)
            if slot is None:
                yield (
                    (*place, "slot"),
                    f"unknown slot '{answer.slot}'; expected {_names(playbook)}",
                )
            elif slot.kind not in ("yes_no", "choice"):
                yield (*place, "slot"), f"'{slot.name}' is a {slot.kind}; expected yes_no or choice"
            elif not answer.equals:
                yield (*place, "equals"), "empty; expected at least one value"
            else:
                yield from _unknown_values(slot, answer.equals, (*place, "equals"))


def _retention(playbook: Playbook) -> Iterator[Mistake]:
    if (days := playbook.retention.conversation_days) is None:
        return
    for name, seconds in (("active", playbook.ttl.active), ("completed", playbook.ttl.completed)):
        if seconds > days * _DAY_SECONDS:
            lives = f"[ttl] lets a case live for {seconds / _DAY_SECONDS:g} days ({name})"
            yield ("retention", "conversation_days"), f"{days}, but {lives}; expected at least that"


def _budgets(playbook: Playbook) -> Iterator[Mistake]:
    budgets = playbook.limits.questions
    needed = sum(slot.required and slot.when is None for slot in playbook.slots)
    for level in LEVEL_ORDER:
        path: Path = ("limits", "questions", level)
        budget = budgets.get(level)
        if budget is None:
            yield path, f"missing; expected a budget for each of {', '.join(LEVEL_ORDER)}"
            continue
        if budget.least > budget.most:
            yield (
                (*path, "least"),
                f"{budget.least} is above most = {budget.most}; expected at most that",
            )
        open_phases = [phase for phase in playbook.phases if _is_open(phase, level)]
        floor = sum(phase.least for phase in open_phases)
        ceiling = sum(phase.most for phase in open_phases)
        if budget.most < floor:
            yield (
                (*path, "most"),
                f"{budget.most} is below the {floor} questions its phases take at least",
            )
        if budget.least > ceiling:
            yield (
                (*path, "least"),
                f"{budget.least} is above the {ceiling} questions its phases take at most",
            )
        if budget.most < needed - 1:
            yield (
                (*path, "most"),
                f"{budget.most} questions cannot fill {needed} required slots; expected more",
            )


def _is_open(phase: Phase, level: Level) -> bool:
    return LEVEL_ORDER.index(phase.complexity) <= LEVEL_ORDER.index(level)


def _unknown_codes(playbook: Playbook, codes: tuple[str, ...], path: Path) -> Iterator[Mistake]:
    known = {area.code for area in playbook.areas} | playbook.subareas().keys()
    for index, code in enumerate(codes):
        if code not in known:
            yield (*path, index), f"unknown area '{code}'; expected a code of the taxonomy"


def _unknown_values(slot: Slot, values: tuple[str, ...], path: Path) -> Iterator[Mistake]:
    match slot.kind:
        case "choice":
            known = [option.value for option in slot.options]
        case "yes_no":
            known = ["yes", "no"]
        case _:
            return
    for index, value in enumerate(values):
        if value not in known:
            yield (
                (*path, index),
                f"'{value}' is no value of '{slot.name}'; expected {', '.join(known)}",
            )


def _names(playbook: Playbook) -> str:
    return "one of " + ", ".join(slot.name for slot in playbook.slots)


def _repeated(values: Iterable[str], path: Path, what: str) -> Iterator[Mistake]:
    seen: dict[str, int] = {}
    for index, value in enumerate(values):
        if (first := seen.setdefault(value, index)) != index:
            yield (
                (*path, index),
                f"'{value}' is already {what} number {first}; expected it once",
            )


def _repeated_field(
    parts: Iterable[Struct], path: Path, field: str, what: str
) -> Iterator[Mistake]:
    values = [getattr(part, field) for part in parts]
    for place, text in _repeated(values, path, what):
        yield (*place, field), text
