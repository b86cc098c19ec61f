"""Experiments are computed by one worker at a time, and their end is told of once."""

import asyncio
import datetime as dt
import json
import os
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from msgspec.structs import replace

from analytics.experiments.assessment import assess
from analytics.experiments.declaration import find_declaration
from analytics.warehouse import open_warehouse
from app.domain.errors import ExperimentNotComputed, ExperimentNotFound
from app.embedded import EmbeddedValkey
from app.notify.slack import Slack
from app.settings import Settings
from app.state.experiments import Experiments
from app.state.figures import FigureReader
from app.state.leases import LeaseKeeper
from app.state.reports import ConclusionName, Reports
from jobs.experiment_order import Answer, Failed, Order
from jobs.experiment_run import run
from jobs.experiments import Compute, ExperimentDesk, NotComputed, in_a_process
from jobs.reports import ReportDesk, build_slack
from tests.support.receivers import Receiver, receiving
from tests.support.sealed import store_at
from tests.support.triages import KEY, V1, V2, Likings, crowd, facts_of
from tests.support.waiting import until
from tests.support.warehouses import rows

HOUR_MS = 3_600_000
NOON = round(dt.datetime(2025, 12, 10, 12, tzinfo=dt.UTC).timestamp() * 1_000)
"""Everybody has come, and everything that they do has happened."""
SMALL = """
format = 1
key = "tone"
title = "A warmer tone"
question = "Do more people finish when they are greeted?"
hypothesis = "They do."
control = "v1"
planned_persons = 4000
conclude_after_hours = 24
{more}
[arms]
v1 = 0.5
v2 = 0.5
[[metrics]]
name = "completion"
label = "Completion rate"
kind = "share"
fact = "completed"
per = "started"
unit = "share"
better = "increase"
role = "primary"
smallest_effect = 0.04
"""


class Clock:
    """A clock that is set by hand."""

    def __init__(self) -> None:
        """Begin at noon."""
        self.now = NOON

    def __call__(self) -> int:
        """Return the time."""
        return self.now


class Here:
    """Computes in this process, and remembers what was asked."""

    def __init__(self) -> None:
        """Nothing was asked yet."""
        self.orders: list[Order] = []

    async def __call__(self, order: Order) -> Answer:
        """Carry an order out."""
        self.orders.append(order)
        return await asyncio.to_thread(run, order)


class Rig:
    """Desks as they stand in workers, on one storage, with one warehouse and one clock."""

    def __init__(self, valkey: EmbeddedValkey, var: Path, receiver: Receiver) -> None:
        """Put it together."""
        self.url = valkey.url
        self.store = store_at(valkey.url)
        self.experiments = Experiments(self.store)
        self.reports = Reports(self.store)
        self.clock = Clock()
        self.receiver = receiver
        self.declared = var / "declared"
        self.declared.mkdir()
        self.settings = Settings(
            var=var,
            experiments=self.declared,
            slack_webhook_url=receiver.url,
            webhooks_allow_loopback=True,
        )
        self.here = Here()
        self.leases: list[LeaseKeeper] = []
        self.channels: list[Slack] = []

    def people_came(self, v2: Likings = V2) -> None:
        """Let four hundred people take part, to whom v2 does good unless told otherwise."""
        warehouse = open_warehouse(self.settings.var / "warehouse")
        with warehouse.writing() as writer:
            writer.append(rows(*facts_of(crowd(400, {"v1": V1, "v2": v2}, days=8))))
        warehouse.close()

    def declares(self, more: str = "") -> None:
        """Declare an experiment of these people under the shipped key."""
        text = SMALL.format(more=more).replace('"tone"', f'"{KEY}"')
        (self.declared / f"{KEY}.toml").write_text(text, "utf-8")

    def keeper(self) -> LeaseKeeper:
        """Return the leases of one more worker."""
        leases = LeaseKeeper(self.url)
        leases.start()
        self.leases.append(leases)
        return leases

    def desk(self, compute: Compute | None = None) -> ExperimentDesk:
        """Return the desk of one more worker."""
        return ExperimentDesk(
            self.settings,
            self.store,
            compute=compute or self.here,
            renew_seconds=0.05,
            clock_ms=self.clock,
        )

    def reporters(self, number: int) -> list[ReportDesk]:
        """Return what sends reports in so many workers."""
        found = []
        for _ in range(number):
            slack = build_slack(self.settings)
            assert slack is not None
            self.channels.append(slack)
            found.append(
                ReportDesk(self.settings, self.store, self.keeper(), slack, clock_ms=self.clock)
            )
        return found

    async def close(self) -> None:
        """Close everything."""
        for one in self.leases:
            one.close()
        for slack in self.channels:
            await slack.aclose()
        await self.store.close()


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
    """An installation of which nothing was computed."""
    made = Rig(empty_valkey, tmp_path, receiver)
    yield made
    await made.close()


