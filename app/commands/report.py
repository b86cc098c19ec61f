"""`triage report`: reports of costs and of performance for any days; which were sent."""

import asyncio
import os
from collections.abc import Awaitable, Callable
from datetime import date, timedelta
from functools import partial
from pathlib import Path
from typing import Literal, TypeVar, get_args

import click
import msgspec
from rich.console import Console
from rich.table import Table

from app.commands.storage import storage_url
from app.core.reporting.brief import Report, brief, kind_of, page_of
from app.core.reporting.formats import LANGUAGES, Formats, Language
from app.core.reporting.html import html
from app.core.reporting.markdown import markdown
from app.core.reporting.schedule import span_by_default
from app.core.reporting.spans import Span, check_zone, span_of
from app.domain.errors import InvalidInput, TriageError
from app.domain.figures import ReportKind
from app.notify.slack import Slack, taken
from app.settings import Settings, read_settings
from app.state.figures import note_report_sent
from app.state.reports import Name, ReportName, Reports, ReportState
from app.state.store import Store
from jobs.report_figures import now_ms
from jobs.reports import build_slack, figures_of, folder_of, made

T = TypeVar("T")
Form = Literal["md", "html", "json"]

_PAUSES = (1.0, 3.0)
"""Seconds between attempts while somebody waits."""
_MOST_PAUSE_SECONDS = 30.0


class NotDelivered(TriageError):
    """Slack did not take a report."""


@click.group()
def report() -> None:
    """Report what AI cost, and how the triage performed.

    A running worker makes the reports of yesterday and of last week by itself, writes them to
    `reports` in TRIAGE_VAR and sends them to TRIAGE_SLACK_WEBHOOK_URL. docs/reports.md tells more.
    """


def _reporting(kind: ReportKind, about: str) -> click.Command:
    """Return the command that makes a report."""
    options = [
        click.Option(["--from", "first"], metavar="DAY", help="First day, such as 2026-11-24."),
        click.Option(["--to", "last"], metavar="DAY", help="Last day."),
        click.Option(["--zone"], help="Whose days; an IANA zone, else TRIAGE_REPORT_ZONE."),
        click.Option(["--language"], type=click.Choice(LANGUAGES), help="In which language."),
        click.Option(
            ["--format", "form"],
            type=click.Choice(get_args(Form)),
            default="md",
            show_default=True,
            help="How it is written.",
        ),
        click.Option(
            ["--out"],
            type=click.Path(dir_okay=False, path_type=Path),
            help="Into which file; otherwise it is printed.",
        ),
        click.Option(["--send"], is_flag=True, help="Send it to Slack as well."),
    ]
    return click.Command(kind, callback=partial(_report, kind), params=[*options], help=about)


@report.command("list")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def list_(as_json: bool) -> None:
    """Show which reports were due, made and sent, the newest first."""
    settings = read_settings(os.environ)
    known = _with_store(settings, lambda store: Reports(store).known())
    if as_json:
        click.echo(msgspec.json.encode([_listed(*one, settings) for one in known.items()]))
        return
    if not known:
        click.echo("No report was due yet; a worker makes them.")
        return
    console = Console()
    table = Table("REPORT", "OF", "MADE", "SENT", "TRIES", "LAST ERROR", "FILE", box=None)
    for name, state in known.items():
        listed = _listed(name, state, settings)
        table.add_row(
            name.kind,
            _about(name),
            _moment(state.made_ms, settings),
            "given up" if state.given_up_ms is not None else _moment(state.sent_ms, settings),
            str(state.tries or ""),
            "" if state.sent_ms is not None else state.error or "",
            str(listed["file"] or ""),
        )
    console.print(table)


