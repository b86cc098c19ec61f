"""A primary that is lost under writers: Sentinel names another, and no word is lost."""

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

import pytest
from redis import Redis as SyncRedis
from redis import RedisError
from redis.exceptions import ConnectionError as NotConnected

from app.domain.errors import StateUnavailable
from app.state import connecting, primaries
from app.state.conversations import ConversationStateManager
from tests.faults.conftest import Show
from tests.support.api import Api
from tests.support.cases import case_state
from tests.support.fleet import Parent, fleet
from tests.support.listener import settled
from tests.support.patient import Writers
from tests.support.proofs import rounds, spread
from tests.support.sealed import store_at
from tests.support.sentinels import Sentinels, running_sentinels

WRITERS = 4


@pytest.fixture
def sentinels(tmp_path: Path) -> Iterator[Sentinels]:
    """A primary with two replicas that three Sentinels watch."""
    with running_sentinels(tmp_path) as running:
        yield running


@pytest.mark.timeout(3_600)
def test_nothing_acknowledged_is_lost_with_a_primary(
    sentinels: Sentinels, forks: Parent, tmp_path: Path, show: Show
) -> None:
    """Two instances write on, at whoever is the primary, and every case has what was said."""
    gaps: list[float] = []
    with ExitStack() as stack:
        made = stack.enter_context(fleet(forks, sentinels.url, tmp_path, {"TRIAGE_REPLICAS": "1"}))
        serving = made.pair()

        def where() -> Api:
            return serving[writers.count % 2].api

        writers = Writers(where, a_case=8)
        with ThreadPoolExecutor(WRITERS) as pool:
            written = [pool.submit(writers.write, f"writer {n}") for n in range(WRITERS)]
            try:
                for _ in range(rounds(1)):
                    writers.wait_for(20)
                    killed = sentinels.kill_primary()
                    began = time.monotonic()
                    writers.wait_for(WRITERS + 1)  # what was on its way may have been written
                    gaps.append(time.monotonic() - began)
                    sentinels.bring_back(killed)
                writers.wait_for(20)
            finally:
                writers.stop()
            cases = [one for each in written for one in each.result()]
        for case, said in cases:
            assert [one["message"] for one in settled(where(), case)] == said
        acknowledged = writers.count
    show(
        "primary killed under writers, Sentinel",
        [
            ("primaries killed", len(gaps)),
            ("kill to written again", ", ".join(f"{k} {v}" for k, v in spread(gaps).items())),
            ("acknowledged", acknowledged),
            ("asked again", dict(writers.repeated)),
            ("lost", 0),
        ],
    )


async def test_one_sentinel_alone_is_not_believed(sentinels: Sentinels) -> None:
    """Where one names another server than the rest, everything goes to whom the rest name."""
    primary = sentinels.primary()
    stray = sentinels.mislead()
    store = store_at(sentinels.url)
    leases = connecting.thread_pool(sentinels.url)
    try:
        await store.command("SET", "by", "the store")
        with SyncRedis(connection_pool=leases) as client:
            client.set("also", "by a thread")
    finally:
        await store.close()
        leases.disconnect()
    with SyncRedis(port=primary) as written, SyncRedis(port=stray) as untouched:
        assert set(written.keys()) == {b"by", b"also"}
        assert untouched.dbsize() == 0


def test_sentinels_that_do_not_agree_are_asked_again() -> None:
    """Nobody is taken for the primary whom not more than half of those who answer name."""
    votes = primaries.Votes(3, "main")
    votes.add(("10.0.0.1", 6379))
    votes.add((b"10.0.0.2", b"6379"))
    votes.fail(RedisError("away"))
    with pytest.raises(NotConnected, match="do not agree"):
        votes.winner()
    silent = primaries.Votes(1, "main")
    silent.fail(RedisError("away"))
    with pytest.raises(NotConnected, match="away"):
        silent.winner()


async def test_a_write_that_too_few_replicas_have_is_not_acknowledged(
    sentinels: Sentinels,
) -> None:
    """Whoever asked hears that it is not sure, and the case is there for the next try."""
    store = store_at(sentinels.url, replicas=3)
    try:
        with pytest.raises(StateUnavailable, match="too few"):
            await ConversationStateManager(store, "one").start(
                case_state("c" * 32), token_hash="t", cap=5, ttl=60
            )
    finally:
        await store.close()
