"""Nobody reads or touches a case that is not theirs, or is an operator, by any route."""

import json
from collections.abc import Callable
from http import HTTPStatus
from typing import Any

import pytest

from tests.support.api import BASE, OPERATOR_TOKEN, Answer, Api, Case
from tests.support.browsers import subscription

OPEN = {
    "open_case", "open_link", "get_key", "get_liveness", "get_readiness", "get_storage",
    "receive_growthbook",
}  # fmt: skip
"""Operations that need no credential; GrowthBook's webhook proves itself by its signature."""

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
OPERATING: dict[str, Members] = {
    "list_cases": nothing,
    "list_queue": nothing,
    "list_playbooks": nothing,
    "watch_case": nothing,
    "list_handoffs": nothing,
    "open_conversation": nothing,
    "take_conversation": lambda _: {"operator": "Mallory"},
    "answer_person": lambda _: {"operator": "Mallory", "text": "Mine now."},
    "return_conversation": lambda _: {"operator": "Mallory"},
    "review_case": lambda _: {"reviewer": "Mallory", "code": None},
    "list_reviews": nothing,
    "list_jobs": nothing,
    "get_job": nothing,
    "retry_job": nothing,
    "cancel_job": nothing,
    "list_workers": nothing,
    "get_flags": nothing,
    "get_figures": nothing,
    "list_experiments": nothing,
    "get_experiment": nothing,
    "read_report": nothing,
    "list_costs": nothing,
    "get_costs": nothing,
    "list_budgets": nothing,
    "set_budget": lambda _: {"limit_usd": "1.00"},
    "remove_budget": nothing,
}
"""Every operation for operators alone."""


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


class Attack:
    """Asks for somebody's case by one operation."""

    def __init__(self, api: Api, operations: dict[str, tuple[str, str]], name: str) -> None:
        self._api = api
        self._method, self._path = operations[name]
        self._members = (GUARDED | OPERATING)[name]

    def __call__(self, case: str, token: str | None, query: str = "", **headers: str) -> Answer:
        """Return the answer; only a refusal is read, so that an open stream cannot hang."""
        known = {
            "turn": 1,
            "job": f"{case}.1",
            "budget_scope": "global",
            "period": "day",
            "key": "tone",
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
    assert set(operations) == OPEN | set(GUARDED) | set(OPERATING)
    assert len(operations) == len(OPEN) + len(GUARDED) + len(OPERATING)


def test_the_description_asks_for_the_credential_where_it_is_needed(api: Api) -> None:
    """Every operation on a case or for operators is described as secured, and no other."""
    document = api.call("GET", "/docs/openapi.json").json()
    for scheme, expected in (("case_token", GUARDED), ("operator_token", OPERATING)):
        secured = {
            operation["operationId"]
            for methods in document["paths"].values()
            for operation in methods.values()
            if operation.get("security") == [{scheme: []}]
        }
        assert secured == set(expected)


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


def test_an_operators_token_opens_no_case_by_the_persons_way(attack: Attack, theirs: Case) -> None:
    """Operators have ways of their own, on which is written who acted."""
    refused(attack(theirs.id, OPERATOR_TOKEN), HTTPStatus.NOT_FOUND)


@pytest.fixture(params=sorted(OPERATING))
def intrusion(
    api: Api, operations: dict[str, tuple[str, str]], request: pytest.FixtureRequest
) -> Attack:
    """One operation for operators."""
    return Attack(api, operations, request.param)


@pytest.mark.parametrize("secret", ["owner", "shorter", "longer", "empty"])
def test_only_operators_are_operators(intrusion: Attack, theirs: Case, secret: str) -> None:
    """Not even the case's own person is, and nearly the right token is a wrong one."""
    token = {
        "owner": theirs.token,
        "shorter": OPERATOR_TOKEN[:-1],
        "longer": OPERATOR_TOKEN + "A",
        "empty": "-",
    }[secret]
    found = refused(intrusion(theirs.id, token), HTTPStatus.FORBIDDEN)
    assert found["type"] == "urn:triage:problem:operator-only"
    refused(intrusion("0" * 32, token), HTTPStatus.FORBIDDEN)


def test_operators_need_a_token_as_well(intrusion: Attack, theirs: Case) -> None:
    """Without one they are told how to send it, and it counts in the header alone."""
    answer = intrusion(theirs.id, None, f"?token={OPERATOR_TOKEN}", Cookie=OPERATOR_TOKEN)
    refused(answer, HTTPStatus.UNAUTHORIZED)
    assert answer.headers["www-authenticate"] == "Bearer"


def test_operators_are_let_in(intrusion: Attack) -> None:
    """What is refused above is refused for its credential: with the right one it is answered."""
    answer = intrusion("0" * 32, OPERATOR_TOKEN)
    assert answer.status in {200, 204, 404}, answer


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
    assert attack(own.id, own.token).status in {200, 201, 204}
