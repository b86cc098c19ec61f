"""Reports are made once and arrive, whoever dies and however long Slack is away."""

import asyncio
import json
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import ExitStack
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from app.core.reporting.spans import span_of
from app.domain.errors import InvalidInput
from app.embedded import EmbeddedValkey
from app.notify.client import GuardedClient
from app.notify.guard import Guard
from app.notify.retrying import Outcome
from app.notify.slack import Slack, SlackMessage
from app.settings import Settings
from app.state.figures import FigureReader
from app.state.leases import LeaseKeeper
from app.state.ledger import Ledger
from app.state.reports import ReportName, Reports
from jobs.reports import ReportDesk, build_slack, figures_of
from tests.support.ledgers import row
from tests.support.processes import Program, environment, triage
from tests.support.receivers import Received, Receiver, Reply, receiving
from tests.support.sealed import store_at
from tests.support.valkey import Wire

SEVEN = int(datetime(2026, 11, 24, 10, tzinfo=UTC).timestamp()) * 1_000
"""Seven o'clock in São Paulo, on a Tuesday."""
NAME = ReportName(kind="costs", day=date(2026, 11, 23))
HOUR_MS = 3_600_000
BOUND = 30.0


class Clock:
    """A clock that is set by hand."""

    def __init__(self) -> None:
        """Begin at seven."""
        self.now = SEVEN

    def __call__(self) -> int:
        """Return the time."""
        return self.now


class Rig:
    """Desks as they stand in workers, on one storage with one clock."""

    def __init__(self, valkey: EmbeddedValkey, var: Path, receiver: Receiver) -> None:
        """Put it together."""
        self.url = valkey.url
        self.store = store_at(valkey.url)
        self.reports = Reports(self.store)
        self.clock = Clock()
        self.receiver = receiver
        self.settings = Settings(
            var=var, slack_webhook_url=receiver.url, webhooks_allow_loopback=True
        )
        self.leases: list[LeaseKeeper] = []
        self.channels: list[Slack] = []

    def desk(
        self,
        settings: Settings | None = None,
        slack: Slack | None = None,
        clock: Callable[[], int] | None = None,
    ) -> ReportDesk:
        """Return the desk of one more worker."""
        chosen = settings or self.settings
        leases = LeaseKeeper(self.url)
        leases.start()
        self.leases.append(leases)
        channel = slack or build_slack(chosen)
        if channel is not None:
            self.channels.append(channel)
        return ReportDesk(chosen, self.store, leases, channel, clock_ms=clock or self.clock)

    async def close(self) -> None:
        """Close everything."""
        for one in self.leases:
            one.close()
        for slack in self.channels:
            await slack.aclose()
        await self.store.close()

    def files(self) -> list[str]:
        """Return the files that were written."""
        folder = self.settings.var / "reports"
        return sorted(str(one.relative_to(folder)) for one in folder.rglob("*") if one.is_file())


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    """Somebody who plays Slack."""
    with receiving() as made:
        made.answer = lambda _: 200
        yield made


@pytest.fixture
async def rig(
    empty_valkey: EmbeddedValkey, tmp_path: Path, receiver: Receiver
) -> AsyncIterator[Rig]:
    """An installation that began on the 23rd, at seven on the 24th."""
    made = Rig(empty_valkey, tmp_path, receiver)
    await made.reports.since_ms(SEVEN - 12 * HOUR_MS)
    yield made
    await made.close()


async def test_two_workers_make_one_report(rig: Rig) -> None:
    """Both look at the same moment; one makes it, files it and sends it."""
    desks = [rig.desk(), rig.desk()]
    await asyncio.gather(*(one.round() for one in desks))
    await asyncio.gather(*(one.round() for one in desks))
    (told,) = rig.receiver.requests
    assert "costs/2026-11-23" in told.body.decode()
    assert rig.files() == ["costs/2026-11-23.html", "costs/2026-11-23.md"]
    assert (await FigureReader(rig.store).read()).reports == {"costs": SEVEN}
    assert await rig.reports.next_ms() is None


async def test_a_minute_before_seven_nothing_is_due(rig: Rig) -> None:
    """And on the next day the next one is."""
    rig.clock.now = SEVEN - 60_000
    desk = rig.desk()
    await desk.round()
    assert rig.receiver.requests == []
    rig.clock.now = SEVEN + 24 * HOUR_MS
    await desk.round()
    keys = [
        json.loads(one.body)["blocks"][-1]["elements"][0]["text"] for one in rig.receiver.requests
    ]
    assert [one.rpartition("· ")[2] for one in keys] == ["`costs/2026-11-23`", "`costs/2026-11-24`"]


