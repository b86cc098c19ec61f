"""A person and an operator in one conversation, over HTTP, at two instances of which one dies."""

import threading
from collections.abc import Iterator
from http import HTTPStatus
from http.client import HTTPException
from uuid import uuid4

import pytest
from msgspec import Struct

from app.embedded import EmbeddedValkey
from tests.support.api import BASE, OPERATOR_TOKEN, TERMINALS, Answer, Api, Case, Frame, text_of
from tests.support.processes import Instance, instances

STORY = "Water has been dripping from my bathroom ceiling since yesterday."
CALLED = "I have called somebody of the shop."
HUMAN = "Somebody of the shop reads this and answers here."
HELLO = "Hello, this is Ana. Is the water off?"
LONGEST_WAIT = 60.0


class Desk(Struct, frozen=True):
    """An operator at one instance."""

    api: Api
    name: str = "Ana"

    def act(self, case: Case, what: str, key: str | None = None, **members: str) -> Answer:
        """Take, reply or return."""
        body = {"operator": self.name, **members}
        path = f"/operator/cases/{case.id}/{what}"
        return self.api.post(path, body, OPERATOR_TOKEN, key=key or uuid4().hex)

    def waiting(self, query: str = "") -> list[str]:
        """Return the cases that need a human."""
        found = self.api.get(f"/handoffs{query}", OPERATOR_TOKEN)
        assert found.status == HTTPStatus.OK, found
        return [one["case_id"] for one in found.json()["handoffs"]]


def ask(api: Api, case: Case, key: str = "ask", reason: str = "I want a person.") -> Answer:
    """Ask for a human."""
    return api.post(f"/cases/{case.id}/handoff", {"reason": reason}, case.token, key=key)


def status_of(api: Api, case: Case) -> dict[str, object]:
    """Return how the person sees it stand."""
    found: dict[str, object] = api.get(f"/status/{case.id}", case.token).json()["handoff"]
    return found


def taken(api: Api) -> Case:
    """Open a case that Ana has taken over."""
    case = api.start(locale="en")
    api.say(case, STORY)
    assert ask(api, case).status == HTTPStatus.OK
    assert Desk(api).act(case, "take").status == HTTPStatus.OK
    return case


def life(api: Api, case: Case, *, until: str) -> list[Frame]:
    """Read the case's own events up to one of this name."""
    path = f"{BASE}/cases/{case.id}/events"
    with api.stream("GET", path, token=case.token) as stream:
        return stream.until(until)


def conflict(answer: Answer) -> str:
    """Check that it is refused as a conflict and return why."""
    assert answer.status == HTTPStatus.CONFLICT, answer
    found = answer.json()
    assert found["type"] == "urn:triage:problem:handoff-conflict"
    return str(found["detail"])


def test_asking_is_a_turn_like_any_other(api: Api, case: Case) -> None:
    """It is answered, may be repeated, and shows in the status; the reason may be left out."""
    answer = ask(api, case)
    assert (answer.status, answer.json()["message"]) == (HTTPStatus.OK, CALLED)
    assert answer.headers["triage-turn"] == "1"
    assert ask(api, case).json() == answer.json()
    assert ask(api, case, reason="Another").status == HTTPStatus.UNPROCESSABLE_ENTITY
    found = status_of(api, case)
    assert (found["status"], found["by"], found["reason"]) == (
        "requested",
        "person",
        "I want a person.",
    )
    view = api.get(f"/cases/{case.id}", case.token).json()
    assert view["handoff"] == found
    assert [one["kind"] for one in view["turns"]] == ["ask_human"]
    bare = api.post(f"/cases/{api.start().id}/handoff", {}, case.token, key="k")
    assert bare.status == HTTPStatus.NOT_FOUND
    other = api.start()
    assert api.post(f"/cases/{other.id}/handoff", {}, other.token, key="k").status == 200


