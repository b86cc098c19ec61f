"""Ratings and reviews over HTTP, and what of them leaves for the warehouse."""

from http import HTTPStatus
from typing import Any
from uuid import uuid4

import pytest

from app.domain.facts import flattened
from app.embedded import EmbeddedValkey
from app.state.facts import FactStream
from app.state.store import Store
from tests.support.api import OPERATOR_TOKEN, Answer, Api, Case


async def facts_of(valkey: EmbeddedValkey, case: Case, kind: str) -> list[dict[str, Any]]:
    """Return the facts of a kind that a case has left behind, oldest first."""
    store = Store(valkey.url)
    rows = [flattened(one.data) for one in await FactStream(store).read(100_000)]
    await store.close()
    return [one for one in rows if one["case_id"] == case.id and one["kind"] == kind]


def rate(api: Api, case: Case, **body: Any) -> Answer:
    """Rate a case as its person."""
    return api.post(f"/cases/{case.id}/rating", body, case.token)


def review(api: Api, case: Case, reviewer: str, code: str | None) -> Answer:
    """Review a case as an operator."""
    body = {"reviewer": reviewer, "code": code}
    return api.post(f"/operator/cases/{case.id}/reviews", body, OPERATOR_TOKEN)


def opinions(api: Api, case: Case) -> dict[str, Any]:
    """Return what is said of a case."""
    answer = api.get(f"/operator/cases/{case.id}/reviews", OPERATOR_TOKEN)
    assert answer.status == HTTPStatus.OK, answer
    found: dict[str, Any] = answer.json()
    return found


def ended(api: Api) -> tuple[Case, str | None]:
    """Return a case with a result, and the sub-area that it found."""
    case = api.start(locale="en")
    api.say(case, "Water has been dripping from my bathroom ceiling since yesterday.")
    done = api.post("/force-complete", {"case_id": case.id}, case.token, key=uuid4().hex)
    assert done.status == HTTPStatus.OK
    code: str | None = done.json()["analysis"]["classification"]["code"]
    return case, code


async def test_the_latest_rating_counts(api: Api, case: Case, valkey: EmbeddedValkey) -> None:
    """It may be changed; the same again leaves no second fact, and no fact has the words."""
    words = "  Kind, and quick! 🙂 "
    assert rate(api, case, score=7).json() == {"score": 7, "comment": ""}
    for _ in range(3):
        answer = rate(api, case, score=10, comment=words)
        assert answer.json() == {"score": 10, "comment": words.strip()}
    assert opinions(api, case)["rating"] == {"score": 10, "comment": words.strip()}
    facts = await facts_of(valkey, case, "rating")
    assert [(one["score"], one["comment_chars"]) for one in facts] == [(7, 0), (10, 18)]
    assert len({one["id"] for one in facts}) == 2
    assert "Kind" not in repr(facts)
    assert {one["variant"] for one in facts} <= {"v1", "v2"}


@pytest.mark.parametrize(
    "body",
    [
        {"score": 11},
        {"score": -1},
        {"score": 7.5},
        {},
        {"score": 1, "comment": "x" * 2_001},
        {"score": 1, "stars": 5},
    ],
)
def test_what_is_no_rating_is_refused(api: Api, case: Case, body: dict[str, Any]) -> None:
    """Whole numbers from 0 to 10, and a comment of reasonable length."""
    assert rate(api, case, **body).status == HTTPStatus.BAD_REQUEST
    assert opinions(api, case)["rating"] is None


def test_nobody_else_rates(api: Api, case: Case) -> None:
    """Another case's token is not this one's, and an operator's is none."""
    other = api.start()
    for token in (other.token, OPERATOR_TOKEN):
        answer = api.post(f"/cases/{case.id}/rating", {"score": 1}, token)
        assert answer.status == HTTPStatus.NOT_FOUND
    assert opinions(api, case)["rating"] is None


async def test_each_reviewers_latest_word_counts(api: Api, valkey: EmbeddedValkey) -> None:
    """Two reviewers may disagree, and each may think again; every word of theirs is a fact."""
    case, code = ended(api)
    assert code is not None
    assert review(api, case, "Rui", None).status == HTTPStatus.OK
    review(api, case, "Ana", None)
    review(api, case, "Ana", code)
    said = review(api, case, " Ana ", code).json()
    assert said == opinions(api, case)
    assert (said["case_id"], said["predicted"], said["rating"]) == (case.id, code, None)
    assert said["reviews"] == [
        {"reviewer": "Ana", "code": code, "predicted": code, "correct": True},
        {"reviewer": "Rui", "code": None, "predicted": code, "correct": False},
    ]
    facts = await facts_of(valkey, case, "review")
    assert [(one["reviewer"], one["code"], one["correct"]) for one in facts] == [
        ("Rui", None, False),
        ("Ana", None, False),
        ("Ana", code, True),
    ]


def test_what_cannot_be_reviewed_is_refused(api: Api, case: Case) -> None:
    """No result yet, a code that the playbook lacks, no name, no such case, no operator."""
    assert review(api, case, "Ana", None).status == HTTPStatus.CONFLICT
    done, code = ended(api)
    assert review(api, done, "Ana", "no-such-code").status == HTTPStatus.BAD_REQUEST
    assert "reviewer" in review(api, done, " \u00a0 ", code).json()["detail"]
    assert review(api, done, "", code).status == HTTPStatus.BAD_REQUEST
    assert review(api, Case("0" * 32, ""), "Ana", None).status == HTTPStatus.NOT_FOUND
    body = {"reviewer": "Ana", "code": None}
    answer = api.post(f"/operator/cases/{done.id}/reviews", body, done.token)
    assert answer.status == HTTPStatus.FORBIDDEN
    assert opinions(api, done)["reviews"] == []


async def test_erasing_a_case_erases_what_is_said_of_it(api: Api, valkey: EmbeddedValkey) -> None:
    """Nothing is left to be read, and the warehouse is told to forget it."""
    case, code = ended(api)
    rate(api, case, score=3, comment="My name is Ana.")
    review(api, case, "Ana", code)
    gone = api.call("DELETE", f"/api/v2/triage/cases/{case.id}", token=case.token)
    assert gone.status == HTTPStatus.NO_CONTENT
    path = f"/operator/cases/{case.id}/reviews"
    assert api.get(path, OPERATOR_TOKEN).status == HTTPStatus.NOT_FOUND
    assert rate(api, case, score=3).status == HTTPStatus.NOT_FOUND
    assert [one["id"] for one in await facts_of(valkey, case, "erased")] == [f"erased:{case.id}"]
    assert len(await facts_of(valkey, case, "rating")) == 1
