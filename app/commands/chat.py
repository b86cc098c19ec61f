"""`triage chat`: a conversation in the terminal, over the same HTTP API that the page uses."""

import os
import sys
from collections.abc import Iterable, Iterator
from contextlib import suppress
from typing import assert_never

import click
import httpx2
from msgspec import Struct
from msgspec.structs import replace
from rich.console import Console
from rich.live import Live
from rich.padding import Padding
from rich.spinner import Spinner
from rich.text import Text

from app.api.schema import CaseTurn
from app.commands.chat_form import FormTalk, Left
from app.commands.chat_texts import Texts, texts_for
from app.commands.company import Company
from app.commands.remote import Refused, RemoteCase, Trouble, open_case
from app.commands.result_view import result_view
from app.domain.event import (
    AnalysisQueued,
    Delta,
    HandoffEvent,
    HandoffMessage,
    HandoffRequested,
    HandoffReturned,
    HandoffTaken,
    Snapshot,
    Status,
    TurnCancelled,
    TurnCompleted,
    TurnEvent,
    TurnFailed,
    TurnRestarted,
    TurnStarted,
)
from app.settings import Settings, read_settings

_WIDEST = 92


class _Shown(Struct, frozen=True, kw_only=True):
    """An answer as far as it has come."""

    turn: int | None = None
    text: str = ""
    note: str = ""
    complete: bool = False
    human: bool = False
    """Whether a human is waited for, or has the conversation."""


@click.command()
@click.option("--url", help="The server. [default: TRIAGE_HOST and TRIAGE_PORT on this machine]")
@click.option("--locale", help="Preferred language, such as pt-BR or en.")
@click.option("--playbook", help="Playbook id; the server's default if absent.")
@click.option(
    "--user-ref", help="Your reference of the person, who then takes part in experiments."
)
@click.option("--resume", "case_id", metavar="CASE_ID", help="Go on with an earlier conversation.")
@click.option(
    "--token",
    envvar="TRIAGE_CASE_TOKEN",
    show_envvar=True,
    help="The token of the conversation to go on with.",
)
@click.option(
    "--intake-key",
    envvar="TRIAGE_INTAKE_KEY",
    show_envvar=True,
    help="A key with the scope intake, where the server wants one to open a conversation.",
)
def chat(
    url: str | None,
    locale: str | None,
    playbook: str | None,
    user_ref: str | None,
    case_id: str | None,
    token: str | None,
    intake_key: str | None,
) -> None:
    """Talk to a running instance in this terminal.

    /finish ends the interview with what is known, /human asks for a human, whose words appear as
    they come, /result shows the result, /quit leaves; Ctrl-C stops an answer. Where the case has a
    form, its questions come first, one after another. With a file or a pipe as input, every line
    is an answer or a message.
    """
    if case_id is not None and token is None:
        raise click.UsageError("--resume needs --token, or TRIAGE_CASE_TOKEN")
    known = None if case_id is None or token is None else (case_id, token)
    console = Console(highlight=False, soft_wrap=False)
    if console.width > _WIDEST:
        console.width = _WIDEST
    address = url or _here(read_settings(os.environ))
    with httpx2.Client(base_url=address.rstrip("/"), trust_env=False) as client:
        if known is None:
            started = open_case(
                client, locale=locale, playbook=playbook, user_ref=user_ref, intake_key=intake_key
            )
            known, locale = (started.case_id, started.case_token), started.locale
        Chat.begin(console, client, known, locale=locale).run()


