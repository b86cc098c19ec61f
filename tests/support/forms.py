"""The form of the tests' playbook as people fill it in over HTTP."""

from collections.abc import Mapping, Sequence
from itertools import count
from typing import Any
from uuid import uuid4

from tests.support.api import Answer, Api, Case

ANSWERS: Mapping[str, str | Sequence[str]] = {
    "story": "Water has been dripping from my bathroom ceiling.",
    "when": "yesterday",
    "wish": "Please repair it.",
    "tenure": "own",
    "rooms": "2",
}


def opened(api: Api, **members: Any) -> dict[str, Any]:
    """Open cases for one person after the other until somebody is given the form."""
    for number in count():
        answer = api.post("/start", {"locale": "en", "user_ref": f"person {number}", **members})
        found: dict[str, Any] = answer.json()
        if found["variant"] == "v1":
            return found
    raise AssertionError("unreachable")


def structured(api: Api, **members: Any) -> Case:
    """Return a case with a form."""
    found = opened(api, **members)
    return Case(found["case_id"], found["case_token"])


def submit(api: Api, case: Case, answers: Any = None, *, key: str | None = None) -> Answer:
    """Submit the form, with a new key if none is given."""
    value = {"answers": ANSWERS if answers is None else answers}
    return api.post(f"/cases/{case.id}/form", value, case.token, key=key or uuid4().hex)
