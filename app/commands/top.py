"""`triage top`: the installation at a glance, drawn anew every few seconds."""

import os
import signal
import sys
import time
from collections.abc import Callable
from typing import Any, TypeVar

import click
import httpx2
import msgspec
from rich.console import Console
from rich.live import Live

from app.api.problems import Problem
from app.api.schema import JobList, WorkerList
from app.commands.operator import operator_token_file
from app.commands.place import base_url
from app.commands.top_rates import Samples, Window, samples_of
from app.commands.top_screen import screen
from app.commands.top_view import Target, Top, top_of
from app.domain.errors import TriageError
from app.domain.figures import Figures
from app.settings import Settings, read_settings

T = TypeVar("T")

_BASE = "/api/v2/triage"
_TIMEOUT = httpx2.Timeout(5.0, connect=2.0)
_DEAD = 5


class Unreadable(TriageError):
    """The instance does not say how things stand; the text says why."""


class Reader:
    """Reads what one instance, and the pages of metrics that it knows of, have to say."""

    def __init__(self, client: httpx2.Client, token: str, further: tuple[str, ...]) -> None:
        """Ask with an operator's token; `further` are more pages of metrics."""
        self._client = client
        self._headers = {"Authorization": f"Bearer {token}"}
        self._further = further
        self._window = Window()

    def read(self) -> Top:
        """Return how things stand; rates are of what happened since earlier readings.

        Raises:
            Unreadable: if the instance does not answer, or not to this token.
        """
        figures = self._get("/operator/figures", Figures)
        workers = self._get("/workers", WorkerList).workers
        dead = self._get(f"/jobs?state=dead&limit={_DEAD}", JobList).jobs
        own = str(self._client.base_url).rstrip("/") + "/metrics"
        told = (one.metrics for one in workers if one.metrics is not None)
        addresses = list(dict.fromkeys([own, *told, *self._further]))
        pages = {one: self._page(one) for one in addresses}
        self._window.add(
            time.monotonic(), {one: page for one, page in pages.items() if page is not None}
        )
        return top_of(
            url=str(self._client.base_url).rstrip("/"),
            figures=figures,
            workers=workers,
            dead=dead,
            targets=[Target(address=one, up=page is not None) for one, page in pages.items()],
            window=self._window,
        )

    def _page(self, address: str) -> Samples | None:
        try:
            response = self._client.get(address, headers=self._headers)
            return samples_of(response.text) if response.is_success else None
        except (httpx2.HTTPError, ValueError):
            return None

    def _get(self, path: str, kind: type[T]) -> T:
        try:
            response = self._client.get(_BASE + path, headers=self._headers)
        except httpx2.HTTPError as error:
            raise Unreadable(
                f"no server answers at {self._client.base_url}: start one with `triage up`, or "
                f"name another with --url ({type(error).__name__})"
            ) from None
        if not response.is_success:
            raise Unreadable(f"the server answered {response.status_code}: {_detail(response)}")
        try:
            return msgspec.json.decode(response.content, type=kind)
        except msgspec.DecodeError as error:
            raise Unreadable(f"the server at {self._client.base_url} is another: {error}") from None


@click.command()
@click.option("--url", help="Of an API instance. [default: by TRIAGE_HOST and TRIAGE_PORT]")
@click.option(
    "--metrics",
    "further",
    multiple=True,
    metavar="URL",
    help="A further page of metrics, such as another instance's; may be repeated.",
)
@click.option(
    "--interval",
    default=2.0,
    show_default=True,
    type=click.FloatRange(0.1, 60.0),
    help="Seconds between two looks.",
)
@click.option("--once", is_flag=True, help="Look twice, print what is seen, and end.")
@click.option("--json", "raw", is_flag=True, help="The same, as JSON.")
def top(url: str | None, further: tuple[str, ...], interval: float, once: bool, raw: bool) -> None:
    """Show cases, streams, calls, spend, queues, workers and errors, until Ctrl-C.

    It asks one API instance with the operators' token, reads the metrics of that instance and of
    the workers that it knows, and of whatever --metrics names. Rates are of the last minute.
    """
    settings = read_settings(os.environ)
    token = _token(settings)
    console = Console(highlight=False)
    with httpx2.Client(
        base_url=url or base_url(settings), timeout=_TIMEOUT, trust_env=False
    ) as client:
        reader = Reader(client, token, further)
        reader.read()
        if raw or once or not sys.stdout.isatty():
            time.sleep(interval)
            seen = reader.read()
            if raw:
                click.echo(msgspec.json.encode(seen))
            else:
                console.print(screen(seen))
            return
        _watch(console, reader.read, interval)


def _watch(console: Console, read: Callable[[], Top], interval: float) -> None:
    """Draw until Ctrl-C; while nobody answers, the last picture stands with a word about it.

    Ctrl-C is the only way out, so it counts also where a shell starts what it runs behind itself
    with that signal ignored.
    """
    signal.signal(signal.SIGINT, signal.default_int_handler)
    with Live(console=console, screen=True, auto_refresh=False) as live:
        try:
            while True:
                try:
                    live.update(screen(read()), refresh=True)
                except Unreadable as error:
                    live.update(f"{error}\n\nTrying again every {interval:g} s.", refresh=True)
                time.sleep(interval)
        except KeyboardInterrupt:
            return


def _token(settings: Settings) -> str:
    """Return the operators' token: the one that is set, or the one that `triage up` has made.

    Raises:
        Unreadable: if there is none.
    """
    if settings.operator_token is not None:
        return settings.operator_token
    path = operator_token_file(settings.var)
    try:
        return path.read_text("ascii").strip()
    except OSError:
        raise Unreadable(
            f"there is no operators' token: set TRIAGE_OPERATOR_TOKEN, or TRIAGE_VAR to where "
            f"`triage up` keeps its data ({path} is not there)"
        ) from None


def _detail(response: httpx2.Response) -> Any:
    try:
        return msgspec.json.decode(response.content, type=Problem).detail
    except msgspec.DecodeError:
        return response.reason_phrase
