"""The audit trail over HTTP: who did what is written down, and nothing of what it was about."""

import asyncio
from collections.abc import Iterator
from uuid import uuid4

import pytest

from app.embedded import EmbeddedValkey
from app.state import keys
from tests.support.api import BASE, OPERATOR_TOKEN, Api, Case
from tests.support.processes import instances
from tests.support.sealed import store_at
from tests.support.valkey import Wire

STORY = "Water is dripping from my bathroom ceiling since yesterday, says Wanda Vogelsang."


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedValkey]:
    """A storage whose trail nobody else writes to."""
    with EmbeddedValkey(tmp_path_factory.mktemp("audited")) as running:
        yield running


@pytest.fixture(scope="module")
def instance(server: EmbeddedValkey, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Api]:
    """An instance on it."""
    with instances(server.url, tmp_path_factory.mktemp("instance")) as start:
        yield Api(start(env={"TRIAGE_OPERATOR_TOKEN": OPERATOR_TOKEN}).port)


@pytest.fixture
def wire(server: EmbeddedValkey) -> Iterator[Wire]:
    """A connection past everything that is ours."""
    with Wire(server.socket) as opened:
        yield opened


@pytest.fixture
def api(instance: Api, wire: Wire) -> Api:
    """The instance, with an empty trail."""
    wire.call("DEL", keys.AUDIT, keys.AUDIT_HEAD)
    return instance


@pytest.fixture
def case(api: Api) -> Case:
    """A case in which somebody said something."""
    opened = api.start(locale="en")
    api.say(opened, STORY)
    return opened


def entries(api: Api, query: str = "") -> list[dict[str, object]]:
    """Read the trail, the oldest entry first."""
    answer = api.get(f"/operator/audit{query}", OPERATOR_TOKEN)
    assert answer.status == 200, answer
    found: list[dict[str, object]] = answer.json()["entries"]
    return found[::-1]


def told(api: Api, query: str = "") -> list[tuple[object, object, object]]:
    """Return who did what, and how that went."""
    return [(one["actor"], one["action"], one["outcome"]) for one in entries(api, query)]


def ask_human(api: Api, case: Case) -> None:
    """Ask for a human, as the person."""
    body = {"reason": "I would rather talk to somebody."}
    assert api.post(f"/cases/{case.id}/handoff", body, case.token, key=uuid4().hex).status == 200


async def whole_trail(server: EmbeddedValkey) -> str:
    """Return every byte of the trail, as the storage has it."""
    store = store_at(server.url)
    try:
        return repr(await store.command("XRANGE", keys.AUDIT, "-", "+"))
    finally:
        await store.close()


def operate(api: Api, path: str, body: dict[str, object] | None = None) -> int:
    """Act as an operator."""
    return api.post(f"/operator{path}", body, OPERATOR_TOKEN, key=uuid4().hex).status


def test_what_operators_do_is_written_down(api: Api, case: Case) -> None:
    """Reading, taking, answering, handing back, reviewing and shutting a case, each once."""
    key = "key:operator-token"
    ask_human(api, case)
    here = f"/cases/{case.id}"
    assert api.get(f"/operator{here}", OPERATOR_TOKEN).status == 200
    assert operate(api, f"{here}/take", {"operator": "Mathilda"}) == 200
    assert operate(api, f"{here}/reply", {"operator": "Mathilda", "text": "I am here."}) == 200
    assert operate(api, f"{here}/return", {"operator": "Mathilda"}) == 200
    assert api.get(f"/operator{here}/reviews", OPERATOR_TOKEN).status == 200
    assert operate(api, f"{here}/revoke-token") == 204
    assert told(api) == [
        (key, "case.read", "allowed"),
        (key, "handoff.taken", "allowed"),
        (key, "handoff.answered", "allowed"),
        (key, "handoff.returned", "allowed"),
        (key, "reviews.read", "allowed"),
        (key, "token.revoked", "allowed"),
    ]
    assert {one["object"] for one in entries(api)} == {
        one["object"] for one in entries(api, f"?case={case.id}")
    }
    assert len({one["object"] for one in entries(api)}) == 1


def test_what_admins_do_is_written_down(api: Api) -> None:
    """Keys, budgets and analyses; of what is made new, its name follows."""
    made = api.post("/operator/keys", {"name": "Mathilda", "scopes": ["admin"]}, OPERATOR_TOKEN)
    key_id = made.json()["key"]["id"]
    assert operate(api, f"/keys/{key_id}/rotate", {"keep_seconds": 60}) == 200
    assert operate(api, f"/keys/{key_id}/revoke") == 200
    budget = api.call(
        "PUT",
        f"{BASE}/operator/budgets/global/day",
        b'{"limit_usd": "1.00"}',
        token=OPERATOR_TOKEN,
        Content_Type="application/json",
    )
    assert budget.status == 200
    found = [(one["action"], one["object"], one["outcome"]) for one in entries(api)]
    assert found == [
        ("key.created", "", "allowed"),
        ("key.created", f"key:{key_id}", "done"),
        ("key.rotated", f"key:{key_id}", "allowed"),
        ("key.revoked", f"key:{key_id}", "allowed"),
        ("budget.set", "budget:global/day", "allowed"),
    ]


def test_what_did_not_happen_is_told_as_well(api: Api, case: Case) -> None:
    """A refused act leaves two entries, of which the second names the first."""
    assert operate(api, f"/cases/{case.id}/return", {"operator": "Mathilda"}) == 409
    assert api.get(f"/operator/cases/{'0' * 32}", OPERATOR_TOKEN).status == 404
    assert [(one["outcome"], one["of"]) for one in entries(api)] == [
        ("allowed", None),
        ("failed", 1),
        ("allowed", None),
        ("failed", 3),
    ]


