"""Prompts: files with a version in their name, and how a case is put into them.

What the person wrote is data. It stands inside `<message>` elements whose brackets cannot be
forged, because the person's own are escaped; and the instructions say that nothing in there is one.
Where their words stand in a line of the system's they are quoted and stay in it.
"""

from collections.abc import Sequence
from importlib import resources
from string import Template

from app.domain.assessment import Assessment
from app.domain.case import (
    AskHuman,
    Begin,
    Conclude,
    Correct,
    Fill,
    HandBack,
    OperatorCommand,
    OperatorSays,
    Say,
    Take,
    Turn,
)
from app.domain.playbook import Playbook, Slot
from app.llm.model import ChatMessage

INTERVIEW = "interview.v1"
ANALYSIS = "analysis.v1"
JUDGE = "judge.v1"
REPORT = "report.v1"


def _file(name: str) -> Template:
    return Template((resources.files("app.core.prompts") / f"{name}.md").read_text())


_interview = _file(INTERVIEW)
_analysis = _file(ANALYSIS)
_judge = _file(JUDGE)
_report = _file(REPORT)


def interview_system(playbook: Playbook, locale: str, canary: str) -> str:
    """Return the interviewer's instructions: the same for all turns of all cases of a playbook."""
    return _interview.substitute(
        persona=playbook.persona[locale],
        language=locale,
        slots="\n".join(
            _slot_line(slot, locale) for slot in playbook.slots if slot != playbook.screening
        ),
        taxonomy=_taxonomy(playbook, locale),
        red_flags="\n".join(f"- {flag.code}: {flag.label[locale]}" for flag in playbook.red_flags),
        signals="\n".join(
            f"- {one.name}: {one.label[locale]}" for one in playbook.complexity.signals
        ),
        reply_chars=playbook.limits.reply_chars,
        canary=canary,
    )


def analysis_system(playbook: Playbook, locale: str, canary: str) -> str:
    """Return the analyst's instructions."""
    return _analysis.substitute(
        title=playbook.title[locale],
        language=locale,
        taxonomy=_taxonomy(playbook, locale),
        canary=canary,
    )


def judge_system(playbook: Playbook, locale: str, canary: str) -> str:
    """Return the judge's instructions."""
    return _judge.substitute(
        title=playbook.title[locale],
        language=locale,
        taxonomy=_taxonomy(playbook, locale),
        canary=canary,
    )


def report_system(playbook: Playbook, locale: str, canary: str) -> str:
    """Return the reporter's instructions."""
    return _report.substitute(title=playbook.title[locale], language=locale, canary=canary)


def conversation(turns: Sequence[Turn]) -> tuple[ChatMessage, ...]:
    """Return what was said so far, as a model reads it; the person's words are marked as data."""
    messages: list[ChatMessage] = []
    for turn in turns:
        if turn.outcome != "completed" and isinstance(turn.command, OperatorCommand):
            continue  # it was refused: nobody saw it
        messages.append(ChatMessage(role="user", content=_said(turn)))
        if turn.reply and not isinstance(turn.command, OperatorSays):
            messages.append(ChatMessage(role="assistant", content=turn.reply))
    return tuple(messages)


def current(turn: int, text: str, situation: str) -> ChatMessage:
    """Return the message to answer, with what the interviewer should know about the case."""
    return ChatMessage(
        role="user",
        content=f"{_message(turn, text)}\n\n<situation>\n{situation}\n</situation>",
    )


def draft(json: str) -> ChatMessage:
    """Return the rules' draft of a result; it quotes the person, so it is escaped as they are."""
    return ChatMessage(role="user", content=f"<draft>\n{_escaped(json)}\n</draft>")


def analyses(json: str) -> ChatMessage:
    """Return what models found before; they quote the person, so it is escaped as they are."""
    return ChatMessage(role="user", content=f"<analyses>\n{_escaped(json)}\n</analyses>")


def situation(assessment: Assessment, *, last: bool, left: int, followed: bool = False) -> str:
    """Return what is known, what is missing, and whether this is the last reply.

    `followed` says that a question of the playbook follows the reply, put as it stands.
    """
    known = "; ".join(
        f"{name} = {_quoted(slot.value[:200])}" for name, slot in assessment.slots.items()
    )
    missing = ", ".join(assessment.missing)
    lines = [
        f"Known: {known or 'nothing yet'}",
        f"Required and unknown: {missing or 'nothing'}",
        f"Questions left: {left}",
    ]
    if last:
        lines.append("This is the last reply: thank the person and close. Ask nothing.")
    elif followed:
        lines.append(
            "A safety question is put right after your reply: say in one sentence that you"
            " understood, and ask nothing yourself."
        )
    elif not assessment.missing:
        lines.append("Everything required is known: close now, or ask one last useful question.")
    return "\n".join(lines)


def _said(turn: Turn) -> str:
    match turn.command:
        case Say(text=text) | Fill(text=text):
            return _message(turn.turn, text)
        case Begin():
            return f'<begins n="{turn.turn}"/>'
        case Correct(slot=slot, value=value):
            return f'<correction n="{turn.turn}" slot="{slot}">{_escaped(value)}</correction>'
        case Conclude():
            return f'<conclude n="{turn.turn}"/>'
        case AskHuman(by="analysis"):
            return f'<human_needed n="{turn.turn}"/>'
        case AskHuman(reason=reason):
            return f'<asks_for_human n="{turn.turn}">{_escaped(reason)}</asks_for_human>'
        case Take():
            return f'<colleague_joined n="{turn.turn}"/>'
        case OperatorSays(operator=operator, text=text):
            return _colleague(turn.turn, operator, text)
        case HandBack():
            return f'<colleague_left n="{turn.turn}"/>'


def _message(turn: int, text: str) -> str:
    return f'<message n="{turn}">\n{_escaped(text)}\n</message>'


def _colleague(turn: int, name: str, text: str) -> str:
    return f'<colleague n="{turn}" name={_quoted(name)}>\n{_escaped(text)}\n</colleague>'


def _escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _quoted(text: str) -> str:
    """Return somebody's words within a line of ours, where a line break would begin another one."""
    return '"' + _escaped(" ".join(text.split())).replace('"', "&quot;") + '"'


def _slot_line(slot: Slot, locale: str) -> str:
    options = f" [{' | '.join(option.value for option in slot.options)}]" if slot.options else ""
    need = ", required" if slot.required else ""
    return f"- {slot.name} ({slot.kind}{need}){options}: {slot.question[locale]}"


def _taxonomy(playbook: Playbook, locale: str) -> str:
    return "\n".join(
        f"- {sub.code}: {area.label[locale]} / {sub.label[locale]}. {sub.description[locale]}"
        for area in playbook.areas
        for sub in area.subareas
    )