def _report(
    kind: ReportKind,
    *,
    first: str | None,
    last: str | None,
    zone: str | None,
    language: Language | None,
    form: Form,
    out: Path | None,
    send: bool,
) -> None:
    settings = read_settings(os.environ)
    chosen = language or settings.report_language
    span = _span(kind, first, last, zone or settings.report_zone)
    slack = _channel(settings) if send else None
    place = "" if out is None else str(out.absolute())

    async def work(store: Store) -> Report:
        async with figures_of(settings, store) as figures:
            done = await made(figures, kind, span)
        _write(_written(done, chosen, form), out)
        if slack is not None:
            await _sent(slack, done, chosen, place)
            await note_report_sent(store, kind, now_ms())
        return done

    _with_store(settings, work)
    if slack is not None:
        click.echo("Sent to Slack.", err=True)


def _channel(settings: Settings) -> Slack:
    slack = build_slack(settings)
    if slack is None:
        raise InvalidInput("set TRIAGE_SLACK_WEBHOOK_URL to the incoming webhook of a channel")
    return slack


async def _sent(slack: Slack, done: Report, language: Language, place: str) -> None:
    """Send a report; try a few times while somebody waits."""
    span = done.span
    days = span.first.isoformat() if span.length == 1 else f"{span.first}..{span.last}"
    message = brief(done, language, place, f"{kind_of(done)}/{days}")
    try:
        for pause in (*_PAUSES, None):
            outcome = await slack.post(message)
            if taken(outcome):
                return
            wait = max(pause or 0.0, outcome.retry_after or 0.0)
            if pause is None or wait > _MOST_PAUSE_SECONDS:
                raise NotDelivered(f"the report was not sent: {outcome.error}")
            await asyncio.sleep(wait)
    finally:
        await slack.aclose()


def _span(kind: ReportKind, first: str | None, last: str | None, zone: str) -> Span:
    check_zone(zone)
    if first is None and last is None:
        return span_by_default(kind, now_ms(), zone)
    if first is None:
        raise InvalidInput("--to needs --from")
    begins = _day("--from", first)
    ends = _day("--to", last) if last is not None else begins
    if last is None and kind == "performance":
        ends = begins + timedelta(days=6)
    return span_of(begins, ends, zone)


def _day(option: str, text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise InvalidInput(f"{option}: {text!r} is no day such as 2026-11-24") from None


def _written(done: Report, language: Language, form: Form) -> str:
    if form == "json":
        return msgspec.json.format(msgspec.json.encode(done), indent=2).decode() + "\n"
    page = page_of(done, language)
    return html(page) if form == "html" else markdown(page)


def _write(text: str, out: Path | None) -> None:
    if out is None:
        click.echo(text, nl=False)
        return
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        out.write_text(text, "utf-8")
    except OSError as error:
        raise InvalidInput(f"--out: {out} cannot be written: {error.strerror}") from None
    click.echo(f"Written to {out}", err=True)


def _about(name: Name) -> str:
    return name.day.isoformat() if isinstance(name, ReportName) else name.key


def _listed(name: Name, state: ReportState, settings: Settings) -> dict[str, object]:
    path = folder_of(settings) / name.kind / f"{_about(name)}.html"
    return {
        "kind": name.kind,
        "day": name.day if isinstance(name, ReportName) else None,
        "of": _about(name),
        "made_ms": state.made_ms,
        "sent_ms": state.sent_ms,
        "given_up_ms": state.given_up_ms,
        "tries": state.tries,
        "error": state.error,
        "file": str(path) if path.exists() else None,
    }


def _moment(at_ms: int | None, settings: Settings) -> str:
    return "" if at_ms is None else Formats("en").moment(at_ms, settings.report_zone)


def _with_store(settings: Settings, work: Callable[[Store], Awaitable[T]]) -> T:
    url = storage_url(settings)

    async def run() -> T:
        store = Store(url)
        try:
            return await work(store)
        finally:
            await store.close()

    return asyncio.run(run())


report.add_command(_reporting("costs", "Report what AI cost; of yesterday unless days are named."))
report.add_command(
    _reporting(
        "performance", "Report how the triage performed; of last week unless days are named."
    )
)