def test_what_a_person_does_with_their_case_is_written_down(api: Api, case: Case) -> None:
    """Taking it along, linking, opening the link, erasing; what is refused is not."""
    assert api.get(f"/cases/{case.id}/export", case.token).status == 200
    assert api.get(f"/cases/{case.id}/export", case.token + "x").status == 404
    link = api.post(f"/cases/{case.id}/links", None, case.token).json()["code"]
    assert api.post("/open-link", {"code": link}, None, key=uuid4().hex).status == 200
    assert api.call("DELETE", f"{BASE}/cases/{case.id}", token=case.token).status == 204
    assert told(api) == [
        ("case token", "case.exported", "done"),
        ("case token", "link.made", "done"),
        ("link", "link.opened", "done"),
        ("case token", "case.erased", "done"),
    ]
    assert len(entries(api, f"?case={case.id}")) == 4


def test_an_erased_case_leaves_no_trace_in_it(api: Api, case: Case, server: EmbeddedValkey) -> None:
    """Neither words, nor names, nor the case's id stand anywhere in the trail."""
    ask_human(api, case)
    assert api.get(f"/operator/cases/{case.id}", OPERATOR_TOKEN).status == 200
    assert operate(api, f"/cases/{case.id}/take", {"operator": "Mathilda"}) == 200
    assert api.call("DELETE", f"{BASE}/cases/{case.id}", token=case.token).status == 204
    kept = asyncio.run(whole_trail(server))
    assert kept.count("handoff.taken") == kept.count("case.erased") == 1
    for word in (case.id, "Wanda", "ceiling", "Mathilda", case.token):
        assert word not in kept


def test_entries_are_found_by_time_actor_action_and_case(api: Api, case: Case) -> None:
    """Each filter leaves what it should, and pages follow one another without a gap."""
    other = api.start(locale="en")
    for one in (case, other, case):
        assert api.get(f"/operator/cases/{one.id}", OPERATOR_TOKEN).status == 200
    assert api.get(f"/cases/{case.id}/export", case.token).status == 200
    everything = entries(api)
    assert [one["n"] for one in everything] == [1, 2, 3, 4]
    assert [one["n"] for one in entries(api, f"?case={case.id}")] == [1, 3, 4]
    assert [one["n"] for one in entries(api, "?actor=key")] == [1, 2, 3]
    assert [one["n"] for one in entries(api, "?actor=case%20token")] == [4]
    assert [one["n"] for one in entries(api, "?action=case")] == [1, 2, 3, 4]
    assert [one["n"] for one in entries(api, "?action=case.exported")] == [4]
    assert entries(api, "?until=1") == []
    assert len(entries(api, f"?since={everything[0]['at']}")) == 4
    first = api.get("/operator/audit?limit=3", OPERATOR_TOKEN).json()
    second = api.get(f"/operator/audit?limit=3&cursor={first['cursor']}", OPERATOR_TOKEN).json()
    assert [one["n"] for one in (*first["entries"], *second["entries"])] == [4, 3, 2, 1]
    assert second["cursor"] is None
    assert api.get("/operator/audit?cursor=0", OPERATOR_TOKEN).json()["entries"] == []


def test_whoever_changes_it_is_found_out(api: Api, case: Case, wire: Wire) -> None:
    """Verifying tells that it holds, then the entry that is gone; the metrics tell how many."""
    for _ in range(3):
        assert api.get(f"/operator/cases/{case.id}", OPERATOR_TOKEN).status == 200
    sound = api.get("/operator/audit/verify", OPERATOR_TOKEN).json()
    assert (sound["holds"], sound["entries"], sound["broken"]) == (True, 3, None)
    head = sound["head"]
    again = api.get(f"/operator/audit/verify?head={head}", OPERATOR_TOKEN).json()
    assert again["holds"]
    assert wire.call("XDEL", keys.AUDIT, "2-0") == b"1"
    found = api.get("/operator/audit/verify", OPERATOR_TOKEN).json()
    assert (found["holds"], found["broken"]["n"], found["broken"]["kind"]) == (False, 2, "removed")
    wire.call("DEL", keys.AUDIT, keys.AUDIT_HEAD)
    assert api.get("/operator/audit/verify", OPERATOR_TOKEN).json()["holds"]
    lost = api.get(f"/operator/audit/verify?head={head}", OPERATOR_TOKEN).json()
    assert (lost["holds"], lost["broken"]["kind"]) == (False, "truncated")


def test_without_a_trail_operators_do_nothing_and_persons_everything(
    api: Api, case: Case, wire: Wire
) -> None:
    """An operator's act is refused with 503 and not done; a person's own is done all the same."""
    wire.call("SET", keys.AUDIT, "no stream")
    here = f"/operator/cases/{case.id}"
    refused = api.get(here, OPERATOR_TOKEN)
    assert refused.status == 503
    assert "dripping" not in refused.body.decode()
    assert operate(api, f"/cases/{case.id}/revoke-token") == 503
    assert api.get(f"/cases/{case.id}", case.token).status == 200
    assert api.get(f"/cases/{case.id}/export", case.token).status == 200
    counted = api.call("GET", "/metrics").body.decode()
    assert "triage_audit_failures_total 3.0" in counted
    wire.call("DEL", keys.AUDIT)
    assert api.get(here, OPERATOR_TOKEN).status == 200
    assert api.call("DELETE", f"{BASE}/cases/{case.id}", token=case.token).status == 204
