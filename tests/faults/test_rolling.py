"""Two releases side by side, as while a deploy rolls: real instances, one older than the other."""

import json
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Protocol
from uuid import uuid4

import pytest
from msgspec.structs import replace

from app.domain.errors import StateTooNew
from app.embedded import EmbeddedValkey
from app.state.conversations import ConversationStateManager
from tests.support.api import BASE, TERMINALS, Answer, Api, Case, Frame
from tests.support.listener import settled
from tests.support.patient import Patient
from tests.support.playbooks import tiny_playbook
from tests.support.processes import Instance, environment, free_port, triage
from tests.support.sealed import store_at
from tests.support.toml_text import write_playbook
from tests.support.waiting import until

pytestmark = pytest.mark.timeout(600)  # they start whole processes, one after the other

STORY = "Water has been dripping from my bathroom ceiling since yesterday."
ADDED = "added"
"""A playbook that the older release does not have."""
NEXT = [sys.executable, "-m", "tests.support.next_release", "serve"]


class Start(Protocol):
    """Starts an instance of a release."""

    def __call__(
        self, folder: str, command: list[str] | None = None, *, pace: int = 20
    ) -> Instance:
        """Start one with the playbooks of a folder; it is ready when this returns."""


@pytest.fixture
def start(own_valkey: EmbeddedValkey, tmp_path: Path) -> Iterator[Start]:
    """Start instances with the playbooks `older` or `newer`; they end with the test."""
    tiny = tiny_playbook()
    for name, books in (
        ("older", [tiny]),
        ("newer", [replace(tiny, version="1.1.0"), replace(tiny, id=ADDED)]),
    ):
        (tmp_path / name).mkdir()
        for book in books:
            write_playbook(book, tmp_path / name)
    with ExitStack() as stack:

        def one(folder: str, command: list[str] | None = None, *, pace: int = 20) -> Instance:
            port = free_port()
            env = environment(
                TRIAGE_PORT=str(port),
                TRIAGE_VAR=str(tmp_path),
                TRIAGE_REDIS_URL=own_valkey.url,
                TRIAGE_PLAYBOOKS=str(tmp_path / folder),
                TRIAGE_PLAYBOOK=tiny.id,
                TRIAGE_PACE_MS=str(pace),
                TRIAGE_CACHE="off",
            )
            log = tmp_path / f"{folder}-{time.monotonic_ns()}.log"
            made = Instance(port, command or triage("serve"), env, log)
            stack.callback(made.close)
            made.wait_ready()
            return made

        yield one


def events_of(api: Api, case: Case, turn: int) -> list[Frame]:
    """Return what a reader is told of a turn from its beginning."""
    path = f"{BASE}/cases/{case.id}/turns/{turn}/events"
    with api.stream("GET", path, token=case.token) as stream:
        assert stream.answer.status == 200, stream.answer
        return stream.until(*TERMINALS)


def opened(api: Api, playbook: str) -> Case:
    """Open a case of a playbook."""
    return api.start(locale="en", playbook=playbook)


def later(answer: Answer) -> bool:
    """Say whether somebody is asked to come back, which another instance may answer."""
    return answer.status == 503 and int(answer.headers["retry-after"]) >= 1


def test_a_fleet_in_the_middle_of_a_deploy_answers_everything(start: Start) -> None:
    """Whoever comes to either release is answered, once, and no answer has to begin anew."""
    older, newer = start("older"), start("newer", NEXT)
    asked = 0

    def where() -> Api:
        nonlocal asked
        asked += 1
        return Api((older, newer)[asked % 2].port)

    patient = Patient(where)
    usual = tiny_playbook().id
    cases = [opened(Api(one.port), usual) for one in (older, newer, older, newer)]
    cases += [opened(Api(newer.port), ADDED) for _ in range(2)]
    said: dict[str, list[str]] = {case.id: [] for case in cases}
    for number in range(4):
        for case in cases:
            text = f"{STORY} {number}"
            patient.say(case, text, wait=30)
            said[case.id].append(text)
    after = Api(newer.port)
    for case in cases:
        assert [one["message"] for one in settled(after, case)] == said[case.id]
        for turn in range(1, 5):
            told = [frame.event for frame in events_of(after, case, turn)]
            assert told[0] in {"turn.started", "status", "delta"}
            assert "turn.restarted" not in told
            assert told[-1] == "turn.completed"
    for one in (older, newer):
        assert "turn.recovered" not in one.output()
        assert "turn.handed_on" not in one.output()


async def test_what_the_newer_release_wrote_stays_as_it_is(
    start: Start, own_valkey: EmbeddedValkey
) -> None:
    """The older one takes words in and passes words on, and neither reads nor writes the case."""
    older, newer = start("older"), start("newer", NEXT)
    case = opened(Api(newer.port), tiny_playbook().id)
    frames = Api(older.port).talk(case, STORY)
    assert frames[0].event == "turn.started"
    assert frames[-1].event == "turn.completed"
    for path in (f"/cases/{case.id}", f"/status/{case.id}"):
        assert later(Api(older.port).get(path, case.token))
        assert Api(newer.port).get(path, case.token).status == 200
    store = store_at(own_valkey.url)
    try:
        with pytest.raises(StateTooNew, match="mood"):
            await ConversationStateManager(store, "of today").get_conversation_state(case.id)
    finally:
        await store.close()


def test_the_older_release_does_not_take_over_what_it_cannot_read(start: Start) -> None:
    """The newer one is killed in the middle of a word: its successor goes on, and nobody else."""
    older, newer = start("older"), start("newer", NEXT, pace=1_000)
    case = opened(Api(newer.port), ADDED)
    body = json.dumps({"case_id": case.id, "message": STORY}).encode()
    headers = {"Content_Type": "application/json", "Idempotency_Key": uuid4().hex}
    path = f"{BASE}/continue-stream"
    with Api(newer.port).stream("POST", path, body, token=case.token, **headers) as stream:
        stream.until("delta")  # whoever is read speaks slowly
        newer.kill()
    until(lambda: "case.left_to_others" in older.output(), "the older one has looked at it")
    successor = start("newer", NEXT)
    frames = events_of(Api(successor.port), case, 1)
    assert frames[-1].event == "turn.completed"
    (begun,) = [one for one in frames if one.event == "turn.restarted"] or [frames[0]]
    assert begun.data.get("attempt", 2) == 2
    assert "turn.recovered" not in older.output()
    (turn,) = settled(Api(successor.port), case)
    assert turn["message"] == STORY


def test_a_playbook_that_one_instance_lacks_is_no_reason_to_begin_anew(start: Start) -> None:
    """Of one release, while a new playbook is rolled out: taken in here, answered there."""
    without, having = start("older"), start("newer")
    case = opened(Api(having.port), ADDED)
    for number in range(1, 4):
        frames = Api(without.port).talk(case, f"{STORY} {number}")
        assert "turn.restarted" not in [frame.event for frame in frames]
        assert frames[-1].event == "turn.completed"
    assert later(Api(without.port).get(f"/status/{case.id}", case.token))
    stopped = Api(without.port).say(case, STORY, Prefer="wait=0")
    assert stopped.status in {200, 202}
    path = f"/cases/{case.id}/turns/4/cancel"
    answers = [Api(one.port).post(path, None, case.token) for one in (without, having)]
    assert [one.status for one in answers[1:]] == [200]
    assert answers[0].status == 200 or later(answers[0])
    assert "turn.handed_on" not in without.output()
