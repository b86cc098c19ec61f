"""A cluster from one process's side: commands find their node, what is refused is sent again."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from uuid import uuid4

import pytest

from app.domain.errors import InvalidInput, StateUnavailable
from app.domain.event import EventId
from app.state import connecting
from app.state.cluster import slot_of
from app.state.conversations import ConversationStateManager
from app.state.facts import FactStream
from app.state.follow import Follower
from app.state.journal import Journal
from app.state.keys import CaseKeys
from app.state.leases import LEASE_MS, LeaseKeeper
from app.state.probe import probe
from app.state.records import Claim
from app.state.store import Store
from plugins.queue import queue_address
from tests.support.cases import TOKEN_HASH, claimed, finished, opened, post
from tests.support.cluster import Cluster, call, running_cluster
from tests.support.sealed import store_at
from tests.support.warehouses import turn


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """Three primaries."""
    with running_cluster(tmp_path_factory.mktemp("cluster"), replicas=0) as running:
        yield running


@pytest.fixture
async def store(cluster: Cluster) -> AsyncIterator[Store]:
    """A connection as an instance has it."""
    made = store_at(cluster.url)
    yield made
    await made.close()


def spread_keys(number: int = 60) -> list[str]:
    """Return keys in slots all over."""
    name = uuid4().hex
    return [f"{name}:{at}" for at in range(number)]


async def test_commands_find_their_node_and_answers_their_place(
    store: Store, cluster: Cluster
) -> None:
    """Many at once, those of several keys, and those of none."""
    names = spread_keys()
    assert len({cluster.primary_of(one) for one in names}) == 3
    await store.commands(("SET", one, at, "EX", 60) for at, one in enumerate(names))
    found = await store.commands(("GET", one) for one in names)
    assert found == [str(at).encode() for at in range(len(names))]
    assert await store.command("EXISTS", *names) == len(names)
    pages = [page async for page in store.scan(f"{names[0].partition(':')[0]}:*", 10)]
    assert sorted(one.decode() for page in pages for one in page) == sorted(names)
    assert await store.command("UNLINK", *names) == len(names)
    assert len(await store.command("TIME")) == 2
    assert await store.attempts([]) == []


async def test_an_error_stands_in_its_place_alone(store: Store) -> None:
    """What others answer stands beside it; the first error is raised by whoever wants all."""
    names = spread_keys(9)
    await store.command("SET", names[4], "x", "EX", 60)
    commands = [
        ("LPUSH" if at == 4 else "GET", one, *["y"] * (at == 4)) for at, one in enumerate(names)
    ]
    answers = await store.attempts(commands)
    assert [isinstance(one, Exception) for one in answers] == [at == 4 for at in range(9)]
    with pytest.raises(Exception, match="wrong kind of value"):
        await store.commands(commands)


async def test_scripts_run_where_the_case_is_and_indexes_are_there_before(
    store: Store, cluster: Cluster
) -> None:
    """Also where no node has a script yet; facts of cases at all nodes come off."""
    conversations = ConversationStateManager(store, "one")
    stream = FactStream(store)
    for port in cluster.primaries():
        call(port, "SCRIPT", "FLUSH")
    cases: list[str] = []
    while len({cluster.primary_of(CaseKeys(one).meta) for one in cases}) < 3:
        cases.append((await opened(conversations)).case_id)
    for case_id in cases:
        await post(conversations, case_id)
        claim = await claimed(conversations, case_id)
        await finished(conversations, claim, facts=[turn(case_id, 1)])
    assert await stream.waiting() == len(cases)
    backlog = await stream.backlog()
    assert backlog.waiting == len(cases)
    page = await stream.read(100)
    assert {one.case_id for one in page} == set(cases)
    await stream.take_off(page)
    assert await stream.waiting() == 0
    active = await conversations.list_active_conversations()
    assert {one.case_id for one in active} >= set(cases)
    for case_id in cases:
        await conversations.erase(case_id, TOKEN_HASH)
    await stream.take_off(await stream.read(100))
    assert await stream.waiting() == 0


async def test_too_few_replicas_are_told(cluster: Cluster) -> None:
    """A write that must be at a replica is not acknowledged where there is none."""
    store = store_at(cluster.url, replicas=1)
    with pytest.raises(StateUnavailable, match="too few"):
        await opened(ConversationStateManager(store, "one"))
    await store.close()


async def test_words_are_read_where_another_writes_them(store: Store) -> None:
    """Streams of several slots are followed at once; silence included."""
    conversations = ConversationStateManager(store, "one")
    journal, follower = Journal(store), Follower(store, "two")
    journal.start()
    follower.start()
    logs = []
    for _ in range(6):
        case_id = (await opened(conversations)).case_id
        claim = (await post(conversations, case_id, claim=True)).claim
        assert claim is not None
        logs.append(journal.open(case_id, 1, claim.epoch))

    async def words(key: str, number: int) -> list[str]:
        found: list[str] = []
        async with follower.follow(key, EventId(0, 0)) as reader:
            while len(found) < number:
                batch = await reader.queue.get()
                assert batch is not None
                found += [one.data.decode() for one in batch if one.name == "delta"]
        return found

    async with asyncio.timeout(30):
        reading = [asyncio.create_task(words(log.key, 5)) for log in logs]
        for number in range(5):
            for log in logs:
                log.piece(f"word{number} ")
            await asyncio.gather(*(log.settle() for log in logs))
        for found in await asyncio.gather(*reading):
            assert [f"word{at} " in one for at, one in enumerate(found)] == [True] * 5
    await follower.close()
    await journal.close()


async def test_leases_are_kept_at_every_node(store: Store, cluster: Cluster) -> None:
    """By a thread of their own, and a lost one is told."""
    conversations = ConversationStateManager(store, "one")
    keeper = LeaseKeeper(cluster.url)
    keeper.start()
    claims: list[Claim] = []
    for _ in range(6):
        case_id = (await opened(conversations)).case_id
        claim = (await post(conversations, case_id, claim=True)).claim
        assert claim is not None
        claims.append(claim)
    lost = {claim.case_id: asyncio.Event() for claim in claims}
    for claim in claims:
        await store.command("PEXPIRE", claim.lease_key, 60_000)
        keeper.hold(claim, lost[claim.case_id].set)
    async with asyncio.timeout(30):
        for claim in claims:
            while await store.command("PTTL", claim.lease_key) > LEASE_MS:  # noqa: ASYNC110 - no event tells
                await asyncio.sleep(0.01)
        await store.command("DEL", claims[0].lease_key)
        await lost[claims[0].case_id].wait()
    for claim in claims[1:]:
        keeper.drop(claim)
    keeper.close()


async def test_a_slot_that_is_moved_is_followed(store: Store, cluster: Cluster) -> None:
    """Key by key under commands and scripts: nothing fails, nothing is lost or done twice."""
    conversations = ConversationStateManager(store, "one")
    case_id = (await opened(conversations)).case_id
    slot = slot_of(CaseKeys(case_id).meta)
    source = cluster.holder(slot)
    target = next(one for one in cluster.primaries() if one != source)
    counter = f"tri:{{{case_id}}}:count"
    done = asyncio.Event()

    async def count() -> int:
        number = 0
        while not done.is_set():
            number += 1
            assert await store.command("INCR", counter) == number
        return number

    async def say() -> int:
        number = 0
        while not done.is_set():
            number += 1
            assert (await post(conversations, case_id, key=f"k{number}")).turn == number
        return number

    tasks = [asyncio.create_task(count()), asyncio.create_task(say())]
    try:
        for to in (target, source):
            await asyncio.to_thread(cluster.move_slot, slot, to)
            assert cluster.holder(slot) == to
    finally:
        done.set()
    counted, said = await asyncio.gather(*tasks)
    assert int(await store.command("GET", counter)) == counted
    assert len(await conversations.waiting(case_id)) == said


async def test_a_node_that_is_lost_is_named_and_the_rest_is_served(
    cluster: Cluster,
) -> None:
    """By status, by the set-up check, by each command; once it is back, all is."""
    store = store_at(cluster.url)
    names = spread_keys(12)
    await store.commands(("SET", one, 1, "EX", 600) for one in names)
    status = await store.status()
    assert (status.down, status.takes_writes, status.full) == ((), True, False)
    assert "3 primaries" in status.server
    found = await asyncio.to_thread(probe, cluster.url)
    assert (found.mode, found.role) == ("cluster of 3 primaries", "master")
    assert found.settings == {
        "appendonly": "yes", "appendfsync": "always", "maxmemory-policy": "noeviction",
    }  # fmt: skip
    down = cluster.primary_of(names[0])
    cluster.kill(down)
    try:
        answers = await store.tries((("GET", one) for one in names), seconds=2.0)
        gone = [isinstance(one, StateUnavailable) for one in answers]
        assert gone == [cluster.primary_of(one) == down for one in names]
        assert any(f":{down}" in one for one in (await store.status()).down)
        with pytest.raises(StateUnavailable):
            await store.command("GET", names[0])
        with pytest.raises(StateUnavailable):
            await asyncio.to_thread(probe, cluster.url)
    finally:
        cluster.bring_back(down)
    assert await store.commands(("GET", one) for one in names) == [b"1"] * 12
    await store.close()


async def test_where_nobody_is_that_is_told() -> None:
    """Neither is anything waited for without end."""
    url = "redis+cluster://127.0.0.1:1,127.0.0.1:2"
    store = Store(url)
    with pytest.raises(StateUnavailable):
        await store.command("GET", "k")
    with pytest.raises(StateUnavailable):
        await store.status()
    with pytest.raises(StateUnavailable):
        await asyncio.to_thread(probe, url)
    await store.close()


@pytest.mark.parametrize(
    ("url", "nodes", "tls", "options"),
    [
        ("redis+cluster://a", (("a", 6379),), False, {}),
        ("rediss+cluster://u:p%40@a:1,[::1]:2", (("a", 1), ("::1", 2)), True,
         {"username": "u", "password": "p@"}),
    ],
)  # fmt: skip
def test_addresses_of_clusters(
    url: str, nodes: tuple[tuple[str, int], ...], tls: bool, options: dict[str, str]
) -> None:
    """Nodes, credentials and TLS."""
    place = connecting.cluster_of(url)
    assert place is not None
    assert (place.nodes, place.tls, dict(place.options)) == (nodes, tls, options)


@pytest.mark.parametrize(
    "url", ["redis+cluster://", "redis+cluster://a/1", "redis+cluster://a?x=1"]
)
def test_addresses_that_are_none_of_clusters(url: str) -> None:
    """They are refused where they are read."""
    with pytest.raises(ValueError, match="cluster"):
        connecting.cluster_of(url)


def test_queues_need_one_server() -> None:
    """The same as everything, or one that is named; never a cluster."""
    assert queue_address(None, "redis://a") == "redis://a"
    assert queue_address("redis://b", "redis+cluster://a") == "redis://b"
    for queues, storage in [
        (None, "redis+cluster://a"), ("redis+cluster://b", "redis://a"), ("redis+cluster://", "x"),
    ]:  # fmt: skip
        with pytest.raises(InvalidInput, match="TRIAGE_QUEUE_URL"):
            queue_address(queues, storage)
    with pytest.raises(ValueError, match="one server"):
        connecting.pool("redis+cluster://a")
