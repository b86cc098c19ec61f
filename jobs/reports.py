"""Makes reports when they are due, once for each day however many workers run, and sends them.

Who makes one holds its lease; if that worker dies, another makes it, or sends what was made. Until
a report has arrived it is tried again, for a week. Arriving is at least once: a worker that dies
between Slack's answer and its own note of it leaves a report that the next one sends again.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from urllib.parse import quote

import msgspec
import structlog
from msgspec import Struct

from analytics.warehouse import Warehouse, WarehouseBusy, open_warehouse
from app.core.reporting.brief import Report, brief, page_of
from app.core.reporting.formats import Language
from app.core.reporting.html import html
from app.core.reporting.markdown import markdown
from app.core.reporting.schedule import due_reports, span_reported
from app.core.reporting.spans import Span, check_zone
from app.core.telling import build_guard
from app.domain.errors import InvalidInput, StateUnavailable
from app.domain.figures import ReportKind
from app.notify.client import GuardedClient
from app.notify.slack import Slack, SlackMessage, pause_seconds, taken
from app.settings import Settings
from app.state.facts import FactStream
from app.state.leases import LeaseKeeper
from app.state.reports import (
    ConclusionName,
    Name,
    ReportClaim,
    ReportName,
    Reports,
    ReportState,
)
from app.state.store import Store
from jobs.report_figures import ReportFigures, now_ms
from jobs.warehouse import Drain, place_of

LOOK_SECONDS = 20.0
"""How often a worker looks for reports that are due."""
GIVE_UP_MS = 7 * 86_400_000
_AGAIN_SECONDS = 60.0
"""How long to wait where a report could not be made."""
_LEAST_SECONDS = 0.1

_log = structlog.get_logger(__name__)


class Lost(Exception):
    """What was made of a report is gone, and it cannot be made anew."""


class Filed(Struct, frozen=True, kw_only=True):
    """A report in its folder, and what is told of it."""

    html: Path
    markdown: Path
    message: SlackMessage


encode_message = msgspec.msgpack.Encoder().encode
_decode: Callable[[bytes], SlackMessage] = msgspec.msgpack.Decoder(SlackMessage).decode


def build_slack(settings: Settings) -> Slack | None:
    """Return the channel that the settings name; None if they name none.

    Raises:
        InvalidInput: if its address cannot be used; it is not repeated.
    """
    if settings.slack_webhook_url is None:
        return None
    guard = build_guard(settings)
    try:
        guard.check(settings.slack_webhook_url)
    except InvalidInput as error:
        guard.close()
        raise InvalidInput(f"TRIAGE_SLACK_WEBHOOK_URL: {error}") from None
    return Slack(GuardedClient(guard), settings.slack_webhook_url)


@asynccontextmanager
async def figures_of(settings: Settings, store: Store) -> AsyncIterator[ReportFigures]:
    """Give what reads figures, with what waits for the warehouse drained into it first.

    Raises:
        StateUnavailable: if the storage does not answer.
        WarehouseError: if the warehouse cannot be used.
    """
    warehouse: Warehouse = await asyncio.to_thread(open_warehouse, place_of(settings))
    try:
        # Where others are at it for longer, the report says how many events it is without.
        with contextlib.suppress(WarehouseBusy):
            await Drain(FactStream(store), warehouse).all()
        yield ReportFigures(store, warehouse)
    finally:
        await asyncio.to_thread(warehouse.close)


async def made(figures: ReportFigures, kind: ReportKind, span: Span) -> Report:
    """Make a report.

    Raises:
        StateUnavailable: if the storage does not answer.
        WarehouseError: if the warehouse cannot be read.
    """
    if kind == "costs":
        return await figures.costs(span)
    return await figures.performance(span)


def filed(report: Report, name: ReportName, settings: Settings) -> Filed:
    """Write a report into its folder, each file as a whole."""
    language: Language = settings.report_language
    page = page_of(report, language)
    day = name.day.isoformat()
    texts = {"md": markdown(page), "html": html(page)}
    paths, place = kept(settings, name.kind, day, texts)
    message = brief(report, language, place, f"{name.kind}/{day}")
    return Filed(html=paths["html"], markdown=paths["md"], message=message)


def kept(
    settings: Settings, kind: str, stem: str, texts: Mapping[str, str]
) -> tuple[dict[str, Path], str]:
    """Write a report's texts, by suffix, and say where they and its page are."""
    folder = folder_of(settings) / kind
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    paths = {}
    for suffix, text in texts.items():
        path = folder / f"{stem}.{suffix}"
        draft = path.with_name(f".{path.name}.{now_ms()}")
        draft.write_text(text, "utf-8")
        draft.replace(path)
        paths[suffix] = path
    place = str(paths["html"])
    if settings.report_url is not None:
        place = f"{settings.report_url.rstrip('/')}/{kind}/{quote(paths['html'].name)}"
    return paths, place


def folder_of(settings: Settings) -> Path:
    """Return where reports are kept."""
    return settings.var / "reports"


