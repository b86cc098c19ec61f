"""Nobody reads or touches a case that is not theirs, or is an operator, by any route."""

import asyncio
import json
from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import Any

import pytest
from litestar import Litestar, get
from msgspec import Struct

from app.api.access import unlisted
from app.core.access.desk import KeyDesk
from app.domain.access import SCOPES, Hasher, Scope
from app.embedded import EmbeddedValkey
from app.state.access import AccessBook
from app.state.store import Store
from tests.support.api import BASE, OPERATOR_TOKEN, Answer, Api, Case
from tests.support.browsers import subscription
from tests.support.processes import ACCESS_SECRET
from tests.support.waiting import until

OPEN = {
    "open_link", "get_key", "get_liveness", "get_readiness", "get_storage", "receive_growthbook",
}  # fmt: skip
"""Operations that need no credential; GrowthBook's webhook proves itself by its signature."""
INTAKE = {"open_case"}
"""Open to everybody or not, by the settings: `tests/faults/test_letting_in.py` has its rows."""

Members = Callable[[str], dict[str, Any] | None]


def nothing(_: str) -> None:
    """A request without a body."""


GUARDED: dict[str, Members] = {
    "say": lambda case: {"case_id": case, "message": "Mine now."},
    "say_streaming": lambda case: {"case_id": case, "message": "Mine now."},
    "conclude_case": lambda case: {"case_id": case, "reason": "Mine now."},
    "correct_fact": lambda _: {"slot": "place", "value": "Mine now."},
    "ask_human": lambda _: {"reason": "Mine now."},
    "get_form": nothing,
    "begin_form": nothing,
    "submit_form": lambda _: {"answers": {"story": "Mine now."}},
    "subscribe_case": lambda _: subscription(),
    "unsubscribe_case": nothing,
    "follow_turn": nothing,
    "get_turn": nothing,
    "cancel_turn": nothing,
    "get_case": nothing,
    "follow_case": nothing,
    "get_status": nothing,
    "get_result": nothing,
    "rate_case": lambda _: {"score": 0, "comment": "Mine now."},
    "make_link": nothing,
    "export_case": nothing,
    "erase_case": nothing,
}
"""Every operation on a case, with a body that its owner could send."""
WITH_FORM = {"get_form", "begin_form", "submit_form"}
"""Those of cases that are a form."""
OPERATING: dict[str, tuple[set[Scope], Members]] = {
    "list_cases": ({"operator"}, nothing),
    "list_queue": ({"operator"}, nothing),
    "list_playbooks": ({"operator", "analyst"}, nothing),
    "watch_case": ({"operator"}, nothing),
    "list_handoffs": ({"operator"}, nothing),
    "open_conversation": ({"operator"}, nothing),
    "take_conversation": ({"operator"}, lambda _: {"operator": "Mallory"}),
    "answer_person": ({"operator"}, lambda _: {"operator": "Mallory", "text": "Mine now."}),
    "return_conversation": ({"operator"}, lambda _: {"operator": "Mallory"}),
    "revoke_token": ({"operator"}, nothing),
    "review_case": ({"operator"}, lambda _: {"reviewer": "Mallory", "code": None}),
    "list_reviews": ({"operator"}, nothing),
    "list_jobs": ({"operator"}, nothing),
    "get_job": ({"operator"}, nothing),
    "retry_job": ({"operator"}, nothing),
    "cancel_job": ({"operator"}, nothing),
    "list_workers": ({"operator", "admin"}, nothing),
    "get_figures": ({"operator", "analyst", "admin"}, nothing),
    "list_experiments": ({"analyst"}, nothing),
    "get_experiment": ({"analyst"}, nothing),
    "read_report": ({"analyst"}, nothing),
    "list_costs": ({"analyst"}, nothing),
    "get_costs": ({"operator", "analyst"}, nothing),
    "list_budgets": ({"analyst", "admin"}, nothing),
    "set_budget": ({"admin"}, lambda _: {"limit_usd": "1.00"}),
    "remove_budget": ({"admin"}, nothing),
    "get_flags": ({"admin"}, nothing),
    "list_keys": ({"admin"}, nothing),
    "create_key": ({"admin"}, lambda _: {"name": "Mallory", "scopes": ["admin"]}),
    "rotate_key": ({"admin"}, lambda _: {"keep_seconds": 0}),
    "revoke_key": ({"admin"}, nothing),
    "list_audit": ({"admin"}, nothing),
    "verify_audit": ({"admin"}, nothing),
}
"""Every operation for holders of an API key: the scopes, one of which it takes, and a body."""


