"""Opening a case with a key: however often and wherever it is asked for, it is one case."""

import json
import socket
from concurrent.futures import ThreadPoolExecutor
from uuid import uuid4

from redis import Redis

from app.embedded import EmbeddedValkey
from app.state.keys import OPENING
from app.state.openings import OPENING_SECONDS
from tests.faults.conftest import MakeFleet
from tests.support.api import BASE, OPERATOR_TOKEN, Answer, Api
from tests.support.waiting import until

ASKED = {"locale": "en", "user_ref": "customer-4711", "attributes": {"channel": "phone"}}


def opening(api: Api, key: str, value: object = ASKED, token: str | None = None) -> Answer:
    """Open a case with a key."""
    return api.post("/start", value, token, key=key)


def problem(answer: Answer) -> tuple[int, str]:
    """Return what is wrong: the status and the kind of problem."""
    return answer.status, str(answer.json()["type"]).removeprefix("urn:triage:problem:")


def looking(valkey: EmbeddedValkey) -> Redis:
    """Return a connection to look at what is stored."""
    return Redis(unix_socket_path=str(valkey.socket))


def cases_in(valkey: EmbeddedValkey) -> int:
    """Count the cases that there are."""
    with looking(valkey) as storage:
        return len(list(storage.scan_iter("tri:{*}:m")))


def test_equal_keys_open_one_case_wherever_they_come(
    make_fleet: MakeFleet, own_valkey: EmbeddedValkey
) -> None:
    """At two instances and at the same moment; all get the same token, and it works."""
    apis = [one.api for one in make_fleet(own_valkey).pair()]
    for _ in range(5):
        key, before = uuid4().hex, cases_in(own_valkey)
        with ThreadPoolExecutor(8) as pool:
            answers = list(pool.map(opening, apis * 8, [key] * 16))
        assert {one.status for one in answers} == {201}
        first, *rest = (one.json() for one in answers)
        assert all(one == first for one in rest)
        assert cases_in(own_valkey) == before + 1
        for api in apis:
            assert api.get(f"/cases/{first['case_id']}", first["case_token"]).status == 200
    other = opening(apis[0], uuid4().hex).json()
    assert (other["case_id"], other["case_token"]) != (first["case_id"], first["case_token"])
    assert len(other["case_token"]) >= 43


def test_a_lost_answer_leaves_no_empty_case(
    make_fleet: MakeFleet, own_valkey: EmbeddedValkey
) -> None:
    """Whoever hung up, or whose instance was killed, asks another one and has that very case."""
    fleet = make_fleet(own_valkey)
    first, second = fleet.pair()
    key = uuid4().hex
    body = json.dumps(ASKED).encode()
    head = f"POST {BASE}/start HTTP/1.1\r\nHost: t\r\nContent-Type: application/json\r\n"
    head += f"Idempotency-Key: {key}\r\nContent-Length: {len(body)}\r\n\r\n"
    with socket.create_connection(("127.0.0.1", first.port), 10) as sent:
        sent.sendall(head.encode() + body)
        until(lambda: cases_in(own_valkey) == 1, "the case was opened")
    first.kill()
    fleet.remove(first)
    again = opening(second.api, key)
    assert again.status == 201
    assert cases_in(own_valkey) == 1
    case = again.json()
    assert second.api.get(f"/cases/{case['case_id']}", case["case_token"]).status == 200


def test_a_key_is_the_callers_and_for_one_case(
    make_fleet: MakeFleet, own_valkey: EmbeddedValkey
) -> None:
    """Another body, an erased case and a key too short are refused; other callers do not meet."""
    fleet = make_fleet(own_valkey, TRIAGE_OPERATOR_TOKEN=OPERATOR_TOKEN)
    api = fleet.some(1)[0].api
    key = uuid4().hex
    case = opening(api, key).json()
    for wrong in ({**ASKED, "user_ref": "somebody else"}, {**ASKED, "locale": "pt-BR"}, {}):
        assert problem(opening(api, key, wrong)) == (422, "idempotency-mismatch")
    for short in ("1", "a" * 15, "a" * 201):
        assert problem(opening(api, short)) == (400, "invalid-input")
    tokens = [
        api.post("/operator/keys", {"name": name, "scopes": ["intake"]}, OPERATOR_TOKEN).json()
        for name in ("Website", "Kiosk")
    ]
    opened = [opening(api, key, ASKED, one["token"]).json()["case_id"] for one in tokens]
    assert len({case["case_id"], *opened}) == 3
    assert api.call("DELETE", f"{BASE}/cases/{case['case_id']}", token=case["case_token"]).status
    gone = opening(api, key)
    assert problem(gone) == (422, "idempotency-mismatch")
    assert "gone" in gone.json()["detail"]
    assert cases_in(own_valkey) == 2


def test_nothing_that_is_kept_opens_a_case(
    make_fleet: MakeFleet, own_valkey: EmbeddedValkey
) -> None:
    """Neither the key, the token nor the case's id stands in what is kept, which ends by itself."""
    api = make_fleet(own_valkey).some(1)[0].api
    key = uuid4().hex
    case = opening(api, key).json()
    with looking(own_valkey) as storage:
        (name,) = storage.scan_iter(f"{OPENING}*")
        kept = name + (storage.get(name) or b"")
        assert 0 < storage.ttl(name) <= OPENING_SECONDS
        for secret in (key, case["case_token"], case["case_id"], "customer-4711"):
            assert secret.encode() not in kept
        assert storage.delete(name) == 1  # as after ten minutes
    assert opening(api, key).json()["case_id"] != case["case_id"]