async def test_of_two_workers_one_computes(rig: Rig) -> None:
    """Both look at the same moment, at once after their start; ten minutes later one does again."""
    rig.people_came()
    desks = [rig.desk(), rig.desk()]
    assert sorted(await asyncio.gather(*(one.round() for one in desks))) == [False, True]
    assert [await one.round() for one in desks] == [False, False]
    rig.clock.now += 599_000
    assert not await desks[0].round()
    rig.clock.now += 1_000
    assert sorted(await asyncio.gather(*(one.round() for one in desks))) == [False, True]
    assert len(rig.here.orders) == 2


async def test_what_is_kept_is_the_report(rig: Rig) -> None:
    """A process of its own computes the same figures as this one, and says when."""
    rig.people_came()
    assert await rig.desk(in_a_process).round()
    warehouse = open_warehouse(rig.settings.var / "warehouse")
    at = dt.datetime.fromtimestamp(NOON / 1_000, dt.UTC).replace(tzinfo=None)
    found = assess(warehouse, find_declaration(KEY), at)
    warehouse.close()
    kept = json.loads(await rig.experiments.report(KEY))
    assert kept["computed_at"] == NOON
    assert kept["taken"]["persons"] == found.taken.persons
    assert kept["findings"][0]["analysis"]["difference"]["estimate"] == (
        found.findings[0].analysis.difference.estimate  # type: ignore[union-attr]
    )
    assert "Structured intake" in await rig.experiments.page(KEY)
    (standing,) = await rig.experiments.standings()
    assert standing.state == "running"
    assert standing.persons == found.taken.persons
    assert standing.verdict == found.verdicts["v2"].decision
    assert (await FigureReader(rig.store).read()).experiments == (standing,)


async def test_where_nobody_came_nothing_is_loaded(rig: Rig) -> None:
    """The experiment is planned; no process is started, and there is no report yet."""
    with pytest.raises(ExperimentNotFound):
        await rig.experiments.report(KEY)
    assert await rig.desk().round()
    assert rig.here.orders == []
    (standing,) = await rig.experiments.standings()
    assert (standing.state, standing.computed_at) == ("planned", NOON)
    with pytest.raises(ExperimentNotComputed, match="nobody has come"):
        await rig.experiments.page(KEY)


async def test_what_fails_is_told_and_tried_again(rig: Rig) -> None:
    """After a minute; what was computed before is still served meanwhile."""
    rig.people_came()
    assert await rig.desk().round()
    before = await rig.experiments.report(KEY)

    async def fails(_: Order) -> Answer:
        raise NotComputed("the process ended with -9: ")

    rig.clock.now += 600_000
    desk = rig.desk(fails)
    assert await desk.round()
    (standing,) = await rig.experiments.standings()
    assert standing.error == "the process ended with -9: "
    assert await rig.experiments.report(KEY) == before
    assert await rig.experiments.due_ms() == rig.clock.now + 60_000
    rig.clock.now += 60_000
    assert await rig.desk().round()
    assert (await rig.experiments.standing(KEY)).error is None


async def test_one_that_fails_leaves_the_others_alone(rig: Rig) -> None:
    """Its reason is kept with it."""
    rig.people_came()
    (rig.declared / "tone.toml").write_text(SMALL.format(more=""), "utf-8")

    async def half(order: Order) -> Answer:
        answer = await rig.here(order)
        others = tuple(one for one in answer.computed if one.standing.key == KEY)
        return Answer(computed=others, failed=(Failed(key="tone", error="ValueError: no"),))

    assert await rig.desk(half).round()
    known = {one.key: one for one in await rig.experiments.standings()}
    assert known["tone"].error == "ValueError: no"
    assert known[KEY].state == "running"
    with pytest.raises(ExperimentNotComputed, match="ValueError: no"):
        await rig.experiments.report("tone")