class Keys(Struct, frozen=True):
    """Tokens of API keys, by what is right or wrong with them."""

    good: Mapping[Scope, str]
    bad: Mapping[str, str]


@pytest.fixture(scope="session")
def keys(api: Api, valkey: EmbeddedValkey) -> Keys:
    """A good key for each scope; one that expired, two revoked, one rotated away, one made up."""

    def made(*scopes: str) -> tuple[str, str]:
        answer = api.post("/operator/keys", {"name": "T", "scopes": scopes}, OPERATOR_TOKEN)
        assert answer.status == 201, answer
        return answer.json()["key"]["id"], answer.json()["token"]

    async def expired() -> str:
        store = Store(valkey.url)
        desk = KeyDesk(AccessBook(store), Hasher(ACCESS_SECRET.encode()))
        issued = await desk.create("T", SCOPES, days=1e-9)
        await store.close()
        return issued.token

    good: dict[Scope, str] = {scope: made(scope)[1] for scope in SCOPES}
    revoked_id, revoked = made(*SCOPES)
    rotated_id, rotated = made(*SCOPES)
    assert api.post(f"/operator/keys/{revoked_id}/revoke", None, OPERATOR_TOKEN).status == 200
    ended = {"keep_seconds": 0}
    assert api.post(f"/operator/keys/{rotated_id}/rotate", ended, OPERATOR_TOKEN).status == 200
    refused_there = f"/operator/keys/{revoked_id}/revoke"
    until(
        lambda: all(api.post(refused_there, None, one).status == 401 for one in (revoked, rotated)),
        "the instance has heard of it",
    )
    bad = {
        "expired": asyncio.run(expired()),
        "revoked": revoked,
        "rotated away": rotated,
        "made up": f"tk_{revoked_id}_{'A' * 43}",
        "never was": f"tk_{'0' * 12}_{'A' * 43}",
        "no key": "-",
        "shorter": OPERATOR_TOKEN[:-1],
        "longer": OPERATOR_TOKEN + "A",
        "another's": good["admin"][:-1] + ("A" if good["admin"][-1] != "A" else "B"),
    }
    return Keys(good, bad)


@pytest.fixture(scope="session")
def operations(api: Api) -> dict[str, tuple[str, str]]:
    """Method and path of every operation that the API describes."""
    document = api.call("GET", "/docs/openapi.json").json()
    return {
        operation["operationId"]: (method.upper(), path)
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
    }


@pytest.fixture(scope="session")
def theirs(api: Api) -> Case:
    """Somebody else's case, completed, so that everything in it is there to be read."""
    case = api.start(locale="en")
    api.say(case, "Water is dripping from my bathroom ceiling since yesterday.")
    api.say(case, "that is all")
    return case


@pytest.fixture(scope="session")
def mine(api: Api) -> Case:
    """The intruder's own case, with a token that is good there."""
    return api.start(locale="en")


@pytest.fixture(scope="session")
def shut(api: Api) -> Case:
    """A case whose token an operator has revoked."""
    case = api.start(locale="en")
    api.say(case, "Water is dripping from my bathroom ceiling since yesterday.")
    path = f"/operator/cases/{case.id}/revoke-token"
    assert [api.post(path, None, OPERATOR_TOKEN).status for _ in range(2)] == [204, 204]
    return case


@pytest.fixture(scope="session")
def gone(api: Api) -> Case:
    """A case that its person has erased."""
    case = api.start(locale="en")
    assert api.call("DELETE", f"{BASE}/cases/{case.id}", token=case.token).status == 204
    return case


class Attack:
    """Asks for somebody's case by one operation."""

    def __init__(self, api: Api, operations: dict[str, tuple[str, str]], name: str) -> None:
        self._api = api
        self._method, self._path = operations[name]
        self.name = name
        self._members = GUARDED[name] if name in GUARDED else OPERATING[name][1]

    def __call__(self, case: str, token: str | None, query: str = "", **headers: str) -> Answer:
        """Return the answer; only a refusal is read, so that an open stream cannot hang."""
        known = {
            "turn": 1,
            "job": f"{case}.1",
            "budget_scope": "global",
            "period": "day",
            "key": "tone",
            "key_id": "0" * 12,
        }
        path = self._path.format(case_id=case, **known) + query
        members = self._members(case)
        if self._method == "PUT":
            body = json.dumps(members).encode()
            kind = {"Content_Type": "application/json"}
            return self._api.call("PUT", path, body, token=token, **kind, **headers)
        if self._method != "POST":
            with self._api.stream(self._method, path, None, token=token, **headers) as stream:
                return stream.answer
        return self._api.post(path.removeprefix(BASE), members, token, key="attack", **headers)


