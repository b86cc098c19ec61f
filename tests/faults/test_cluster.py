"""A cluster: whole journeys on it, and primaries lost, slots moved and everything restarted."""

import shutil
import threading
import time
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path
from uuid import uuid4

import pytest

from analytics.warehouse import open_warehouse
from app.core.errands import Errands
from app.domain.ledger import Budget, Scope
from app.embedded import EmbeddedValkey
from app.state import keys
from app.state.budgets import Budgets
from app.state.cluster import slot_of
from app.state.conversations import ConversationStateManager
from app.state.facts import FactStream
from app.state.flags import Flags, SharedPayload
from app.state.job_board import JobBoard
from app.state.keys import CaseKeys
from app.state.probe import probe
from app.state.reports import Reports, parse_name
from app.state.workforce import Workforce
from tests.faults.conftest import Show
from tests.faults.test_workers import ANSWER_SECONDS, Office
from tests.support.api import OPERATOR_TOKEN, Api, Case
from tests.support.cluster import Cluster, running_cluster
from tests.support.fleet import Fleet, Parent, fleet
from tests.support.listener import Listener, settled
from tests.support.patient import Writers
from tests.support.proofs import STORY, rounds, spread
from tests.support.provider import SlowProvider, slow_provider
from tests.support.sealed import store_at
from tests.support.waiting import until

WRITERS = 4


def _debians() -> Path:
    found = shutil.which("redis-server")
    if found is None:
        pytest.skip("Debian's redis-server is not installed")
    return Path(found)


@pytest.fixture(
    scope="module", params=["valkey", pytest.param("redis", marks=pytest.mark.redis_server)]
)
def cluster(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Cluster]:
    """Three primaries with a replica each: of the Valkey we bring along, then of Debian's Redis."""
    program = _debians() if request.param == "redis" else None
    with running_cluster(tmp_path_factory.mktemp("cluster"), program=program) as running:
        yield running


@pytest.fixture(scope="module")
def provider() -> Iterator[SlowProvider]:
    """A provider whose answers take a while."""
    with slow_provider() as made:
        made.delay = ANSWER_SECONDS
        yield made


class ClusterOffice(Office):
    """What watches over jobs, with the cases in a cluster and the queues beside it."""

    def __init__(
        self, cluster: Cluster, queues: EmbeddedValkey, workers: Fleet, provider: SlowProvider
    ) -> None:
        """Put the watchers together."""
        super().__init__(queues, workers, provider)
        self.store = store_at(cluster.url, replicas=1)
        self.conversations = ConversationStateManager(self.store, "office")
        self.board = JobBoard(self.store)
        self.errands = Errands(Workforce(self.store), self.queue)


@pytest.fixture
def settings(own_valkey: EmbeddedValkey, tmp_path: Path) -> dict[str, str]:
    """What every process is told, besides where the cluster is."""
    return {
        "TRIAGE_QUEUE_URL": own_valkey.url,
        "TRIAGE_REPLICAS": "1",
        "TRIAGE_OPERATOR_TOKEN": OPERATOR_TOKEN,
        "TRIAGE_VAR": str(tmp_path / "var"),
        "TRIAGE_WAREHOUSE_SECONDS": "0.5",
        "TRIAGE_METRICS_PORT": "0",
        "TRIAGE_PACE_MS": "5",
    }


@pytest.fixture
def served(
    cluster: Cluster, forks: Parent, settings: dict[str, str], tmp_path: Path
) -> Iterator[Fleet]:
    """Instances on the cluster, which ask no model."""
    with fleet(forks, cluster.url, tmp_path, settings) as made:
        yield made


@pytest.fixture
async def office(
    cluster: Cluster,
    own_valkey: EmbeddedValkey,
    forks: Parent,
    provider: SlowProvider,
    settings: dict[str, str],
    tmp_path: Path,
) -> AsyncIterator[ClusterOffice]:
    """An office on the cluster, whose workers do ask models."""
    with fleet(forks, cluster.url, tmp_path, settings | provider.settings) as workers:
        made = ClusterOffice(cluster, own_valkey, workers, provider)
        yield made
        await made.close()


def guided(api: Api) -> dict[str, str]:
    """Return what opens a case that no model is asked in."""
    return {"locale": "en", "user_ref": f"person-{api.port}"}


