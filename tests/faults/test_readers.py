"""Readers: some never read, some leave at any moment, and everybody else gets every word."""

import select
import socket
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from uuid import uuid4

from app.embedded import EmbeddedValkey
from tests.faults.conftest import MakeFleet, Show
from tests.support.api import BASE, Api, Case
from tests.support.listener import Listener, settled, wait_for_words
from tests.support.memory import Memory
from tests.support.proofs import ENDLESS, STORY, rounds, spread

USUAL = 50
STALLED_SECONDS = 2.0
USUAL_SECONDS = 3.0
MOST_EVENTS = 40
HELD_BYTES = 4_000_000
"""By how much at most the process may grow for each of them while they last, everything else that
it does meanwhile included. What the system keeps besides is bounded by `SEND_BUFFER_BYTES`."""


@contextmanager
def never_reading(api: Api, case: Case, turn: int, number: int) -> Iterator[list[socket.socket]]:
    """Ask for a long answer on each of so many connections, and read none of it."""
    request = (
        f"GET {BASE}/cases/{case.id}/turns/{turn}/events HTTP/1.1\r\nHost: here\r\n"
        f"Authorization: Bearer {case.token}\r\n\r\n"
    ).encode()
    with ExitStack() as stack:
        sockets = []
        for _ in range(number):
            one = stack.enter_context(socket.socket())
            one.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
            one.connect(("127.0.0.1", api.port))
            one.sendall(request)
            sockets.append(one)
        yield sockets


def cut_off(sockets: Sequence[socket.socket], seconds: float) -> int:
    """Wait until the other side has closed all of them, without reading; returns how many."""
    poll = select.poll()
    left = {one.fileno() for one in sockets}
    for number in left:
        poll.register(number, 0)
    deadline = time.monotonic() + seconds
    while left and (wait := deadline - time.monotonic()) > 0:
        for number, _ in poll.poll(wait * 1_000):
            poll.unregister(number)
            left.discard(number)
    return len(sockets) - len(left)


def test_whoever_never_reads_is_cut_and_hurts_nobody(
    make_fleet: MakeFleet, valkey: EmbeddedValkey, show: Show
) -> None:
    """Meanwhile others talk as usual, and who was cut comes back and gets all of it."""
    number = rounds(USUAL)
    settings = {"TRIAGE_STALLED_SECONDS": str(STALLED_SECONDS), "TRIAGE_STREAMS_CASE": "0"}
    (instance,) = make_fleet(valkey, **settings).some(1)
    api = instance.api
    case = api.start(locale="en", playbook=ENDLESS)
    listener = Listener(case, STORY, uuid4().hex)
    assert listener.say(api)
    message = listener.message()
    took: list[float] = []
    memory = Memory({"API": instance.pid})
    memory.look()
    began_all = time.monotonic()
    with never_reading(api, case, 1, number) as sockets:
        api.start(locale="en")  # answered when what they asked for is ready for them
        for _ in range(10):
            began = time.monotonic()
            other = Listener(api.start(locale="en"), STORY, uuid4().hex)
            assert other.say(api)
            assert other.message()
            took.append(time.monotonic() - began)
            memory.look()
        assert cut_off(sockets, 60.0) == number
        held_for = time.monotonic() - began_all
    back = Listener(case, STORY, listener.key)
    assert not back.say(api, most=100)
    back.insist(lambda: api)
    assert back.frames == listener.frames
    assert back.message() == message
    risen = memory.risen("API")
    show(
        "readers that never read",
        [
            ("readers", number),
            ("cut off, all of them after", f"{held_for:.1f} s"),
            ("memory for each, at most", f"{risen / number / 1e3:.0f} kB"),
            ("case and turn of others", ", ".join(f"{k} {v}" for k, v in spread(took).items())),
            ("words lost", 0),
        ],
    )
    assert sorted(took)[len(took) // 2] <= USUAL_SECONDS
    assert risen / number <= HELD_BYTES


def test_a_reader_may_leave_at_any_event(make_fleet: MakeFleet, valkey: EmbeddedValkey) -> None:
    """While a turn runs, whoever leaves after any event and comes back elsewhere misses nothing.

    Some come back to where the turn is made, some to another instance; leaving stops nothing.
    """
    instances = make_fleet(valkey, TRIAGE_PACE_MS="25")
    here, there = (one.api for one in instances.pair())
    case = here.start(locale="en")
    whole = Listener(case, STORY, uuid4().hex)

    def leave_and_return(number: int) -> Listener:
        reader = Listener(case, STORY, whole.key)
        assert not reader.say(here, most=number)
        assert len(reader.frames) == number
        reader.insist(lambda: there if number % 2 else here)
        return reader

    with ThreadPoolExecutor(MOST_EVENTS + 1) as pool:
        reading = pool.submit(whole.say, here)
        wait_for_words([whole], 1)
        readers = list(pool.map(leave_and_return, range(MOST_EVENTS)))
        assert reading.result()
    assert len(whole.frames) > MOST_EVENTS
    for one in readers:
        assert one.frames == whole.frames
        assert one.message() == whole.message()
    (turn,) = settled(there, case)
    assert turn["reply"] == whole.message()
