"""`triage handoff`: conversations that need a human, in the terminal, straight from the storage."""

import asyncio
import getpass
import os
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any, Literal, TypeVar
from uuid import uuid4

import click
import msgspec
from msgspec import Struct
from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from app.api.handoff_schema import HandoffRow, OperatorCase
from app.api.handoff_views import handoff_row, operator_case
from app.api.schema import CaseTurn
from app.commands.auditing import audited
from app.commands.storage import opened_store
from app.core.handoff import display_name, operator_says
from app.core.handoff_desk import HandoffReader
from app.core.intake import fingerprint
from app.core.playbook.files import load_playbooks
from app.core.terminals import check_refused
from app.domain.audit import Action
from app.domain.case import Accepted, HandBack, Handoff, OperatorCommand, Take
from app.domain.errors import CaseNotFound, InvalidInput, StateUnavailable
from app.domain.event import TERMINAL_NAMES, EventId
from app.settings import Settings, read_settings
from app.state.conversations import ConversationStateManager
from app.state.follow import Follower
from app.state.keys import CaseKeys
from app.state.store import Store

T = TypeVar("T")

_WAIT_SECONDS = 20.0
_COLOURS = {"requested": "bold red", "taken": "yellow", "returned": "green"}
as_json = click.option("--json", "raw", is_flag=True, help="Print JSON.")
_operator = click.option(
    "--operator",
    metavar="NAME",
    default=getpass.getuser,
    help="Your name, as the person sees it; one name is one operator. [default: your login]",
)


class _Desk(Struct, frozen=True):
    """What the commands work with."""

    conversations: ConversationStateManager
    reader: HandoffReader
    follower: Follower
    settings: Settings
    store: Store


@click.group()
def handoff() -> None:
    r"""See which conversations need a human, take one over, answer, and hand it back.

    \b
    triage handoff list                          who waits, longest first
    triage handoff show CASE                     the whole conversation
    triage handoff take CASE --operator Ana      answer in place of the interviewer
    triage handoff reply CASE "Hello, ..."       say something to the person
    triage handoff return CASE --operator Ana    let the interviewer go on

    A running instance does what you ask: start one with `triage up` or `triage serve`.
    """


@handoff.command("list")
@click.option(
    "--status", type=click.Choice(["requested", "taken"]), help="Only those that stand so."
)
@click.option("--limit", default=50, show_default=True, type=click.IntRange(1, 10_000))
@as_json
def list_handoffs(status: Literal["requested", "taken"] | None, limit: int, raw: bool) -> None:
    """List the cases that need a human, whoever waited longest first."""
    page = _with_desk(None, lambda desk: desk.reader.list(status=status, limit=limit))
    rows = [handoff_row(one) for one in page.handoffs]
    if raw:
        click.echo(msgspec.json.encode(rows))
        return
    console = Console()
    console.print(_table(rows) if rows else "Nobody waits for a human.")
    if page.cursor is not None:
        console.print(f"There are more; ask for more than {limit} with --limit.", style="dim")


@handoff.command()
@click.argument("case")
@as_json
def show(case: str, raw: bool) -> None:
    """Show the conversation of CASE, what was understood, and the result.

    Sensitive facts are shown as well: mind who can see your screen.
    """
    opened = operator_case(_with_desk(case, lambda desk: desk.reader.open(case), "case.read"))
    if raw:
        click.echo(msgspec.json.encode(opened))
        return
    _show(Console(highlight=False), opened)


@handoff.command()
@click.argument("case")
@_operator
def take(case: str, operator: str) -> None:
    """Take the conversation of CASE over: from now on you answer, not the interviewer."""
    _do(case, Take(operator=display_name(operator)), "handoff.taken")
    click.echo(f'You have the conversation. Answer: triage handoff reply {case} "..."')


@handoff.command()
@click.argument("case")
@click.argument("text")
@_operator
def reply(case: str, text: str, operator: str) -> None:
    """Say TEXT to the person of CASE, whose conversation you have."""
    turn = _do(case, operator_says(operator, text), "handoff.answered")
    click.echo(f"Said, as turn {turn}.")


@handoff.command("return")
@click.argument("case")
@_operator
def give_back(case: str, operator: str) -> None:
    """Hand the conversation of CASE back: the interviewer goes on."""
    _do(case, HandBack(operator=display_name(operator)), "handoff.returned")
    click.echo("Handed back.")


def _do(case: str, command: OperatorCommand, action: Action) -> int:
    return _with_desk(case, lambda desk: _done(desk, case, command), action)


