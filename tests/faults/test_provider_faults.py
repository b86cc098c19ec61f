"""One call in twenty at both providers fails, in the ways in which they do: who notices?"""

import re
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from uuid import uuid4

import pytest

from app.embedded import EmbeddedValkey
from tests.faults.conftest import MakeFleet, Show
from tests.support.api import Api
from tests.support.listener import Listener
from tests.support.llmock import running_llmock
from tests.support.proofs import STORY, rounds
from tests.support.replies import text, turn_document

COMPLETE = 0.995
PEOPLE = 8
REPLY = "I am sorry to hear it. When did it begin, and what would you like us to do about it?"
RATES = {
    "--error-rate": {"429": 0.01, "500": 0.01, "503": 0.005},
    "--stream-fault": {
        "disconnect": 0.0075,
        "truncate": 0.0075,
        "malformed": 0.0075,
        "stall": 0.0025,
    },
}
"""Together one in twenty."""


class Streams:
    """Persons who each say one thing and read the answer to its end."""

    def __init__(self, api: Api) -> None:
        """Talk to this instance."""
        self._api = api
        self.how: Counter[str] = Counter()
        """How their streams ended."""
        self.withdrawn: Counter[str] = Counter()
        """How often words were taken back, and why."""

    def one(self, _: int) -> None:
        """Be one of them."""
        listener = Listener(self._api.start(locale="en"), STORY, uuid4().hex)
        listener.insist(lambda: self._api, seconds=90)
        last = listener.frames[-1]
        self.withdrawn.update(
            one.data["reason"] for one in listener.frames if one.event == "turn.restarted"
        )
        if last.event == "turn.completed":
            # `message` checks that what was read is what is kept, to its length and hash.
            whole = listener.message().startswith(REPLY)
            self.how["a model's answer" if whole else "the guided interviewer's"] += 1
        else:
            self.how[last.event] += 1


def _calls(api: Api) -> Counter[str]:
    """Return how many calls at providers ended how, as the instance has counted them."""
    found: Counter[str] = Counter()
    for line in api.call("GET", "/metrics").body.decode().splitlines():
        if line.startswith("triage_ai_calls_total{"):
            labels, _, value = line.rpartition(" ")
            outcome = re.search(r'outcome="(\w+)"', labels)
            assert outcome is not None, line
            found[outcome[1]] += int(float(value))
    return found


@pytest.mark.timeout(3_600)
def test_hardly_anybody_notices_that_one_call_in_twenty_fails(
    make_fleet: MakeFleet, own_valkey: EmbeddedValkey, show: Show
) -> None:
    """199 streams of 200 are complete at least, and none ends in silence."""
    number = rounds(300)
    options = [
        part
        for option, rates in RATES.items()
        for kind, rate in rates.items()
        for part in (option, f"{kind}={rate}")
    ]
    with running_llmock(*options, "--stream-chunk-delay-ms", "1") as mock:
        mock.scenario([{"type": "reply", "text": text(turn_document(REPLY)), "times": None}])
        settings = {
            "OPENAI_API_KEY": "k",
            "OPENAI_BASE_URL": mock.openai,
            "ANTHROPIC_API_KEY": "k",
            "ANTHROPIC_BASE_URL": mock.anthropic,
            "TRIAGE_FIRST_TOKEN_SECONDS": "20",
            "TRIAGE_READ_SECONDS": "5",
            "TRIAGE_RATE_ADDRESS": "0",
        }
        (instance,) = make_fleet(own_valkey, **settings).some(1)
        streams = Streams(instance.api)
        with ThreadPoolExecutor(PEOPLE) as pool:
            list(pool.map(streams.one, range(number)))
        calls = _calls(instance.api)
    answered = streams.how["a model's answer"]
    failed = sum(calls.values()) - calls["completed"]
    complete = answered + streams.how["the guided interviewer's"]
    show(
        "one call in twenty at providers fails",
        [
            ("streams", number),
            ("calls at providers", f"{sum(calls.values())}: {dict(calls)}"),
            *sorted(streams.how.items()),
            ("words taken back for another's answer", sum(streams.withdrawn.values())),
            ("complete", f"{100 * complete / number:.2f} %"),
            ("ended in silence, or lost", number - sum(streams.how.values())),
        ],
    )
    assert sum(streams.how.values()) == number
    assert complete / number >= COMPLETE
    assert answered / number >= 0.9
    assert failed > 0, "no call failed: nothing was proved"
