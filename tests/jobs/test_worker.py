"""The worker as a real process: it tidies, it stops when asked, it outlives its storage."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from app.embedded import EmbeddedValkey
from tests.support.ledgers import kill_in_a_call, rows_of
from tests.support.processes import Program, environment, triage
from tests.support.valkey import Wire

GHOST = "00000000000000000000000000000000"
INDEX = "tri:live:00"


@pytest.fixture
def worker(own_valkey: EmbeddedValkey, tmp_path: Path) -> Iterator[Program]:
    """A worker on a Valkey of its own, with an index that names a case that is gone."""
    _haunt(own_valkey)
    env = environment(TRIAGE_REDIS_URL=own_valkey.url, TRIAGE_VAR=str(tmp_path))
    program = Program("worker", triage("worker"), env, tmp_path / "worker.log")
    try:
        yield program
    finally:
        program.close()


def test_a_case_that_is_gone_leaves_the_index(worker: Program, own_valkey: EmbeddedValkey) -> None:
    """What expired is not listed for ever."""
    worker.wait_until(lambda: not _is_haunted(own_valkey), timeout=60)


def test_it_stops_cleanly_when_asked(worker: Program) -> None:
    """SIGTERM ends it with success."""
    worker.wait_until(lambda: "worker.started" in worker.output())
    assert worker.terminate() == 0


def test_it_outlives_its_storage(worker: Program, own_valkey: EmbeddedValkey) -> None:
    """After Valkey was killed and came back, it works as before."""
    worker.wait_until(lambda: not _is_haunted(own_valkey), timeout=60)
    own_valkey.kill()
    worker.wait_until(lambda: "worker.waiting" in worker.output(), timeout=60)
    own_valkey.start()
    _haunt(own_valkey)
    worker.wait_until(lambda: not _is_haunted(own_valkey), timeout=60)


def test_it_writes_the_rows_of_calls_whose_process_died(
    worker: Program, own_valkey: EmbeddedValkey
) -> None:
    """Nobody but a worker is left to say what a killed instance was paying for."""
    kill_in_a_call(own_valkey.url)
    worker.wait_until(lambda: bool(rows_of(own_valkey.url, "case-1")), timeout=60)
    (row,) = rows_of(own_valkey.url, "case-1")
    assert (row.outcome, row.source) == ("lost", "estimated")


def _haunt(valkey: EmbeddedValkey) -> None:
    with Wire(valkey.socket) as wire:
        wire.call("ZADD", INDEX, "1", GHOST)


def _is_haunted(valkey: EmbeddedValkey) -> bool:
    with Wire(valkey.socket) as wire:
        return wire.call("ZSCORE", INDEX, GHOST) is not None