def test_a_human_and_the_person_talk(api: Api) -> None:
    """The operator's words are turns in the same conversation, under their name."""
    case = taken(api)
    desk = Desk(api)
    assert api.say(case, "Are you there?").json()["message"] == HUMAN
    said = desk.act(case, "reply", text=HELLO)
    assert said.status == HTTPStatus.OK
    assert said.json()["outcome"] == "completed"
    assert api.say(case, "Yes, it is off.").json()["message"] == ""
    back = desk.act(case, "return")
    assert back.json()["handoff"]["status"] == "returned"
    assert api.say(case, "Bo").json()["message"].endswith("?")

    view = api.get(f"/cases/{case.id}", case.token).json()
    spoken = [one for one in view["turns"] if one["kind"] == "operator"]
    assert [(one["operator"], one["message"], one["reply"]) for one in spoken] == [
        ("Ana", "", HELLO)
    ]
    assert [one["kind"] for one in view["turns"]] == [
        "say", "ask_human", "take", "say", "operator", "say", "hand_back", "say",
    ]  # fmt: skip
    names = [one.event for one in life(api, case, until="handoff.returned")]
    assert [name for name in names if name.startswith("handoff.")] == [
        "handoff.requested",
        "handoff.taken",
        "handoff.message",
        "handoff.returned",
    ]


def test_operators_see_all_of_a_case_and_lists_show_little(api: Api) -> None:
    """The whole conversation and what was understood is in the case; no list has a word of it."""
    case = api.start(locale="en", user_ref="crm-7", attributes={"channel": "phone"})
    api.say(case, "My name is Bo Secretname. " + STORY)
    ask(api, case, reason="Call me at once, says Secretname")
    listed = api.get("/handoffs?limit=200", OPERATOR_TOKEN)
    assert "Secretname" not in listed.body.decode()
    (row,) = [one for one in listed.json()["handoffs"] if one["case_id"] == case.id]
    assert (row["status"], row["by"], row["operator"]) == ("requested", "person", None)
    found = api.get(f"/operator/cases/{case.id}", OPERATOR_TOKEN).json()
    assert found["case"]["turns"][0]["message"].endswith(STORY)
    assert "story" in [one["slot"] for one in found["status"]["facts"]]
    assert found["status"]["handoff"]["reason"].endswith("Secretname")
    assert (found["user_ref"], found["attributes"]) == ("crm-7", {"channel": "phone"})
    assert found["analysis"] is None


def test_only_one_operator_has_a_conversation(api: Api) -> None:
    """Another one is refused with who has it; a retry is refused in the same words."""
    case = taken(api)
    rui = Desk(api, "Rui")
    for what, members in (("take", {}), ("reply", {"text": "Hi"}), ("return", {})):
        first = rui.act(case, what, key=f"k-{what}", **members)
        assert conflict(first) == "Ana has this conversation"
        assert conflict(rui.act(case, what, key=f"k-{what}", **members)) == conflict(first)
    assert status_of(api, case)["operator"] == "Ana"
    untouched = api.start()
    assert "nobody asked" in conflict(rui.act(untouched, "take"))


def test_a_danger_brings_a_human_in(api: Api, case: Case) -> None:
    """The reader of that very turn learns it from its end, and the list has the case."""
    frames = api.talk(case, "I smell gas in my kitchen.")
    assert frames[-1].data["handoff"] == "requested"
    assert status_of(api, case)["by"] == "red_flag"
    assert case.id in Desk(api).waiting("?status=requested&limit=200")
    assert case.id not in Desk(api).waiting("?status=taken&limit=200")


def test_a_case_that_ended_can_be_handed_over(api: Api, case: Case) -> None:
    """It stays completed while a human answers in it."""
    api.say(case, STORY)
    api.say(case, "that is all")
    assert ask(api, case).json()["status"] == "completed"
    assert Desk(api).act(case, "take").status == HTTPStatus.OK
    assert api.say(case, "One more thing").json()["message"] == HUMAN
    assert Desk(api).act(case, "return").status == HTTPStatus.OK
    assert api.get(f"/result/{case.id}", case.token).status == HTTPStatus.OK


@pytest.mark.parametrize(
    ("what", "body"),
    [
        ("take", {"operator": ""}),
        ("take", {"operator": "a\nb"}),
        ("take", {"operator": "x" * 81}),
        ("take", {}),
        ("reply", {"operator": "Ana"}),
        ("reply", {"operator": "Ana", "text": ""}),
        ("reply", {"operator": "Ana", "text": "\u0007"}),
        ("reply", {"operator": "Ana", "text": "x" * 10_001}),
        ("return", {"operator": "Ana", "text": "no such field"}),
    ],
)
def test_what_operators_send_is_checked(
    api: Api, case: Case, what: str, body: dict[str, str]
) -> None:
    """Before anything is taken in."""
    path = f"/operator/cases/{case.id}/{what}"
    assert api.post(path, body, OPERATOR_TOKEN, key="k").status == HTTPStatus.BAD_REQUEST
    assert api.get(f"/status/{case.id}", case.token).json()["turns"] == 0


