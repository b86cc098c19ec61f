"""The figures of docs/performance.md. What is asserted is only that they are of this world."""

from collections.abc import Callable, Iterator
from pathlib import Path

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
from tests.bench.machine import on_cores, two_cores
from tests.bench.report import Table
from tests.bench.rig import Rig, rig

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]


@pytest.fixture
def ready(tmp_path: Path) -> Iterator[Rig]:
    """A set-up of its own for every measurement, on two cores."""
    with rig(tmp_path / "var") as found:
        yield found


def test_a_durable_turn_beside_a_bare_forwarder(ready: Rig) -> None:
    """State, journal and resumption cost something, and not the most of it."""
    table = streams.capacity(ready, streams.Plan())
    table.publish()
    assert (table["streams a second on one core"].ratio or 0) > 0.1


@pytest.mark.parametrize(
    "plan",
    [
        streams.Plan(users=1, calm_words=5, calm_ms=20, sdks=("openai", "anthropic")),
        streams.Plan(users=50, sdks=("openai", "anthropic")),
        streams.Plan(users=200),
    ],
    ids=lambda plan: str(plan.users),
)
def test_the_first_word_beside_the_sdk_called_directly(ready: Rig, plan: streams.Plan) -> None:
    """What we add to the first word is counted for one, fifty and two hundred streams."""
    table = streams.first_words(ready, plan)
    table.publish()
    assert (table[f"{plan.users} streams, openai, p50: whole"].ratio or 99) < 50


def test_the_first_sign_of_life(ready: Rig) -> None:
    """A person is told that something happens long before a silent model speaks."""
    table = waiting.first_status(ready, waiting.Plan())
    table.publish()
    assert (table["1 at once: first byte, p99"].ratio or 999) < 200


def test_memory_of_open_streams(ready: Rig) -> None:
    """An open stream that says nothing is cheap."""
    table = waiting.memory(ready, waiting.Plan())
    table.publish()
    assert table["an idle reader of a case"].ours < 200


def test_saving_and_loading_a_conversation(ready: Rig) -> None:
    """Twenty turns are saved and loaded in a few round trips' time."""
    table = keeping.conversation(ready, keeping.Plan())
    table.publish()
    assert (table["load the state"].ratio or 99) < 10


def test_the_token_log(ready: Rig) -> None:
    """Words that leave together are stored many times faster than one by one."""
    table = keeping.journal(ready, keeping.Plan())
    table.publish()
    assert (table["durable words a second, awaited at the end"].ratio or 0) > 1


def test_a_hundred_messages_to_one_case(ready: Rig) -> None:
    """They are accepted in one order, without gaps, in the time of some dozens of round trips."""
    table = keeping.posts(ready, keeping.Plan())
    table.publish()
    assert (table["p99"].ratio or 99) < 50


def test_one_chunk() -> None:
    """Reading and writing one chunk costs microseconds."""
    with on_cores(two_cores().measured):
        table = parts.chunk(parts.Plan())
    table.publish()
    assert (table["decode and encode"].ratio or 9) < 2


def test_reading_a_message() -> None:
    """The rules read a message in some hundred times what splitting it into words takes."""
    with on_cores(two_cores().measured):
        table = parts.reading(parts.Plan())
    table.publish()
    assert all((row.ratio or 9_999) < 2_000 for row in table.rows)


def test_a_cold_start(ready: Rig) -> None:
    """An instance is ready within seconds."""
    table = starting.cold_start(ready, starting.Plan())
    table.publish()
    assert all((row.ratio or 99) < 10 for row in table.rows)


def test_valkey_killed_with_many_cases(ready: Rig) -> None:
    """An instance serves again soon after Valkey is back, and nothing is lost."""
    table = starting.recovery(ready, starting.Plan())
    table.publish()
    assert (table["until messages are answered again"].ratio or 99) < 20


def test_the_queue_beside_its_peers(own_valkey: EmbeddedValkey, tmp_path: Path) -> None:
    """A worker is woken by a bell, far sooner than by polling."""
    table = queues.compared(own_valkey.url, tmp_path, queues.Plan())
    table.publish()
    assert (table["enqueue to start, p50, beside arq"].ratio or 9) < 0.5


@pytest.mark.parametrize("at_once", [1, 50])
def test_the_accounts_of_a_call(ready: Rig, at_once: int) -> None:
    """Setting money aside is one round trip, and the row is written on nobody's way."""
    table = accounts.added(ready.valkey.url, accounts.Plan(at_once=at_once))
    table.publish()
    assert table[f"{at_once} at once: added before the answer, p50"].ours < 50


def test_what_telling_costs(ready: Rig) -> None:
    """Accounts, metrics, logs and traces cost a word little beside the same turns without them."""
    table = telling.cost_of_telling(ready, telling.Plan())
    table.publish()
    assert all((row.ratio or 9) < 1.5 for row in table.rows)


@pytest.mark.parametrize("persons", [1_000_000, 10_000_000])
def test_analysing_a_table_of_persons(tmp_path: Path, persons: int) -> None:
    """Five metrics and the sample ratio take a fraction of what another analysis takes."""
    table = analysing.persons(tmp_path, analysing.Plan(persons=persons))
    table.publish()
    assert (table["five metrics and the sample ratio"].ratio or 9) < 1


@pytest.mark.parametrize("persons", [1_000_000, 10_000_000])
def test_analysing_the_events_of_a_warehouse(tmp_path: Path, persons: int) -> None:
    """As many exposures are joined to as many outcomes as there are persons."""
    table = analysing.events(tmp_path, analysing.Plan(persons=persons, rounds=2))
    table.publish()
    assert all(row.ours < 300 for row in table.rows)


def test_what_an_experiment_adds_to_a_turn() -> None:
    """The decision and the fact of the exposure cost some dozens of microseconds."""
    with on_cores(two_cores().measured):
        table = analysing.assigning(analysing.Plan(persons=20_000))
    table.publish()
    assert table["both, p99"].ours < 5_000


@pytest.mark.parametrize("measure", [cost_per_case.guided, cost_per_case.with_models])
def test_cost_per_case(ready: Rig, measure: Callable[[Rig, cost_per_case.Plan], Table]) -> None:
    """A whole case costs some hundred milliseconds of a core, and some dozens of kilobytes."""
    table = measure(ready, cost_per_case.Plan())
    table.publish()
    assert 0 < table["API"].ours < 5_000
    assert table["memory of Valkey, right after"].ours < 1_000
