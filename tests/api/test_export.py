"""What a person takes along is everything that is held about their case."""

import json
from http import HTTPStatus
from typing import Any
from uuid import uuid4

import pytest

from app.domain.facts import FACTS, kind_of
from app.embedded import EmbeddedValkey
from tests.support.api import OPERATOR_TOKEN, Api, Case
from tests.support.browsers import subscription
from tests.support.valkey import Wire

STORY = "Water has been dripping from my bathroom ceiling since yesterday."
ACCOUNTED = {"m", "l", "q", "i", "k", "ev", "o", "c", "t", "j", "f"}
"""What is kept under a case's own keys, as `CaseKeys` and the cache name it."""


@pytest.fixture(scope="module")
def whole(api: Api) -> Case:
    """A case with something in every place."""
    case = api.start(locale="en", user_ref="crm-4711", attributes={"channel": "phone"})
    api.say(case, STORY)
    api.post(f"/cases/{case.id}/push", subscription(), case.token)
    api.post(f"/cases/{case.id}/facts", {"slot": "place", "value": "In the bathroom"}, case.token,
             key=uuid4().hex)  # fmt: skip
    api.post("/force-complete", {"case_id": case.id}, case.token, key=uuid4().hex)
    api.post(f"/cases/{case.id}/rating", {"score": 9, "comment": "Quick and kind."}, case.token)
    review = {"reviewer": "Ana", "code": None, "note": "Nothing of ours."}
    api.post(f"/operator/cases/{case.id}/reviews", review, OPERATOR_TOKEN)
    return case


@pytest.fixture(scope="module")
def export(api: Api, whole: Case) -> dict[str, Any]:
    """Its export."""
    answer = api.get(f"/cases/{whole.id}/export", whole.token)
    assert answer.status == HTTPStatus.OK, answer
    found: dict[str, Any] = answer.json()
    return found


def test_it_is_a_file_that_nobody_keeps_on_the_way(api: Api, whole: Case) -> None:
    """A browser saves it under a name of its own; no cache does."""
    answer = api.get(f"/cases/{whole.id}/export", whole.token)
    assert answer.headers["content-type"] == "application/json"
    name = f'attachment; filename="triage-{whole.id}.json"'
    assert answer.headers["content-disposition"] == name
    assert answer.headers["cache-control"] == "no-store"


def test_everything_that_was_said_and_understood_is_in_it(
    api: Api, whole: Case, export: dict[str, Any]
) -> None:
    """It agrees with what every other route says of the case."""
    assert export["case_id"] == whole.id
    assert export["user_ref"] == "crm-4711"
    assert export["attributes"] == {"channel": "phone"}
    assert export["conversation"] == api.get(f"/cases/{whole.id}", whole.token).json()
    assert export["conversation"]["turns"][0]["message"] == STORY
    status = api.get(f"/status/{whole.id}", whole.token).json()
    assert export["status"]["facts"] == status["facts"]
    assert "the bathroom" in json.dumps(export["status"]["facts"])
    assert export["result"] == api.get(f"/result/{whole.id}", whole.token).json()


def test_what_others_say_of_it_is_in_it(export: dict[str, Any]) -> None:
    """The person's own rating, and reviews by the organisation."""
    assert export["rating"] == {"score": 9, "comment": "Quick and kind."}
    assert [one["note"] for one in export["reviews"]] == ["Nothing of ours."]


def test_its_life_and_who_is_told_of_it_is_in_it(export: dict[str, Any]) -> None:
    """Its events in order, and the browsers that are told."""
    events = [one["event"] for one in export["events"]]
    assert {"case.fact", "case.status", "analysis.completed"} <= set(events)
    assert all(one["data"]["type"] == one["event"] for one in export["events"])
    assert [one["endpoint"] for one in export["browsers"]] == [subscription()["endpoint"]]


def test_it_says_what_is_counted(export: dict[str, Any]) -> None:
    """Each kind of fact is named, with every field that the warehouse has of it."""
    assert set(export["counted"]) == {kind_of(one) for one in FACTS}
    for one in FACTS:
        names = export["counted"][kind_of(one)]
        assert {"id", "occurred_ms"} <= set(names) or "completed_ms" in names
        assert "case_id" in names
    assert "comment" not in export["counted"]["rating"]


def test_no_place_is_forgotten(valkey: EmbeddedValkey, whole: Case) -> None:
    """A new kind of key of a case fails here, until somebody has thought about its export."""
    script = "return table.concat(redis.call('KEYS', ARGV[1]), ' ')"
    with Wire(valkey.socket) as wire:
        found = wire.call("EVAL", script, "0", f"*{{{whole.id}}}*") or b""
    names = found.decode().split()
    assert names
    kinds = {one.removeprefix(f"tri:{{{whole.id}}}:").partition(":")[0] for one in names}
    assert kinds <= ACCOUNTED


def test_a_young_case_can_be_exported(api: Api, case: Case) -> None:
    """Also before anything was said, and what is not there yet is null or empty."""
    found = api.get(f"/cases/{case.id}/export", case.token).json()
    assert found["conversation"]["turns"] == []
    assert found["result"] is found["rating"] is found["form_answers"] is None
    assert found["events"] == found["calls"] == found["browsers"] == []