def test_every_operators_command_needs_a_key(api: Api, case: Case) -> None:
    """So that a retry cannot say anything twice."""
    path = f"/operator/cases/{case.id}/take"
    found = api.post(path, {"operator": "Ana"}, OPERATOR_TOKEN)
    assert found.json()["type"] == "urn:triage:problem:idempotency-key-missing"


def test_a_cursor_that_is_none_is_refused(api: Api) -> None:
    """And so is a status that there is not."""
    for query in ("?cursor=nonsense", "?status=returned", "?limit=0", "?limit=201"):
        assert api.get(f"/handoffs{query}", OPERATOR_TOKEN).status == HTTPStatus.BAD_REQUEST


@pytest.fixture
def pair(
    valkey: EmbeddedValkey, tiny_settings: dict[str, str], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Instance, Instance]]:
    """Two instances on one storage, of which the first is about to die."""
    with instances(valkey.url, tmp_path_factory.mktemp("pair")) as start:
        doomed = start(env=tiny_settings, wait=False)
        staying = start(env=tiny_settings, wait=False)
        for one in (doomed, staying):
            one.wait_ready(timeout=100)
        yield doomed, staying


def test_a_conversation_outlives_the_instance_that_it_was_taken_at(
    pair: tuple[Instance, Instance],
) -> None:
    """Killed between take and reply: the operator goes on elsewhere, and the reader misses nothing.

    The person reads the case's events and the operator's turn at the instance that stays.
    """
    doomed, staying = pair
    first, second = Api(doomed.port), Api(staying.port)
    case = first.start(locale="en")
    first.say(case, STORY)
    ask(first, case)
    heard: list[Frame] = []
    listening = threading.Event()

    def listen() -> None:
        path = f"{BASE}/cases/{case.id}/events"
        with second.stream("GET", path, token=case.token) as stream:
            for frame in stream.frames():
                heard.append(frame)
                listening.set()
                if frame.event == "handoff.returned":
                    return

    reader = threading.Thread(target=listen)
    reader.start()
    assert listening.wait(LONGEST_WAIT)
    assert Desk(first).act(case, "take", key="take").status == HTTPStatus.OK
    doomed.kill()
    assert Desk(second).act(case, "take", key="take").status == HTTPStatus.OK, "a retry elsewhere"

    assert second.say(case, "Hello?").json()["message"] == HUMAN
    said = Desk(second).act(case, "reply", key="hello", text=HELLO)
    again = Desk(second).act(case, "reply", key="hello", text=HELLO)
    assert said.json()["turn"] == again.json()["turn"]
    assert Desk(second).act(case, "return").status == HTTPStatus.OK
    reader.join(LONGEST_WAIT)
    assert not reader.is_alive()
    told = [(one.event, one.data["turn"]) for one in heard if one.event.startswith("handoff.")]
    assert told == [
        ("handoff.requested", 2),
        ("handoff.taken", 3),
        ("handoff.message", 5),
        ("handoff.returned", 6),
    ]
    path = f"{BASE}/cases/{case.id}/turns/5/events"
    with second.stream("GET", path, token=case.token) as stream:
        frames = stream.until(*TERMINALS)
    assert text_of(frames) == HELLO
    assert frames[-1].data["operator"] == "Ana"


def test_an_operators_word_is_kept_when_its_instance_dies_at_once(
    pair: tuple[Instance, Instance],
) -> None:
    """Whatever was taken in is said, once, by whichever instance is left."""
    doomed, staying = pair
    first, second = Api(doomed.port), Api(staying.port)
    case = taken(second)
    poster = threading.Thread(target=lambda: _try(Desk(first), case, "hello"))
    poster.start()
    doomed.kill()
    poster.join(LONGEST_WAIT)
    assert Desk(second).act(case, "reply", key="hello", text=HELLO).status == HTTPStatus.OK
    view = second.get(f"/cases/{case.id}", case.token).json()
    assert [one["reply"] for one in view["turns"] if one["kind"] == "operator"] == [HELLO]


def _try(desk: Desk, case: Case, key: str) -> None:
    try:
        desk.act(case, "reply", key=key, text=HELLO)
    except (OSError, HTTPException):
        return  # its instance was killed before it could answer