class ReportDesk:
    """What makes and sends reports in one worker."""

    def __init__(
        self,
        settings: Settings,
        store: Store,
        leases: LeaseKeeper,
        slack: Slack | None,
        *,
        clock_ms: Callable[[], int] = now_ms,
    ) -> None:
        """Put it together.

        Args:
            settings: hour, zone, language and folder.
            store: the storage.
            leases: renews what this worker works on.
            slack: the channel; None where reports are only filed.
            clock_ms: Unix time in milliseconds.
        """
        self._settings = settings
        self._store = store
        self._reports = Reports(store)
        self._leases = leases
        self._slack = slack
        self._now_ms = clock_ms
        check_zone(settings.report_zone)

    async def run(self) -> None:
        """Make and send what is due, for ever.

        Raises:
            StateUnavailable: if the storage goes away.
        """
        while True:
            await self.round()
            wait = LOOK_SECONDS
            if (next_ms := await self._reports.next_ms()) is not None:
                wait = min(wait, max(_LEAST_SECONDS, (next_ms - self._now_ms()) / 1_000))
            await asyncio.sleep(wait)

    async def round(self) -> None:
        """Look once; work on whatever nobody else works on.

        Raises:
            StateUnavailable: if the storage goes away.
        """
        now, settings = self._now_ms(), self._settings
        since = await self._reports.since_ms(now)
        names = [
            ReportName(kind=kind, day=day)
            for kind, day in due_reports(
                now, since, hour=settings.report_hour, zone=settings.report_zone
            )
        ]
        await self._reports.enter(names, now)
        for name in await self._reports.due(now):
            if (claim := await self._reports.claim(name)) is not None:
                await self._held(claim, self._work)

    async def _held(
        self, claim: ReportClaim, work: Callable[[ReportClaim], Awaitable[None]]
    ) -> None:
        """Do something while the lease is renewed; it is cut short where the lease is lost."""
        task = asyncio.ensure_future(work(claim))
        self._leases.hold(claim, lambda: _cancel(task))
        try:
            await asyncio.wait([task])
        finally:
            self._leases.drop(claim)
            if not task.done():
                task.cancel()
                await asyncio.wait([task])
            with contextlib.suppress(StateUnavailable):
                await self._reports.release(claim)
        if task.cancelled():
            _log.warning("report.lost", report=str(claim.name))
        else:
            task.result()

    async def _work(self, claim: ReportClaim) -> None:
        name = claim.name
        state = await self._reports.state(name)
        if state.over:
            await self._reports.take_off(name)
            return
        try:
            message = await self._message(name, state)
        except StateUnavailable:
            raise
        except Exception as error:  # noqa: BLE001
            # A report that cannot be made must not stop what the worker does for people.
            reason = f"not made: {type(error).__name__}: {error}"
            await self._again(name, state, reason, _AGAIN_SECONDS)
            return
        if self._slack is not None:
            if not await self._reports.holds(claim):
                return
            outcome = await self._slack.post(message)
            if not taken(outcome):
                reason = outcome.error or "it was not taken"
                await self._again(name, state, reason, pause_seconds(state.tries + 1, outcome))
                return
        await self._reports.sent(name, self._now_ms())
        _log.info("report.sent", report=str(name), slack=self._slack is not None)

    async def _message(self, name: Name, state: ReportState) -> SlackMessage:
        """Return what is told of a report; it is made and filed first, unless it is there."""
        if state.message is not None:
            return _decode(state.message)
        if isinstance(name, ConclusionName):
            # It was written before it was entered: only a storage that lost its writes comes here.
            raise Lost("what was to be told of the experiment is not there any more")
        span = span_reported(name.kind, name.day, self._settings.report_zone)
        async with figures_of(self._settings, self._store) as figures:
            report = await made(figures, name.kind, span)
        done = await asyncio.to_thread(filed, report, name, self._settings)
        _log.info("report.made", report=str(name), file=str(done.html))
        await self._reports.made(name, encode_message(done.message), self._now_ms())
        return done.message

    async def _again(self, name: Name, state: ReportState, reason: str, wait: float) -> None:
        """Try again later, or never; the reason is told when it is a new one."""
        now = self._now_ms()
        if reason != state.error:
            _log.warning("report.waiting", report=str(name), reason=reason)
        await self._reports.postponed(name, reason, now + round(wait * 1_000))
        if now > self._due_ms(name, state) + GIVE_UP_MS:
            _log.error("report.given_up", report=str(name), reason=reason)
            await self._reports.give_up(name, now)

    def _due_ms(self, name: Name, state: ReportState) -> int:
        """Return when what a report is about was over."""
        if isinstance(name, ConclusionName):
            return state.made_ms or 0
        return span_reported(name.kind, name.day, self._settings.report_zone).until_ms


def _cancel(task: "asyncio.Future[None]") -> None:
    task.cancel()


async def report(settings: Settings, store: Store, leases: LeaseKeeper) -> None:
    """Make and send reports for ever; a worker runs one of these.

    Raises:
        InvalidInput: if the settings name something that cannot be used.
        StateUnavailable: if the storage goes away.
    """
    slack = build_slack(settings)
    try:
        await ReportDesk(settings, store, leases, slack).run()
    finally:
        if slack is not None:
            await slack.aclose()
