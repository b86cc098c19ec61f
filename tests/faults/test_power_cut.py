"""Power cuts: the disk under Valkey loses what was not synced, and nothing acknowledged is gone.

Without a disk that can be taken away (root and loop devices) these cannot run, and are skipped.
"""

import itertools
import random
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from app.embedded import EmbeddedValkey
from tests.faults.conftest import MakeFleet, Show
from tests.support.disks import Disk
from tests.support.patient import Writers, check_kept
from tests.support.proofs import rounds, spread
from tests.support.valkey import Wire

pytestmark = pytest.mark.disk

WRITERS = 6
WIRES = 4
A_CASE = 25
AT_LEAST = 300


class Keys:
    """Writers over plain connections, each of which counts its own key up."""

    def __init__(self) -> None:
        """Nothing is acknowledged yet."""
        self.acknowledged = dict.fromkeys((f"key {one}" for one in range(WIRES)), 0)
        self._changed = threading.Condition()

    def write(self, server: EmbeddedValkey, name: str) -> None:
        """Count up until the server is gone or takes no more."""
        number = self.acknowledged[name]
        try:
            with Wire(server.socket) as wire:
                while True:
                    number += 1
                    wire.call("SET", name, str(number))
                    with self._changed:
                        self.acknowledged[name] = number
                        self._changed.notify_all()
        except (OSError, AssertionError):
            return

    def wait_for(self, more: int) -> int:
        """Wait until so many more are acknowledged; returns how many all are."""
        with self._changed:
            goal = sum(self.acknowledged.values()) + more
            assert self._changed.wait_for(lambda: sum(self.acknowledged.values()) >= goal, 60)
            return sum(self.acknowledged.values())

    def lost(self, server: EmbeddedValkey) -> int:
        """Return how many acknowledged writes are not there, and go on from what is."""
        with Wire(server.socket) as wire:
            kept = {name: int(wire.call("GET", name) or 0) for name in self.acknowledged}
        missing = sum(max(0, n - kept[name]) for name, n in self.acknowledged.items())
        self.acknowledged = kept
        return missing


@pytest.mark.timeout(3_600)
@pytest.mark.parametrize("policy", ["always", "everysec", "no"])
def test_only_what_is_synced_before_its_answer_survives(
    disk: Disk, show: Show, policy: str
) -> None:
    """With `always` no cut loses anything; with the others they do, so the disk really forgets."""
    chance = random.Random(20_260_311)
    keys = Keys()
    losses: list[int] = []
    written = 0
    with EmbeddedValkey(disk.path / "var") as server:
        for _ in range(rounds(3)):
            with Wire(server.socket) as wire:
                wire.call("CONFIG", "SET", "appendfsync", policy)
            with ThreadPoolExecutor(WIRES) as pool:
                running = [pool.submit(keys.write, server, name) for name in keys.acknowledged]
                written = keys.wait_for(AT_LEAST + chance.randint(0, AT_LEAST))
                disk.cut(stopping=server.pid)
                server.kill()
            for one in running:
                one.result()
            disk.restore()
            server.start()
            losses.append(keys.lost(server))
    show(
        f"power cuts under four writers, appendfsync {policy}",
        [
            ("cuts", len(losses)),
            ("writes before the last", f"{written:,}"),
            ("acknowledged and lost, by cut", f"{min(losses):,} to {max(losses):,}"),
        ],
    )
    assert bool(sum(losses)) == (policy != "always")


@pytest.mark.timeout(3_600)
def test_nothing_acknowledged_is_lost_in_a_power_cut(
    make_fleet: MakeFleet, disk: Disk, show: Show
) -> None:
    """Every acknowledged message is in its conversation, once, in order, and answered.

    Every other cut comes while Valkey writes its file anew.
    """
    chance = random.Random(20_260_312)
    serving: list[float] = []
    with EmbeddedValkey(disk.path / "var") as server:
        apis = itertools.cycle([one.api for one in make_fleet(server).pair()])
        writers = Writers(lambda: next(apis), a_case=A_CASE)
        with ThreadPoolExecutor(WRITERS) as pool:
            written = [pool.submit(writers.write, f"writer {number}") for number in range(WRITERS)]
            try:
                for number in range(rounds(2)):
                    writers.wait_for(chance.randint(40, 120))
                    if number % 2:
                        with Wire(server.socket) as wire:
                            wire.call("BGREWRITEAOF")
                        writers.wait_for(1)
                    disk.cut(stopping=server.pid)
                    server.kill()
                    disk.restore()
                    began = time.monotonic()
                    server.start()
                    serving.append(writers.wait_for(1) - began)
                writers.wait_for(40)
            finally:
                writers.stop()
            cases = [one for each in written for one in each.result()]
        check_kept(cases, lambda: next(apis))
    show(
        "power cuts under six writers at two instances",
        [
            ("cuts", len(serving)),
            ("messages acknowledged", sum(len(said) for _, said in cases)),
            ("attempts repeated", writers.repeated.total()),
            ("lost, doubled or out of order", 0),
            ("restart to served", ", ".join(f"{k} {v}" for k, v in spread(serving).items())),
        ],
    )
