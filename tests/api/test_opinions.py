"""Ratings and reviews over HTTP, and what of them leaves for the warehouse."""

from http import HTTPStatus
from typing import Any
from uuid import uuid4

import pytest

from app.domain.facts import flattened
from app.embedded import EmbeddedValkey
from app.state.facts import FactStream
from tests.support.api import OPERATOR_TOKEN, Answer, Api, Case
from tests.support.sealed import store_at

NOTHING_MORE = {"urgency": None, "predicted_urgency": "medium", "note": ""}
"""What a review has beside the classification where the reviewer says nothing more."""


async def facts_of(valkey: EmbeddedValkey, case: Case, kind: str) -> list[dict[str, Any]]:
    """Return the facts of a kind that a case has left behind, oldest first."""
    store = store_at(valkey.url)
    rows = [flattened(one.data) for one in await FactStream(store).read(100_000)]
    await store.close()
    return [one for one in rows if one["case_id"] == case.id and one["kind"] == kind]


def rate(api: Api, case: Case, **body: Any) -> Answer:
    """Rate a case as its person."""
    return api.post(f"/cases/{case.id}/rating", body, case.token)


def review(api: Api, case: Case, reviewer: str, code: str | None, **more: Any) -> Answer:
    """Review a case as an operator."""
    body = {"reviewer": reviewer, "code": code, **more}
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
        {"reviewer": "Ana", "code": code, "predicted": code, "correct": True, **NOTHING_MORE},
        {"reviewer": "Rui", "code": None, "predicted": code, "correct": False, **NOTHING_MORE},
    ]
    facts = await facts_of(valkey, case, "review")
    assert [(one["reviewer"], one["code"], one["correct"]) for one in facts] == [
        ("Rui", None, False),
        ("Ana", None, False),
        ("Ana", code, True),
    ]


async def test_a_review_has_an_urgency_and_a_note(api: Api, valkey: EmbeddedValkey) -> None:
    """The urgency is a fact beside what the result said; the note stays with the case."""
    case, code = ended(api)
    said = review(api, case, "Ana", code, urgency="critical", note=" Mrs Silva is alone. ").json()
    (one,) = said["reviews"]
    assert (one["urgency"], one["predicted_urgency"]) == ("critical", "medium")
    assert one["note"] == "Mrs Silva is alone."
    assert said["predicted_urgency"] == "medium"
    (fact,) = await facts_of(valkey, case, "review")
    assert (fact["urgency"], fact["predicted_urgency"]) == ("critical", "medium")
    assert fact["settles"] is False
    assert "Silva" not in repr(fact)
    assert review(api, case, "Ana", code, urgency="very").status == HTTPStatus.BAD_REQUEST
    assert review(api, case, "Ana", code, note="x" * 2_001).status == HTTPStatus.BAD_REQUEST


async def test_a_disagreement_is_settled(api: Api, valkey: EmbeddedValkey) -> None:
    """Two reviewers differ, somebody decides, and may think again; without one there is nothing."""
    case, code = ended(api)
    assert opinions(api, case)["state"] == "none"
    assert review(api, case, "Ana", code, urgency="high").json()["state"] == "one"
    refused = review(api, case, "Eva", code, settles=True)
    assert refused.status == HTTPStatus.CONFLICT
    assert refused.json()["type"] == "urn:triage:problem:review-conflict"
    assert review(api, case, "Rui", code).json()["state"] == "agreed"
    assert review(api, case, "Rui", code, urgency="low").json()["state"] == "disputed"
    said = review(api, case, "Eva", None, urgency="low", note="Both.", settles=True).json()
    assert said["state"] == "settled"
    assert (said["settled"]["reviewer"], said["settled"]["correct"]) == ("Eva", False)
    assert [one["reviewer"] for one in said["reviews"]] == ["Ana", "Rui"]
    again = review(api, case, "Eva", code, urgency="low", settles=True).json()
    assert again["settled"]["correct"] is True
    facts = await facts_of(valkey, case, "review")
    assert [one["settles"] for one in facts] == [False, False, False, True, True]


def test_a_second_reviewer_does_not_see_the_first(api: Api) -> None:
    """Until their own answer is there; who analyses sees all of it."""
    case, code = ended(api)
    review(api, case, "Ana", code, note="Look at the ceiling.")
    path = f"/operator/cases/{case.id}/reviews"
    blind = api.get(f"{path}?reviewer=Rui", OPERATOR_TOKEN)
    assert (blind.json()["reviews"], blind.json()["hidden"]) == ([], 1)
    assert "ceiling" not in blind.body.decode()
    assert len(api.get(f"{path}?reviewer=Ana", OPERATOR_TOKEN).json()["reviews"]) == 1
    assert len(opinions(api, case)["reviews"]) == 1
    review(api, case, "Rui", None)
    seen = api.get(f"{path}?reviewer=Rui", OPERATOR_TOKEN).json()
    assert (len(seen["reviews"]), seen["hidden"]) == (2, 0)


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
    assert answer.status == HTTPStatus.UNAUTHORIZED
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