@pytest.mark.timeout(600)
async def test_whole_journeys(
    office: ClusterOffice, served: Fleet, cluster: Cluster, tmp_path: Path
) -> None:
    """Talked to at one instance and read at another, analysed, counted, listed, and erased."""
    # A job in the background, by way of the queue that stands apart; no instance interferes yet.
    office.hire(1)
    job, _ = await office.case()
    await office.over(job)
    await office.check(job)
    first, second = (one.api for one in served.pair())
    # A conversation, word for word at an instance that does not speak.
    case = first.start(**guided(first))
    key = uuid4().hex
    said = first.say(case, STORY, Prefer="wait=0", Idempotency_Key=key)
    assert said.status == 202, said
    again = second.say(case, STORY, Prefer="wait=0", Idempotency_Key=key)
    assert again.headers["triage-turn"] == said.headers["triage-turn"] == "1"
    listener = Listener.of_turn(case, 1)
    listener.insist(lambda: second)
    assert listener.message()
    active = await office.conversations.list_active_conversations()
    assert case.id in [one.case_id for one in active]
    # A human, a link to another device, an opinion, and what operators see.
    asked = second.post(f"/cases/{case.id}/handoff", {}, case.token, key=uuid4().hex)
    assert asked.status < 300, asked
    handoffs = first.get("/handoffs", OPERATOR_TOKEN).json()
    assert case.id in [one["case_id"] for one in handoffs["handoffs"]]
    code = first.post(f"/cases/{case.id}/links", None, case.token).json()["code"]
    opened = second.post("/open-link", {"code": code}, key=uuid4().hex)
    assert opened.json()["case_id"] == case.id
    body = {"case_id": case.id}
    ended = second.post("/force-complete", body, case.token, key=uuid4().hex)
    assert ended.status == 200, ended
    assert first.post(f"/cases/{case.id}/rating", {"score": 9}, case.token).status == 200
    listed = second.get("/operator/cases?limit=100", OPERATOR_TOKEN).json()
    assert case.id in [one["case_id"] for one in listed["cases"]]
    assert second.get("/operator/figures", OPERATOR_TOKEN).status == 200
    # Budgets, flags, reports.
    budget = Budget(scope=Scope(kind="operation", name="judge"), period="day", limit_nano_usd=5)
    await Budgets(office.store).set(budget)
    budgets = first.get("/operator/budgets", OPERATOR_TOKEN)
    assert budgets.status == 200, budgets
    assert f"{budget.scope}" in budgets.body.decode()
    await Budgets(office.store).remove(budget.scope, budget.period)
    payload = SharedPayload(raw=b'{"features":{}}', source="file", at=1)
    flags = Flags(office.store)
    assert await flags.offer(payload, name="a", updated="2026-01-01T00:00:00.000Z")
    assert await flags.hash() == "a"
    await office.store.command("DEL", keys.FLAGS)
    reports, name = Reports(office.store), parse_name("costs:2026-11-20")
    await reports.enter([name], 1)
    claim = await reports.claim(name)
    assert claim is not None
    assert await reports.claim(name) is None
    await reports.release(claim)
    await reports.take_off(name)
    # What happened arrives in the warehouse, and goes when the case does.
    stream = FactStream(office.store)
    warehouse = open_warehouse(tmp_path / "var" / "warehouse")
    sql = "SELECT count(*) FROM cases WHERE case_id = $1"

    def rows() -> int:
        return int(warehouse.query(sql, [case.id]).rows[0][0])

    until(lambda: rows() == 1, "the case did not reach the warehouse")
    gone = second.call("DELETE", f"/api/v2/triage/cases/{case.id}", token=case.token)
    assert gone.status in {200, 204}, gone
    until(lambda: rows() == 0, "the case was not erased from the warehouse")
    deadline = time.monotonic() + 60
    while await stream.waiting():
        assert time.monotonic() < deadline, "facts wait that nobody takes"
    assert first.get(f"/status/{case.id}", case.token).status == 404
    for one in CaseKeys(case.id).all():
        assert await office.store.command("EXISTS", one) == 0, one
    # The storage itself.
    health = first.call("GET", "/health/redis")
    assert health.status == 200, health
    assert "3 primaries" in health.json()["server"]
    assert probe(cluster.url).mode == "cluster of 3 primaries"
    warehouse.close()


@contextmanager
def written(served: Fleet) -> Iterator[Writers]:
    """Have people write at both instances; at the end every case has what was acknowledged."""
    serving = served.pair()

    def where() -> Api:
        return serving[writers.count % 2].api

    writers = Writers(where, a_case=8)
    with ThreadPoolExecutor(WRITERS) as pool:
        writing = [pool.submit(writers.write, f"writer {n}") for n in range(WRITERS)]
        try:
            yield writers
        finally:
            writers.stop()
        cases = [one for each in writing for one in each.result()]
    for case, said in cases:
        assert [one["message"] for one in settled(where(), case)] == said


