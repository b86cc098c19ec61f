"""A soak: people come and go for a long while, and nothing grows but what is counted."""

import random
import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from uuid import uuid4

import pytest

from app.embedded import EmbeddedValkey
from tests.faults.conftest import MakeFleet, Show
from tests.support.api import BASE, Api
from tests.support.listener import Listener
from tests.support.memory import Memory, used_by_ledger, used_by_valkey
from tests.support.proofs import BRIEF, STORY, rounds
from tests.support.provider import slow_provider
from tests.support.waiting import until

PEOPLE = 4
PAUSE_SECONDS = 0.25
"""Between two visits of one of them: a load that two cores bear easily beside other work."""
LONG_MINUTES = 10
"""From here on the bound is the tight one: everything has found its size by then."""
WARM_UP_SECONDS = 360.0
"""Longer than a case lives."""
TIGHT = 0.05
"""By how much a process may have grown from the end of the warm-up to the end."""
TIGHT_BYTES = 8_000_000
LOOSE_BYTES = 40_000_000
"""A minute only shows that nothing runs away: pools and arenas still fill."""


class Visitors:
    """People who do everything that can be done with a case, until told to stop."""

    def __init__(self, api: Api) -> None:
        """Visit this instance."""
        self._api = api
        self._stopped = threading.Event()
        self._lock = threading.Lock()
        self.tally: Counter[str] = Counter()

    def stop(self) -> None:
        """Let everybody finish their visit."""
        self._stopped.set()

    def visit(self, seed: int) -> None:
        """Come again and again."""
        chance = random.Random(seed)
        acts = (self._talk, self._leave_and_return, self._never_return, self._erase, self._idle)
        while not self._stopped.wait(PAUSE_SECONDS):
            act = chance.choice(acts)
            act()
            with self._lock:
                self.tally["visits"] += 1

    def _said(self) -> Listener:
        case = self._api.start(locale="en", playbook=BRIEF)
        return Listener(case, STORY, uuid4().hex)

    def _heard(self, listener: Listener) -> None:
        listener.insist(lambda: self._api, seconds=90)
        assert listener.message()
        with self._lock:
            self.tally["turns heard to the end"] += 1

    def _talk(self) -> None:
        """Say it, hear the answer, and wait for the result that a worker makes."""
        listener = self._said()
        self._heard(listener)
        case = listener.case
        path = f"/result/{case.id}"
        until(lambda: self._api.get(path, case.token).status == 200, "no result came", seconds=50)
        with self._lock:
            self.tally["results of background analyses"] += 1

    def _leave_and_return(self) -> None:
        listener = self._said()
        listener.say(self._api, most=1)
        self._heard(listener)

    def _never_return(self) -> None:
        self._said().say(self._api, most=1)

    def _erase(self) -> None:
        listener = self._said()
        self._heard(listener)
        answer = self._api.call(
            "DELETE", f"{BASE}/cases/{listener.case.id}", token=listener.case.token
        )
        assert answer.status in {200, 202, 204}, answer

    def _idle(self) -> None:
        case = self._said().case
        path = f"{BASE}/cases/{case.id}/events"
        with self._api.stream("GET", path, token=case.token) as stream:
            assert stream.answer.status == 200
            self._stopped.wait(2.0)


@pytest.mark.timeout(7_200)
def test_memory_stays_flat_while_people_come_and_go(
    make_fleet: MakeFleet, own_valkey: EmbeddedValkey, show: Show, tmp_path: Path
) -> None:
    """API, worker and Valkey: what a fit through their sizes rises is within a bound.

    The ledger keeps what was spent for eight days, whatever the lives of cases: what it grew by is
    shown, and is not part of what Valkey's data may grow by.
    """
    minutes = rounds(1)
    seconds = minutes * 60.0
    with slow_provider() as provider:
        provider.delay = 0.02
        settings = {**provider.settings, "TRIAGE_WAREHOUSE": str(tmp_path / "warehouse")}
        fleet = make_fleet(own_valkey, **settings)
        worker = fleet.worker()
        (instance,) = fleet.some(1)
        worker.wait_said("worker.started")
        visitors = Visitors(instance.api)
        memory = Memory({"API": instance.pid, "worker": worker.pid})
        memory.add("Valkey's data", lambda: used_by_valkey(own_valkey.socket))
        memory.add("of it the ledger", lambda: used_by_ledger(own_valkey.socket))
        with ThreadPoolExecutor(PEOPLE) as pool:
            visiting = [pool.submit(visitors.visit, seed) for seed in range(PEOPLE)]
            try:
                memory.watch(seconds, until=lambda: any(one.done() for one in visiting))
            finally:
                visitors.stop()
            for one in visiting:
                one.result()
        trends = memory.trends(warm_up=seconds / 3 if minutes < LONG_MINUTES else WARM_UP_SECONDS)
    show(
        f"soak of {minutes} min, {PEOPLE} people at a time",
        [
            *sorted(visitors.tally.items(), key=lambda one: -one[1]),
            *((name, str(trend)) for name, trend in trends.items()),
            ("turns lost", 0),
        ],
    )
    assert visitors.tally["turns heard to the end"] > 0
    assert visitors.tally["results of background analyses"] > 0
    ledger = trends.pop("of it the ledger")
    for name, trend in trends.items():
        kept = ledger.grown if name == "Valkey's data" else 0.0
        bound = LOOSE_BYTES if minutes < LONG_MINUTES else max(TIGHT_BYTES, TIGHT * trend.mean)
        assert trend.grown - kept <= bound, (name, str(trend), str(ledger))
