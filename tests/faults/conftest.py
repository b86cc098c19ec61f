"""What the proofs under faults share."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Protocol

import pytest

from app.embedded import EmbeddedValkey
from tests.support.disks import Disk, NoDisk
from tests.support.fleet import Fleet, Parent, fleet, parent
from tests.support.proofs import table, write_proof_playbooks
from tests.support.prove import note

Show = Callable[[str, Sequence[tuple[str, object]]], None]


class MakeFleet(Protocol):
    """Makes fleets of instances; see `Fleet`."""

    def __call__(self, valkey: EmbeddedValkey, **settings: str) -> Fleet:
        """Make one more on this storage, with further settings."""


@pytest.fixture(scope="session")
def valkey(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedValkey]:
    """A Valkey for the proofs alone: who takes a turn over is one of their own instances."""
    with EmbeddedValkey(tmp_path_factory.mktemp("faults-var")) as server:
        yield server


@pytest.fixture
def make_disk(tmp_path: Path) -> Iterator[Callable[[int], Disk]]:
    """Make a disk of so many megabytes that can be cut off and filled up, one at most.

    Where none can be had, the test is skipped.
    """
    with ExitStack() as stack:

        def make(megabytes: int) -> Disk:
            try:
                made = Disk(tmp_path, megabytes)
            except NoDisk as reason:
                pytest.skip(f"no file can be mounted as a disk here, which takes root: {reason}")
            stack.callback(made.close)
            return made

        yield make


@pytest.fixture
def disk(make_disk: Callable[[int], Disk]) -> Disk:
    """A disk with room for everything."""
    return make_disk(256)


@pytest.fixture
def show(capsys: pytest.CaptureFixture[str]) -> Show:
    """Print figures as a table, also where the output of tests is kept back."""

    def printing(title: str, rows: Sequence[tuple[str, object]]) -> None:
        with capsys.disabled():
            print(table(title, rows))
        note(title, rows)

    return printing


@pytest.fixture(scope="session")
def forks(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Parent]:
    """The process that instances are fleet from; it knows the playbooks of the proofs."""
    settings = write_proof_playbooks(tmp_path_factory.mktemp("playbooks"))
    with parent(tmp_path_factory.mktemp("forks"), settings) as running:
        yield running


@pytest.fixture
def make_fleet(forks: Parent, tmp_path: Path) -> Iterator[MakeFleet]:
    """Make fleets that end with the test."""
    with ExitStack() as stack:

        def make(valkey: EmbeddedValkey, **settings: str) -> Fleet:
            return stack.enter_context(fleet(forks, valkey.url, tmp_path, settings))

        yield make