def test_every_route_is_listed_here(operations: dict[str, tuple[str, str]]) -> None:
    """A route that nobody thought about when it was added fails here."""
    assert set(operations) == OPEN | INTAKE | set(GUARDED) | set(OPERATING)
    assert len(operations) == len(OPEN) + len(INTAKE) + len(GUARDED) + len(OPERATING)


def test_a_route_that_nobody_listed_is_not_served() -> None:
    """Whoever adds a route says who may use it, or the instance does not start."""

    @get("/secrets", operation_id="read_secrets", sync_to_thread=False)
    def read_secrets() -> str:
        return "all"

    @get("/page", include_in_schema=False, sync_to_thread=False)
    def page() -> str:
        return "more"

    found = list(unlisted(Litestar([read_secrets, page], openapi_config=None)))
    assert sorted(found) == ["/page (page)", "/secrets (read_secrets)"]


def test_the_description_asks_for_the_credential_where_it_is_needed(api: Api) -> None:
    """Every operation is described with the credential that it needs, and the scopes of a key."""
    document = api.call("GET", "/docs/openapi.json").json()
    described = {
        operation["operationId"]: operation
        for methods in document["paths"].values()
        for operation in methods.values()
    }
    secured = {name: operation.get("security") for name, operation in described.items()}
    assert secured == {
        **{name: [] for name in OPEN},
        **{name: [{"api_key": []}, {}] for name in INTAKE},
        **{name: [{"case_token": []}] for name in GUARDED},
        **{name: [{"api_key": []}] for name in OPERATING},
    }
    for name, (scopes, _) in OPERATING.items():
        assert set(described[name]["x-scopes"]) == scopes


def refused(answer: Answer, status: HTTPStatus) -> dict[str, Any]:
    """Check that it is a problem of this status and return it."""
    assert answer.status == status, answer
    assert answer.headers["content-type"] == "application/problem+json"
    found: dict[str, Any] = answer.json()
    assert found["status"] == status
    return found


@pytest.fixture(params=sorted(GUARDED))
def attack(
    api: Api, operations: dict[str, tuple[str, str]], request: pytest.FixtureRequest
) -> Attack:
    """One operation on a case."""
    return Attack(api, operations, request.param)


def test_somebody_elses_case_is_not_found(attack: Attack, theirs: Case, mine: Case) -> None:
    """A token that is good elsewhere learns no more than that there is no such case."""
    found = refused(attack(theirs.id, mine.token), HTTPStatus.NOT_FOUND)
    assert found["type"] == "urn:triage:problem:case-not-found"


def test_it_cannot_be_told_from_one_that_never_was(
    attack: Attack, theirs: Case, mine: Case
) -> None:
    """The two answers are equal, so ids cannot be probed."""
    existing = attack(theirs.id, mine.token)
    missing = attack("0" * 32, mine.token)
    assert existing.body == missing.body
    assert existing.status == missing.status == HTTPStatus.NOT_FOUND


def test_a_token_is_needed(attack: Attack, theirs: Case) -> None:
    """Without one, every operation says how to send it."""
    answer = attack(theirs.id, None)
    refused(answer, HTTPStatus.UNAUTHORIZED)
    assert answer.headers["www-authenticate"] == "Bearer"


@pytest.mark.parametrize(
    "credential", ["", "Bearer", "Bearer ", "Basic {}", "bearer", "{}", "Bearer é{}", "Token {}"]
)
def test_only_a_bearer_token_is_a_credential(attack: Attack, theirs: Case, credential: str) -> None:
    """The right secret in the wrong form is none."""
    answer = attack(theirs.id, None, Authorization=credential.format(theirs.token))
    refused(answer, HTTPStatus.UNAUTHORIZED)


def test_a_token_in_the_address_counts_for_nothing(attack: Attack, theirs: Case) -> None:
    """Addresses end up in logs, so credentials are not taken from them."""
    secret = theirs.token
    query = f"?token={secret}&access_token={secret}&case_token={secret}&authorization={secret}"
    refused(attack(theirs.id, None, query), HTTPStatus.UNAUTHORIZED)
    answer = attack(theirs.id, None, Cookie=f"case_token={secret}", X_Api_Key=secret)
    refused(answer, HTTPStatus.UNAUTHORIZED)