async def test_slack_is_away_and_hears_it_once(rig: Rig) -> None:
    """Refused, limited, then taken: it is made once, kept to Slack's time, and told of once."""
    answers: list[Reply] = [500, 500, (429, {"Retry-After": "900"}), 200]
    rig.receiver.answer = lambda _: answers[len(rig.receiver.requests) - 1]
    desk = rig.desk()
    with capture_logs() as logs:
        await desk.round()
        first = (rig.settings.var / "reports/costs/2026-11-23.html").stat()
        for _ in range(2):
            rig.clock.now = await rig.reports.next_ms() or 0
            await desk.round()
        limited = await rig.reports.next_ms() or 0
        assert limited - rig.clock.now == 900_000
        rig.clock.now = limited - 1
        await desk.round()
        assert len(rig.receiver.requests) == 3
        rig.clock.now = limited
        await desk.round()
    assert len({one.body for one in rig.receiver.requests}) == 1
    assert len(rig.receiver.requests) == 4
    assert (await rig.reports.state(NAME)).tries == 3
    assert await rig.reports.next_ms() is None
    assert (
        rig.settings.var / "reports/costs/2026-11-23.html"
    ).stat().st_mtime_ns == first.st_mtime_ns
    events = [one["event"] for one in logs if one["event"].startswith("report.")]
    assert events == ["report.made", "report.waiting", "report.waiting", "report.sent"]


async def test_whoever_gets_no_answer_for_a_week_gives_up(rig: Rig) -> None:
    """And says so, and the report stays in its folder."""
    rig.receiver.answer = lambda _: 500
    desk = rig.desk()
    await desk.round()
    rig.clock.now = SEVEN + 8 * 24 * HOUR_MS
    await desk.round()
    assert (await rig.reports.state(NAME)).given_up_ms == rig.clock.now
    assert "costs/2026-11-23.md" in rig.files()


class Stuck(Slack):
    """A channel whose worker stands still just before it sends."""

    def __init__(self) -> None:
        """Need nothing that would be used."""
        super().__init__(GuardedClient(Guard()), "https://hooks.slack.com/")
        self.reached = asyncio.Event()

    async def post(self, _: SlackMessage) -> Outcome:
        """Stand still."""
        self.reached.set()
        await asyncio.Event().wait()
        raise AssertionError("unreachable")


async def test_a_worker_that_stops_between_file_and_slack(rig: Rig) -> None:
    """Its lease runs out, and another sends what it made: one message."""
    stuck = Stuck()
    first = asyncio.create_task(rig.desk(slack=stuck).round())
    await asyncio.wait_for(stuck.reached.wait(), BOUND)
    rig.leases[0].close()
    made = (rig.settings.var / "reports/costs/2026-11-23.html").stat().st_mtime_ns
    second = rig.desk()
    async with asyncio.timeout(BOUND):
        while await rig.reports.next_ms() is not None:
            await second.round()
    assert len(rig.receiver.requests) == 1
    assert (rig.settings.var / "reports/costs/2026-11-23.html").stat().st_mtime_ns == made
    first.cancel()
    await asyncio.wait([first])
    assert len(rig.receiver.requests) == 1


async def test_a_lost_lease_ends_the_work(rig: Rig) -> None:
    """Who was taken for dead goes no further."""
    stuck = Stuck()
    task = asyncio.create_task(rig.desk(slack=stuck).round())
    await asyncio.wait_for(stuck.reached.wait(), BOUND)
    await rig.store.command("SET", "tri:reports:{costs:2026-11-23}:k", "another")
    with capture_logs() as logs:
        await asyncio.wait_for(task, BOUND)
    assert [one["event"] for one in logs if one["event"] == "report.lost"]
    assert rig.receiver.requests == []
    assert await rig.store.command("GET", "tri:reports:{costs:2026-11-23}:k") == b"another"


async def test_who_was_taken_for_dead_sends_nothing(rig: Rig, empty_valkey: EmbeddedValkey) -> None:
    """Whoever has lost the lease while it made the report notices before it sends."""
    asked: list[int] = []

    def stolen() -> int:
        """Give the time; the second to ask, to note that files are there, has lost the lease."""
        asked.append(SEVEN)
        if len(asked) == 2:
            with Wire(empty_valkey.socket) as wire:
                wire.call("SET", "tri:reports:{costs:2026-11-23}:k", "another")
        return SEVEN

    desk = rig.desk(clock=stolen)
    rig.leases[0].close()  # nobody renews, and nobody tells
    await desk.round()
    assert len(asked) == 2
    assert (await rig.reports.state(NAME)).made_ms == SEVEN
    assert rig.receiver.requests == []


async def test_without_slack_reports_are_filed(rig: Rig) -> None:
    """And count as sent once they are there."""
    await rig.desk(Settings(var=rig.settings.var)).round()
    assert rig.files() == ["costs/2026-11-23.html", "costs/2026-11-23.md"]
    assert (await rig.reports.state(NAME)).sent_ms == SEVEN
    assert rig.receiver.requests == []