async def _done(desk: _Desk, case: str, command: OperatorCommand) -> int:
    """Take a command in and wait until an instance has done it; returns its turn.

    Raises:
        HandoffConflict: it was refused.
        StateUnavailable: it is taken in, but no instance has done it so far.
    """
    receipt = await desk.conversations.accept_from_operator(
        case,
        Accepted(command=command, at=time.time_ns() // 1_000_000),
        key=uuid4().hex,
        fingerprint=fingerprint(command),
        claim=False,
    )
    try:
        async with asyncio.timeout(_WAIT_SECONDS):
            await _ended(desk.follower, CaseKeys(case).log(receipt.turn))
    except TimeoutError:
        raise StateUnavailable(
            f"your command is kept as turn {receipt.turn}, but no instance has done it yet; "
            "is one running? Do not repeat it"
        ) from None
    if (found := await desk.conversations.turn(case, receipt.turn)) is not None:
        check_refused(found)
    return receipt.turn


async def _ended(follower: Follower, log: str) -> None:
    async with follower.follow(log, EventId(0, 0)) as subscription:
        while found := await subscription.queue.get():
            if found[-1].name in TERMINAL_NAMES:
                return


def _with_desk(
    case: str | None, ask: Callable[[_Desk], Awaitable[T]], action: Action | None = None
) -> T:
    async def run() -> T:
        async with _desk() as desk:
            if action is None:
                return await ask(desk)
            async with audited(desk.settings, desk.store, action, case=case):
                return await ask(desk)

    try:
        return asyncio.run(run())
    except CaseNotFound:
        raise InvalidInput(
            f"there is no case {case}: it expired, was erased, or never was"
        ) from None


@asynccontextmanager
async def _desk() -> AsyncIterator[_Desk]:
    settings = read_settings(os.environ)
    async with opened_store(settings) as store:
        owner = f"handoff-{uuid4().hex}"
        conversations = ConversationStateManager(store, owner)
        follower = Follower(store, owner)
        follower.start()
        try:
            yield _Desk(
                conversations,
                HandoffReader(conversations, load_playbooks(settings.playbooks)),
                follower,
                settings,
                store,
            )
        finally:
            await follower.close()


def _table(rows: list[HandoffRow]) -> Table:
    table = Table(box=None, pad_edge=False)
    table.add_column("CASE", no_wrap=True)
    for name in ("STATUS", "WAITING", "ASKED BY", "OPERATOR", "RED FLAGS", "ABOUT"):
        table.add_column(name, overflow="fold")
    for one in rows:
        table.add_row(
            one.case_id,
            Text(one.status, style=_COLOURS[one.status]),
            _span(time.time_ns() // 1_000_000 - one.requested_at),
            one.by.replace("_", " "),
            one.operator or "",
            ", ".join(one.red_flags),
            one.candidates[0].code if one.candidates else "",
        )
    return table


def _show(console: Console, opened: OperatorCase) -> None:
    case, status = opened.case, opened.status
    console.print(Text(case.case_id, style="bold"), Text(f"({case.playbook}, {case.locale})"))
    facts = Table(box=None, show_header=False, pad_edge=False)
    facts.add_row("case", f"{case.status}, complexity {status.complexity}")
    facts.add_row("human", _stands(case.handoff))
    if status.red_flags:
        facts.add_row("red flags", Text(", ".join(status.red_flags), style="bold red"))
    if status.candidates:
        top = status.candidates[0]
        facts.add_row("about", f"{top.code} ({top.confidence:.0%})")
    for one in status.facts:
        facts.add_row(one.label, Text(one.value))
    console.print(facts)
    console.print()
    _speech(console, "interviewer", case.greeting)
    for turn in case.turns:
        _turn(console, turn)
    if opened.analysis is not None:
        console.print(Text("Result", style="bold"))
        console.print(Padding(Text(opened.analysis.summary.professional), (0, 0, 1, 2)))


def _turn(console: Console, turn: CaseTurn) -> None:
    if turn.operator and turn.outcome == "failed":
        return
    if turn.kind == "operator":
        _speech(console, turn.operator or "", turn.reply, "bold yellow")
        return
    if turn.kind == "say":
        _speech(console, "person", turn.message, "bold green")
    else:
        _note(console, _happened(turn))
    if turn.outcome in {"running", "queued"}:
        _note(console, "not answered yet")
    _speech(console, "interviewer", turn.reply)


def _happened(turn: CaseTurn) -> str:
    """Return what a turn did to the case where nobody said anything."""
    told = {
        "correct": f"the person corrected {turn.message}",
        "conclude": "the interview was ended",
        "ask_human": f"the person asked for a human: {turn.message or 'no reason given'}",
        "need_human": "the analysis asked for a human",
        "take": f"{turn.operator} took over",
        "hand_back": f"{turn.operator} handed back",
    }
    return told[turn.kind]


def _speech(console: Console, who: str, text: str, style: str = "bold cyan") -> None:
    if text:
        console.print(Text(who, style=style))
        console.print(Padding(Text(text), (0, 0, 1, 2)))


def _note(console: Console, text: str) -> None:
    console.print(Padding(Text(f"— {text}", style="dim"), (0, 0, 1, 0)))


def _stands(handoff: Handoff | None) -> Text:
    if handoff is None:
        return Text("nobody asked for one")
    asked = f"{handoff.status}, asked by {handoff.by.replace('_', ' ')}"
    told: dict[str, Any] = {"": handoff.reason, "operator ": handoff.operator}
    extra = "".join(f"; {name}{value}" for name, value in told.items() if value)
    return Text(asked + extra, style=_COLOURS[handoff.status])


def _span(ms: int) -> str:
    seconds = max(0, ms // 1_000)
    if seconds < 120:
        return f"{seconds} s"
    minutes = seconds // 60
    return f"{minutes} min" if minutes < 120 else f"{minutes // 60} h"