@pytest.mark.parametrize("change", ["shorter", "longer", "case", "spaced"])
def test_a_token_that_is_nearly_right_is_wrong(attack: Attack, theirs: Case, change: str) -> None:
    """Only the whole token opens a case."""
    token = {
        "shorter": theirs.token[:-1],
        "longer": theirs.token + "A",
        "case": theirs.token.swapcase(),
        "spaced": f"{theirs.token[:9]} {theirs.token[9:]}",
    }[change]
    refused(attack(theirs.id, token), HTTPStatus.NOT_FOUND)


def test_no_key_opens_a_case_by_the_persons_way(attack: Attack, theirs: Case, keys: Keys) -> None:
    """Operators have ways of their own, on which is written who acted; to others it is no case."""
    for token in (OPERATOR_TOKEN, *keys.good.values(), *keys.bad.values()):
        refused(attack(theirs.id, token), HTTPStatus.NOT_FOUND)


def test_a_revoked_or_erased_cases_token_is_worth_nothing(
    attack: Attack, shut: Case, gone: Case
) -> None:
    """Both look like a case that never was."""
    for case in (shut, gone):
        found = refused(attack(case.id, case.token), HTTPStatus.NOT_FOUND)
        assert found["type"] == "urn:triage:problem:case-not-found"


def test_an_operator_still_reads_a_case_whose_token_was_revoked(api: Api, shut: Case) -> None:
    """The case is not gone; only nobody opens it with that token."""
    read = api.get(f"/operator/cases/{shut.id}", OPERATOR_TOKEN)
    assert read.status == 200
    assert "dripping" in read.body.decode()


@pytest.fixture(params=sorted(OPERATING))
def intrusion(
    api: Api, operations: dict[str, tuple[str, str]], request: pytest.FixtureRequest
) -> Attack:
    """One operation for operators."""
    return Attack(api, operations, request.param)


def test_only_a_good_key_is_a_key(intrusion: Attack, theirs: Case, keys: Keys) -> None:
    """One that expired, was revoked, rotated away or made up is none, nor is a case's token."""
    for name, token in {**keys.bad, "owner": theirs.token}.items():
        answer = intrusion(theirs.id, token)
        found = refused(answer, HTTPStatus.UNAUTHORIZED)
        assert found["type"] == "urn:triage:problem:not-authenticated", name
        assert answer.headers["www-authenticate"] == 'Bearer error="invalid_token"', name
        refused(intrusion("0" * 32, token), HTTPStatus.UNAUTHORIZED)


def test_a_key_opens_what_its_scope_is_for(intrusion: Attack, theirs: Case, keys: Keys) -> None:
    """With any other scope it is refused, in words that name the right one."""
    allowed, _ = OPERATING[intrusion.name]
    for scope, token in keys.good.items():
        if scope in allowed:
            answer = intrusion("0" * 32, token)
            assert answer.status in {200, 201, 204, 404}, (scope, answer)
        else:
            answer = intrusion(theirs.id, token)
            found = refused(answer, HTTPStatus.FORBIDDEN)
            assert found["type"] == "urn:triage:problem:scope-missing"
            assert all(one in found["detail"] for one in allowed)
            assert answer.headers["www-authenticate"] == 'Bearer error="insufficient_scope"'


def test_operators_need_a_token_as_well(intrusion: Attack, theirs: Case) -> None:
    """Without one they are told how to send it, and it counts in the header alone."""
    answer = intrusion(theirs.id, None, f"?token={OPERATOR_TOKEN}", Cookie=OPERATOR_TOKEN)
    refused(answer, HTTPStatus.UNAUTHORIZED)
    assert answer.headers["www-authenticate"] == "Bearer"


def test_operators_are_let_in(intrusion: Attack) -> None:
    """What is refused above is refused for its credential: with the right one it is answered."""
    answer = intrusion("0" * 32, OPERATOR_TOKEN)
    assert answer.status in {200, 201, 204, 404}, answer


def test_nothing_was_changed_by_all_this(api: Api, theirs: Case) -> None:
    """The owner still finds the case as it was."""
    found = api.get(f"/status/{theirs.id}", theirs.token).json()
    assert found["turns"] == 2
    assert "Mine now." not in api.get(f"/cases/{theirs.id}", theirs.token).body.decode()


def test_the_owner_is_let_in_by_every_operation(attack: Attack, api: Api) -> None:
    """The requests above are refused for their credential and for nothing else."""
    own = api.start(locale="en")
    api.say(own, "Water is dripping from my bathroom ceiling since yesterday.")
    api.say(own, "that is all")
    answer = attack(own.id, own.token)
    if attack.name in WITH_FORM:  # only the owner hears that a conversation has none
        assert answer.json()["type"] == "urn:triage:problem:form-not-found"
    else:
        assert answer.status in {200, 201, 204}