async def test_what_is_declared_no_more_goes(rig: Rig) -> None:
    """With everything that was computed of it; a file that cannot be read stops nothing."""
    (rig.declared / "tone.toml").write_text(SMALL.format(more=""), "utf-8")
    rig.people_came()
    desk = rig.desk()
    assert await desk.round()
    assert [one.key for one in await rig.experiments.standings()] == [KEY, "tone"]
    (rig.declared / "tone.toml").write_text("format = 2", "utf-8")
    rig.clock.now += 600_000
    assert await desk.round()
    assert [one.key for one in await rig.experiments.standings()] == [KEY]
    with pytest.raises(ExperimentNotFound):
        await rig.experiments.report("tone")


def children() -> list[int]:
    """Return the processes that this one has started and that run."""
    path = Path(f"/proc/self/task/{os.getpid()}/children")
    return [int(one) for one in path.read_text().split()]


async def test_a_worker_that_loses_its_lease_stops_computing(rig: Rig) -> None:
    """Its process ends, and another worker may begin at once."""
    rig.people_came()
    before = set(children())
    task = asyncio.create_task(rig.desk(in_a_process).round())
    await asyncio.to_thread(until, lambda: bool(set(children()) - before), "no process began")
    (computing,) = set(children()) - before
    await rig.store.command("DEL", "tri:experiments:k")
    assert await asyncio.wait_for(task, 30) is False
    assert computing not in children()
    assert await rig.desk().round()


async def messages(rig: Rig, workers: int = 2) -> list[str]:
    """Let the reports of several workers look twice; returns what Slack has heard."""
    desks = rig.reporters(workers)
    for _ in range(2):
        await asyncio.gather(*(one.round() for one in desks))
    return [one.body.decode() for one in rig.receiver.requests]


async def test_an_experiment_whose_days_are_over_is_told_of_once(rig: Rig) -> None:
    """Two workers compute, two send: one message, one report in the folder, and never again."""
    rig.declares(more='ends = "2025-12-05"')
    rig.people_came()
    desks = [rig.desk(), rig.desk()]
    await asyncio.gather(*(one.round() for one in desks))
    (told,) = await messages(rig)
    assert f"experiment/{KEY}" in told
    assert "Ended by the last day" in told
    folder = rig.settings.var / "reports" / "experiment"
    assert sorted(one.name for one in folder.iterdir()) == [f"{KEY}.html", f"{KEY}.md"]
    assert "How it was computed" in (folder / f"{KEY}.html").read_text("utf-8")
    for _ in range(3):
        rig.clock.now += 600_000
        await asyncio.gather(*(one.round() for one in desks))
    assert await messages(rig) == [told]
    assert (await rig.experiments.standing(KEY)).ended_by == "the last day"
    state = await rig.reports.state(ConclusionName(key=KEY))
    assert state.sent_ms is not None


async def test_a_verdict_ends_an_experiment_once_it_has_stood(rig: Rig) -> None:
    """For as long as was declared, at every look; a day before that nothing is told."""
    rig.declares()
    rig.people_came(replace(V2, completes=0.2))
    desk = rig.desk()
    assert await desk.round()
    rig.clock.now += 24 * HOUR_MS - 1
    assert await desk.round()
    assert (await rig.experiments.standing(KEY)).state == "running"
    assert await messages(rig) == []
    rig.clock.now += 600_001
    assert await desk.round()
    (told,) = await messages(rig)
    assert "Roll back" in told
    assert "Ended by the verdict" in told


async def test_slack_is_away_and_hears_of_the_end_later(rig: Rig) -> None:
    """The report waits as others do."""
    rig.declares(more='ends = "2025-12-05"')
    rig.people_came()
    rig.receiver.answer = lambda _: 500 if len(rig.receiver.requests) == 1 else 200
    await rig.desk().round()
    assert len(await messages(rig, workers=1)) == 1
    rig.clock.now = await rig.reports.next_ms() or 0
    assert len(await messages(rig, workers=1)) == 2
    assert await rig.reports.next_ms() is None
