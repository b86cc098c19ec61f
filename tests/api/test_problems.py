"""Every error has one place among the problems, and one that nobody foresaw gives nothing away."""

import inspect
from typing import Any

import pytest
from litestar import get
from litestar.testing import create_test_client

from app.api import problems
from app.domain import errors
from app.domain.errors import StateTooNew, TriageError
from app.domain.form import FormMistake


class Unmapped(TriageError):
    """An error that was added without a place in the map."""


ERRORS: dict[TriageError, tuple[int, str]] = {
    errors.InvalidInput("no"): (400, "invalid-input"),
    errors.IdempotencyKeyMissing("no"): (400, "idempotency-key-missing"),
    errors.IdempotencyMismatch("no"): (422, "idempotency-mismatch"),
    errors.NotAuthenticated("no"): (401, "not-authenticated"),
    errors.CaseNotFound("c1"): (404, "case-not-found"),
    errors.TurnNotFound("no"): (404, "turn-not-found"),
    errors.TurnBusy(7): (409, "turn-busy"),
    errors.CaseFull("no"): (409, "case-full"),
    errors.ResultNotReady("active"): (409, "result-not-ready"),
    errors.Draining("no"): (503, "draining"),
    errors.StateUnavailable("away", retry_after=2.6): (503, "state-unavailable"),
    StateTooNew("tag"): (503, "state-unavailable"),
    errors.Fenced("no"): (500, "internal"),
    errors.PlaybookInvalid(["line 1"]): (500, "internal"),
    Unmapped("secret detail"): (500, "internal"),
}


def answer_to(error: Exception) -> tuple[dict[str, Any], dict[str, str]]:
    """Return the problem, and the headers, that a route's error becomes."""

    @get("/")
    async def broken() -> None:
        raise error

    with create_test_client([broken], plugins=[problems.plugin()], logging_config=None) as client:
        response = client.get("/")
    assert response.headers["content-type"] == "application/problem+json"
    assert response.json()["status"] == response.status_code
    return response.json(), dict(response.headers)


@pytest.mark.parametrize(
    ("error", "status", "name"),
    [(error, *place) for error, place in ERRORS.items()],
    ids=[type(error).__name__ for error in ERRORS],
)
def test_every_error_is_a_problem_of_its_kind(error: TriageError, status: int, name: str) -> None:
    """Status and type are stable, for clients decide by them."""
    problem, _ = answer_to(error)
    assert (problem["status"], problem["type"]) == (status, f"urn:triage:problem:{name}")
    assert problem["title"]
    assert problem["detail"]


NEVER_LEAVE = {errors.Fenced, errors.PlaybookInvalid, errors.WebhookNotFound}
"""Errors to which no request leads; one that leaves all the same is a mistake of ours."""
TREE = sorted(
    (
        one
        for one in vars(errors).values()
        if isinstance(one, type) and issubclass(one, TriageError) and one is not TriageError
    ),
    key=lambda one: one.__name__,
)


def made(kind: type[TriageError]) -> TriageError:
    """Return an error of this kind, whatever it wants to be told."""
    if "__init__" not in vars(kind):
        return kind("no")
    samples = {
        str: "x",
        int: 1,
        float: 1.0,
        list[str]: ["x"],
        tuple[FormMistake, ...]: (FormMistake(field="x", code="required", detail="x"),),
    }
    needed = inspect.signature(kind).parameters.values()
    return kind(*(samples[one.annotation] for one in needed if one.default is one.empty))


@pytest.mark.parametrize("kind", TREE)
def test_no_error_of_the_tree_lacks_its_place(kind: type[TriageError]) -> None:
    """Whoever adds an error has to say what a client gets."""
    problem, _ = answer_to(made(kind))
    assert (problem["status"] == 500) == (kind in NEVER_LEAVE)


@pytest.mark.parametrize(
    ("error", "name", "value"),
    [
        (errors.StateUnavailable("away", retry_after=2.6), "retry-after", "3"),
        (errors.StateUnavailable("away", retry_after=0.1), "retry-after", "1"),
        (errors.Draining("no"), "retry-after", "1"),
        (errors.ResultNotReady("active"), "retry-after", "1"),
        (errors.NotAuthenticated("no"), "www-authenticate", "Bearer"),
    ],
)
def test_what_to_do_next_is_in_the_headers(error: TriageError, name: str, value: str) -> None:
    """When to come back, in whole seconds that are never none, and how to say who one is."""
    assert answer_to(error)[1][name] == value


def test_what_a_client_can_act_on_is_in_the_body() -> None:
    """The running turn, and how the case stands."""
    assert answer_to(errors.TurnBusy(7))[0]["turn"] == 7
    assert answer_to(errors.ResultNotReady("active"))[0]["case_status"] == "active"


@pytest.mark.parametrize(
    "error", [Unmapped("secret detail"), KeyError("secret detail"), errors.Fenced("secret detail")]
)
def test_a_mistake_of_ours_gives_nothing_away(error: Exception) -> None:
    """The client learns that it was logged, and not what it was."""
    problem, _ = answer_to(error)
    assert problem["status"] == 500
    assert "secret" not in str(problem)
    assert problem["detail"] == "The error was logged."


def test_an_unknown_case_is_not_told_from_a_foreign_one() -> None:
    """The text of the error, which names the case, stays here."""
    assert "c1" not in answer_to(errors.CaseNotFound("c1"))[0]["detail"]