class Chat:
    """One conversation on one terminal."""

    def __init__(self, console: Console, case: RemoteCase, texts: Texts) -> None:
        """Take what was begun; see `begin`."""
        self._console = console
        self._case = case
        self._texts = texts
        self._complete = False
        self._form_open = False
        self._company: Company | None = None

    @classmethod
    def begin(
        cls,
        console: Console,
        client: httpx2.Client,
        known: tuple[str, str],
        *,
        locale: str | None,
    ) -> "Chat":
        """Show what was said in a case, given its id and token, and be ready to go on."""
        warning = Console(stderr=True, highlight=False)

        def trouble(kind: Trouble) -> None:
            warning.print(Text(texts_for(locale).troubles[kind], style="yellow"))

        case = RemoteCase(client, *known, trouble=trouble)
        view = case.view()
        made = cls(console, case, texts_for(view.locale))
        made._say(view.notice, style="dim")
        made._say(view.greeting)
        for turn in view.turns:
            made._again(turn)
        if view.handoff is not None and view.handoff.is_open:
            made._listen(len(view.turns))
        made._form_open = view.form_status == "open" and view.status == "active"
        if view.status == "completed":
            made._completed()
        return made

    def run(self) -> None:
        """Take the form, if there is one to fill in, and messages until there are no more."""
        lines = self._lines()
        with suppress(Left):
            if self._form_open:
                self._fill(lines)
            self._converse(lines)
        if sys.stdin.isatty():
            self._hint(
                f"{self._texts.later}\n"
                f"TRIAGE_CASE_TOKEN={self._case.token} triage chat --resume {self._case.case_id}"
            )
        elif not self._complete:
            click.echo(f"triage: {self._texts.unfinished}", err=True)

    def _fill(self, lines: Iterator[str]) -> None:
        """Ask the form's questions and submit it, until everything in it can be taken."""
        form = self._case.form().form
        self._hint(self._texts.form_commands)
        talk = FormTalk(form.sections, self._texts, lines, self._say, self._hint)
        for answered, _ in enumerate(talk.ask()):
            if not answered:
                self._case.begin_form()
        while True:
            try:
                self._show(self._case.submit_form(talk.answers))
            except Refused as refusal:
                if not refusal.mistakes:
                    raise
                talk.ask_again({one.field: one.detail for one in refusal.mistakes})
            else:
                return

    def _converse(self, lines: Iterator[str]) -> None:
        if sys.stdin.isatty():
            self._hint(self._texts.commands)
        for line in lines:
            if line == "/quit":
                break
            try:
                self._take(line)
            except Refused as refusal:
                if not self._console.is_terminal:
                    raise
                self._hint(str(refusal))

    def _take(self, line: str) -> None:
        match line:
            case "":
                pass
            case "/finish":
                self._show(self._case.finish("asked for in the terminal"))
            case "/result":
                self._result()
            case _ if line == "/human" or line.startswith("/human "):
                self._show(self._case.ask_human(line.removeprefix("/human").strip()))
            case _ if line.startswith("/"):
                self._hint(self._texts.commands)
            case _:
                self._show(self._case.say(line))

    def _lines(self) -> Iterator[str]:
        if not sys.stdin.isatty():
            for line in sys.stdin:
                if text := line.strip():
                    self._said(text)
                yield text
            return
        while True:
            try:
                yield self._console.input(Text("› ", style="bold green")).strip()
            except (EOFError, KeyboardInterrupt):
                self._console.print()
                return

    def _show(self, events: Iterable[TurnEvent]) -> None:
        """Show an answer as it comes; Ctrl-C stops it at the server, which tells us so."""
        shown = _Shown()
        thinking = Spinner("dots", style="cyan")
        try:
            with Live(thinking, console=self._console, transient=True) as live:
                for event in events:
                    shown = _after(shown, event, self._texts)
                    live.update(_indented(shown.text) if shown.text else thinking, refresh=True)
        except KeyboardInterrupt:
            if shown.turn is None:
                raise
            self._case.cancel(shown.turn)
            self._show(self._case.follow(shown.turn))
            return
        self._say(shown.text)
        self._hint(shown.note)
        if shown.human:
            self._listen((shown.turn or 1) - 1)
        if shown.complete:
            self._completed()

    def _again(self, turn: CaseTurn) -> None:
        """Show a turn of an earlier visit."""
        name = turn.operator or ""
        if turn.message:
            self._said(turn.message)
        if turn.outcome in {"running", "queued"}:
            self._show(self._case.follow(turn.turn))
        elif turn.outcome == "completed" and turn.kind == "take":
            self._hint(self._texts.joined.format(name=name))
        elif turn.kind == "operator":
            self._human(name, turn.reply)
        else:
            if turn.outcome == "completed" and turn.kind == "hand_back":
                self._hint(self._texts.left.format(name=name))
            self._say(turn.reply)

    def _listen(self, known: int) -> None:
        """Show from now on what a human does in the conversation, beyond the turns known."""
        if self._company is None:
            self._company = Company(self._case, known, self._joined)
            self._company.start()

    def _joined(self, event: HandoffEvent, said: str) -> None:
        """Show what a human did, in between whatever else is on the terminal."""
        match event:
            case HandoffRequested(by=by):
                if by != "person":
                    self._hint(self._texts.called)
            case HandoffTaken(operator=name):
                self._hint(self._texts.joined.format(name=name))
            case HandoffMessage(operator=name):
                self._human(name, said)
            case HandoffReturned(operator=name):
                self._hint(self._texts.left.format(name=name))
                self._say(said)
            case _:
                assert_never(event)

    def _human(self, name: str, text: str) -> None:
        if text:
            self._console.print(_indented(f"{name}: {text}", "bold yellow"))

    def _completed(self) -> None:
        """Show the result the first time it is there."""
        if not self._complete:
            self._complete = True
            self._result()

    def _result(self) -> None:
        analysis = self._case.result()
        if analysis is None:
            self._hint(self._texts.no_result)
            return
        self._console.print(result_view(analysis, self._texts))

    def _said(self, text: str) -> None:
        """Show what the person said, where the terminal has not shown it as they typed."""
        self._console.print(Text(f"› {text}", style="bold green"))

    def _say(self, text: str, style: str = "default") -> None:
        if text:
            self._console.print(_indented(text, style))

    def _hint(self, text: str) -> None:
        if text:
            self._console.print(_indented(text, "dim"))


def _here(settings: Settings) -> str:
    """Return the address of the instance that these settings start."""
    anywhere = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - where to call, not to listen
    host = anywhere.get(settings.host, settings.host)
    return f"http://{f'[{host}]' if ':' in host else host}:{settings.port}"


def _indented(text: str, style: str = "default") -> Padding:
    return Padding(Text(text, style=style), (0, 0, 1, 2), expand=False)


def _after(shown: _Shown, event: TurnEvent, texts: Texts) -> _Shown:
    """Return the answer after one more event."""
    match event:
        case TurnStarted(turn=turn):
            return replace(shown, turn=turn)
        case Status() | AnalysisQueued():
            return shown
        case Delta(t=piece):
            return replace(shown, text=shown.text + piece)
        case TurnRestarted():
            return replace(shown, text="")
        case Snapshot(text=text):
            return replace(shown, text=text)
        case TurnCompleted(message=text, interview=interview, handoff=handoff):
            human = handoff in {"requested", "taken"}
            return replace(shown, text=text, complete=interview == "complete", human=human)
        case TurnCancelled(message=text):
            return replace(shown, text=text, note=texts.stopped)
        case TurnFailed(message=sentence):
            return replace(shown, text="", note=sentence)
        case _:
            assert_never(event)