@pytest.mark.timeout(3_600)
def test_nothing_acknowledged_is_lost_with_a_primary(
    served: Fleet, cluster: Cluster, show: Show
) -> None:
    """Killed under writers one after the other; its replica takes over, and all words are there."""
    gaps: list[float] = []
    with written(served) as writers:
        for number in range(rounds(1)):
            writers.wait_for(20)
            killed = cluster.primaries()[number % 3]
            began = time.monotonic()
            cluster.kill(killed)
            cluster.wait_taken_over(killed)
            cluster.bring_back(killed)  # a write waits for a replica, and there is no other
            writers.wait_for(WRITERS + 1)  # what was on its way may have been written
            gaps.append(time.monotonic() - began)
        writers.wait_for(20)
    show(
        "primary killed under writers, cluster",
        [
            ("primaries killed", len(gaps)),
            ("kill to written again", ", ".join(f"{k} {v}" for k, v in spread(gaps).items())),
            ("acknowledged", writers.count),
            ("asked again", dict(writers.repeated)),
            ("lost", 0),
        ],
    )


@pytest.mark.timeout(3_600)
def test_a_slot_is_moved_under_traffic(served: Fleet, cluster: Cluster, show: Show) -> None:
    """Slots of indexes and of the ledger, and back again: no request fails, and no word is lost."""
    moved: list[float] = []
    names = (keys.BUSY, keys.CASES, keys.FACTS, keys.FACT_CASES)
    with written(served) as writers:
        for number in range(rounds(2)):
            writers.wait_for(10)
            slot = slot_of(names[number % len(names)])
            source = cluster.holder(slot)
            target = next(one for one in cluster.primaries() if one != source)
            for to in (target, source):
                began = time.monotonic()
                cluster.move_slot(slot, to)
                moved.append(time.monotonic() - began)
                writers.wait_for(10)
    assert dict(writers.repeated) == {}
    show(
        "slots moved under writers",
        [
            ("slots moved", len(moved)),
            ("took", ", ".join(f"{k} {v}" for k, v in spread(moved).items())),
            ("acknowledged", writers.count),
            ("failed requests", 0),
        ],
    )


@pytest.mark.timeout(600)
def test_the_slot_of_a_case_is_moved_while_it_is_talked_to(served: Fleet, cluster: Cluster) -> None:
    """Keys go one by one, and a turn that is under way is finished, word for word."""
    first, second = (one.api for one in served.pair())
    case = first.start(**guided(first))
    slot = slot_of(CaseKeys(case.id).meta)
    for number in range(1, 5):
        said = first.say(case, STORY, Prefer="wait=0")
        assert said.status == 202, said
        source = cluster.holder(slot)
        target = next(one for one in cluster.primaries() if one != source)
        moving = threading.Thread(target=cluster.move_slot, args=(slot, target))
        moving.start()
        listener = Listener.of_turn(case, number)
        listener.insist(lambda: second)
        moving.join()
        assert listener.message()
        assert cluster.holder(slot) == target
    assert len(settled(second, case)) == 4


@pytest.mark.timeout(600)
def test_everything_is_there_after_a_restart_of_all(served: Fleet, cluster: Cluster) -> None:
    """All servers are killed at once and started again; writers go on by themselves."""
    with written(served) as writers:
        writers.wait_for(20)
        cluster.restart()
        writers.wait_for(20)


@pytest.mark.timeout(600)
def test_what_a_lost_slot_holds_waits_and_the_rest_goes_on(
    forks: Parent, own_valkey: EmbeddedValkey, tmp_path: Path
) -> None:
    """Without a replica: its cases are refused with 503, others read; health names who is down."""
    with ExitStack() as stack:
        cluster = stack.enter_context(running_cluster(tmp_path / "cluster", replicas=0))
        made = stack.enter_context(
            fleet(forks, cluster.url, tmp_path, {"TRIAGE_QUEUE_URL": own_valkey.url})
        )
        (member,) = made.some(1)
        api, down = member.api, cluster.primary_of(keys.live_shard(0))
        lost: list[Case] = []
        kept: list[Case] = []
        while not (lost and kept):
            case = api.start(**guided(api))
            assert api.say(case, STORY, Prefer="wait=20").status == 200
            there = cluster.primary_of(CaseKeys(case.id).meta) == down
            (lost if there else kept).append(case)
        cluster.kill(down)
        cluster.wait_noticed()
        refused = api.get(f"/status/{lost[0].id}", lost[0].token)
        assert refused.status == 503
        assert "retry-after" in refused.headers
        for case in kept:
            assert api.get(f"/status/{case.id}", case.token).status == 200
        health = api.call("GET", "/health/redis")
        assert health.status == 503
        assert f"127.0.0.1:{down}" in health.json()["detail"]
        assert api.call("GET", "/health/ready").status == 200
        cluster.bring_back(down)
        for case in lost + kept:
            assert api.say(case, STORY, Prefer="wait=20").status == 200
        assert api.call("GET", "/health/redis").status == 200