async def test_a_warehouse_that_cannot_be_read_is_waited_for(rig: Rig, tmp_path: Path) -> None:
    """The worker goes on, says why, and makes the report once it can."""
    broken = tmp_path / "warehouse" / "ai_call"
    broken.mkdir(parents=True)
    (broken / "files.json").write_text("{")
    desk = rig.desk()
    await desk.round()
    assert "not made" in ((await rig.reports.state(NAME)).error or "")
    (broken / "files.json").unlink()
    rig.clock.now = await rig.reports.next_ms() or 0
    await desk.round()
    assert len(rig.receiver.requests) == 1


async def test_what_is_set_wrongly_is_said_at_the_start(rig: Rig) -> None:
    """By the setting's name, without the webhook's secret address."""
    with pytest.raises(InvalidInput, match="no time zone"):
        rig.desk(Settings(report_zone="Mars/Olympus"))
    secret = "http://hooks.slack.com/services/T0/B0/SECRET"
    with pytest.raises(InvalidInput, match="TRIAGE_SLACK_WEBHOOK_URL") as caught:
        build_slack(Settings(slack_webhook_url=secret))
    assert "SECRET" not in str(caught.value)


async def test_what_waits_is_drained_before_it_is_counted(rig: Rig) -> None:
    """A report is not without what happened a moment before."""
    one = row("r1")
    await Ledger(rig.store).settle(one, (), reserved=False)
    async with figures_of(rig.settings, rig.store) as figures:
        today = datetime.now(UTC).date()
        report = await figures.costs(span_of(today - timedelta(days=1), today, "UTC"))
    assert (report.waiting, report.unlisted_calls, report.total.calls) == (0, 0, 1)


@pytest.fixture
def due_today(own_valkey: EmbeddedValkey) -> str:
    """Make the report of yesterday due, and no earlier one; returns its key."""
    midnight = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    with Wire(own_valkey.socket) as wire:
        wire.call("SET", "tri:reports:since", str(int(midnight.timestamp() * 1_000) - 1))
    return f"costs/{(midnight - timedelta(days=1)).date().isoformat()}"


def start(stack: ExitStack, valkey: EmbeddedValkey, var: Path, receiver: Receiver) -> Program:
    """Start a worker."""
    env = environment(
        TRIAGE_REDIS_URL=valkey.url,
        TRIAGE_VAR=str(var),
        TRIAGE_REPORT_HOUR="0",
        TRIAGE_REPORT_ZONE="UTC",
        TRIAGE_REPORT_LANGUAGE="pt-BR",
        TRIAGE_SLACK_WEBHOOK_URL=receiver.url,
        TRIAGE_WEBHOOKS_ALLOW_LOOPBACK="true",
    )
    number = len(list(var.glob("*.log")))
    program = Program(f"worker {number}", triage("worker"), env, var / f"{number}.log")
    stack.callback(program.close)
    return program


def of(key: str, requests: list[Received]) -> list[Received]:
    """Return the requests about one report."""
    return [one for one in requests if f"`{key}`" in one.body.decode()]


def test_a_worker_that_is_killed_while_it_sends(
    own_valkey: EmbeddedValkey, due_today: str, tmp_path: Path, receiver: Receiver
) -> None:
    """Real workers: one dies before Slack has answered, and another one sends the same again."""
    let_go = threading.Event()

    def answer(_: Received) -> Reply:
        if len(of(due_today, receiver.requests)) == 1:
            let_go.wait(BOUND)
        return 200

    receiver.answer = answer
    with ExitStack() as stack:
        stack.callback(let_go.set)
        first = start(stack, own_valkey, tmp_path, receiver)
        receiver.wait_for(lambda all_: bool(of(due_today, all_)), 90)
        first.kill()
        second = start(stack, own_valkey, tmp_path, receiver)
        kind, _, day = due_today.partition("/")
        second.wait_until(lambda: _sent(own_valkey, f"{kind}:{day}"))
        told = of(due_today, receiver.requests)
        assert len(told) == 2
        assert told[0].body == told[1].body
        assert "Custos de IA" in told[0].body.decode()
        assert (tmp_path / "reports" / kind / f"{day}.html").stat().st_size > 1_000
        assert "report.made" not in second.output()


def _sent(valkey: EmbeddedValkey, name: str) -> bool:
    with Wire(valkey.socket) as wire:
        return wire.call("HGET", f"tri:reports:{{{name}}}", "sent_ms") is not None


def test_two_real_workers_send_one_report(
    own_valkey: EmbeddedValkey, due_today: str, tmp_path: Path, receiver: Receiver
) -> None:
    """However many look at once."""
    with ExitStack() as stack:
        workers = [start(stack, own_valkey, tmp_path, receiver) for _ in range(2)]
        kind, _, day = due_today.partition("/")
        workers[0].wait_until(lambda: _sent(own_valkey, f"{kind}:{day}"))
        for one in workers:
            one.wait_until(lambda one=one: "worker.started" in one.output())  # type: ignore[misc]
            assert one.terminate() == 0
        assert len(of(due_today, receiver.requests)) == 1
