"""Every measurement runs, a little of it, so that the benchmarks cannot rot unseen."""

import os
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from app.embedded import EmbeddedValkey
from tests.bench import (
    accounts,
    analysing,
    cost_per_case,
    keeping,
    parts,
    queues,
    starting,
    streams,
    telling,
    waiting,
)
from tests.bench.machine import Cores
from tests.bench.report import Table
from tests.bench.rig import Rig, rig

ALL = frozenset(os.sched_getaffinity(0))


@pytest.fixture(scope="module")
def ready(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rig]:
    """One set-up for all of these, on whatever cores there are."""
    with rig(tmp_path_factory.mktemp("bench"), Cores(ALL, ALL)) as found:
        yield found


def _is_sound(table: Table, folder: Path) -> None:
    table.publish(folder)
    again = msgspec.json.decode((folder / f"{table.name}.json").read_bytes(), type=Table)
    assert again == table
    assert table.rows
    assert all(row.ours > 0 for row in table.rows if "added" not in row.what)


def test_streams_are_measured(ready: Rig, tmp_path: Path) -> None:
    """A floor, an SDK and an instance of ours forward the same words."""
    plan = streams.Plan(seconds=0.3, words=10, every_ms=5, calm_words=10, calm_ms=5, users=2)
    _is_sound(streams.capacity(ready, plan), tmp_path)
    _is_sound(streams.first_words(ready, plan), tmp_path)
    assert ready.direct("anthropic", users=1, spread=0.1, seconds=0.1).first_words


def test_waiting_is_measured(ready: Rig, tmp_path: Path) -> None:
    """The first signs of life are seen, and the memory of open streams."""
    plan = waiting.Plan(users=(1,), silence_ms=400, idle=20, silent_turns=5)
    _is_sound(waiting.first_status(ready, plan), tmp_path)
    _is_sound(waiting.memory(ready, plan), tmp_path)


def test_keeping_is_measured(ready: Rig, tmp_path: Path) -> None:
    """Conversations, token logs and crowds of posts are timed."""
    plan = keeping.Plan(rounds=10, writers=5, words=5, posts=10, repeats=1)
    for measure in (keeping.conversation, keeping.journal, keeping.posts):
        _is_sound(measure(ready, plan), tmp_path)


def test_parts_are_measured(tmp_path: Path) -> None:
    """Chunks and readings are timed."""
    plan = parts.Plan(rounds=10, readings=1)
    _is_sound(parts.chunk(plan), tmp_path)
    _is_sound(parts.reading(plan), tmp_path)


def test_starting_is_measured(ready: Rig, tmp_path: Path) -> None:
    """A cold start and a recovery are timed."""
    plan = starting.Plan(starts=1, sdks=("openai",), cases=100)
    _is_sound(starting.cold_start(ready, plan), tmp_path)
    _is_sound(starting.recovery(ready, plan), tmp_path)


def test_queues_are_measured(own_valkey: EmbeddedValkey, tmp_path: Path) -> None:
    """Our queue and one of its peers wake a worker."""
    plan = queues.Plan(singles=5, burst=50, variants=("ours", "taskiq"))
    _is_sound(queues.compared(own_valkey.url, tmp_path, plan), tmp_path)


def test_accounts_are_measured(own_valkey: EmbeddedValkey, tmp_path: Path) -> None:
    """Calls one by one and some at once are reserved and settled."""
    _is_sound(accounts.added(own_valkey.url, accounts.Plan(calls=20, at_once=5)), tmp_path)


def test_telling_is_measured(ready: Rig, tmp_path: Path) -> None:
    """An instance that tells everything is measured beside one that tells nothing."""
    plan = telling.Plan(users=2, words=10, every_ms=5, seconds=0.3, rounds=1, scrape_seconds=0.05)
    _is_sound(telling.cost_of_telling(ready, plan), tmp_path)


def test_analysing_is_measured(tmp_path: Path) -> None:
    """Ours and the peer's analysis agree on the effects, and events are joined to exposures."""
    plan = analysing.Plan(persons=100_000, rounds=1, peer_rounds=1)
    _is_sound(analysing.persons(tmp_path, plan), tmp_path)
    few = analysing.Plan(persons=5_000, rounds=1)
    _is_sound(analysing.events(tmp_path / "warehouse", few), tmp_path)
    _is_sound(analysing.assigning(analysing.Plan(persons=200)), tmp_path)


def test_the_api_loads_no_statistics(ready: Rig) -> None:
    """An instance that is ready has its SDK loaded, no other SDK, and nothing of analytics."""
    loaded = {name.partition(".")[0] for name in starting.imported(ready, "openai")}
    assert {"litestar", "openai", "aiohttp"} <= loaded
    assert "anthropic" not in loaded
    assert loaded.isdisjoint(starting.FORBIDDEN)


def test_without_a_model_no_sdk_is_loaded_nor_what_only_they_need(ready: Rig) -> None:
    """The guided interviewer serves with the framework and msgspec, and nothing of pydantic."""
    loaded = {name.partition(".")[0] for name in starting.imported(ready, None)}
    assert {"litestar", "msgspec"} <= loaded
    assert loaded.isdisjoint({"openai", "anthropic", "pydantic", "pydantic_core"})


def test_a_whole_case_is_measured(ready: Rig, tmp_path: Path) -> None:
    """With rules alone and with models, from the first word to the warehouse."""
    plan = cost_per_case.Plan(warm=1, guided=2, model=2, idle_seconds=0.2)
    for measure in (cost_per_case.guided, cost_per_case.with_models):
        table = measure(ready, plan)
        table.publish(tmp_path)
        assert table["warehouse"].ours > 0
        assert table["to the person"].ours > table["from the person"].ours
        assert table["of it: turns"].ours > 0
