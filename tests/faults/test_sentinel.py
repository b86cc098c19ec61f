"""A primary that is lost under writers: Sentinel names another, and no word is lost."""

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

import pytest

from app.domain.errors import StateUnavailable
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
