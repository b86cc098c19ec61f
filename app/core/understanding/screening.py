"""The screening question: everybody is asked for dangers once, by a list, whatever was heard.

What was heard already is left out of the list. Somebody who would rather not say, or whose answer
cannot be read when asked again, is not taken to be safe: the playbook's option for that is chosen,
and whatever it raises.
"""

from collections.abc import Collection, Iterable, Mapping

from app.core.understanding.choosing import in_order, read_several
from app.domain.assessment import SlotValue
from app.domain.playbook import Playbook, Slot


def known_options(playbook: Playbook, slot: Slot, red_flags: Iterable[str]) -> frozenset[str]:
    """Return the options of a list that would raise nothing but red flags raised already."""
    raised = set(red_flags)
    raising: dict[str, set[str]] = {}
    for flag in playbook.red_flags:
        for answer in flag.answers:
            if answer.slot == slot.name:
                for value in answer.equals:
                    raising.setdefault(value, set()).add(flag.code)
    return frozenset(value for value, codes in raising.items() if codes <= raised)


def question(playbook: Playbook, slot: Slot, locale: str, red_flags: Iterable[str]) -> str:
    """Return a slot's question as it is put; a list leaves out what is known already."""
    return slot.asked(locale, known_options(playbook, slot, red_flags) if slot.several else ())


def flags_of_answers(playbook: Playbook, slots: Mapping[str, SlotValue]) -> tuple[str, ...]:
    """Return the codes of the red flags that known answers raise."""
    said = {
        slot.name: slot.chosen(slots[slot.name].value)
        for slot in playbook.slots
        if slot.name in slots
    }
    return tuple(
        flag.code
        for flag in playbook.red_flags
        if any(
            not set(answer.equals).isdisjoint(said.get(answer.slot, ())) for answer in flag.answers
        )
    )


def read_screening(
    playbook: Playbook,
    slot: Slot,
    answer: str,
    before: Collection[str],
    after: Collection[str],
    *,
    last: bool,
) -> str | None:
    """Read the answer to the list; None where it has to be put again.

    Args:
        playbook: whose list it is.
        slot: the list.
        answer: what the person said.
        before: the red flags raised before the answer; what they stand for was not listed.
        after: those and the ones that were heard in the answer, which choose their options.
        last: whether it is not put again: then an answer that cannot be read is none given.
    """
    known = known_options(playbook, slot, before)
    heard = known_options(playbook, slot, after) - known
    read = read_several(slot, answer, known)
    if heard:
        alone = {one.value for one in slot.options if one.alone or one.unsaid}
        return in_order(slot, heard.union(slot.chosen(read or "")) - alone)
    return unsaid(slot) if read is None and last else read


def unsaid(slot: Slot) -> str | None:
    """Return the option that stands for an answer not given, if the list has one."""
    return next((one.value for one in slot.options if one.unsaid), None)


def was_answered(slot: Slot, slots: Mapping[str, SlotValue]) -> bool:
    """Say whether the list was answered, be it only by "none"."""
    return slot.name in slots and slots[slot.name].value != unsaid(slot)
