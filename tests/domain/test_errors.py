"""Errors carry what the edge needs to answer well."""

from app.domain import errors


def test_errors_carry_what_the_caller_wants_to_know() -> None:
    """The running turn, the case's status, the time to wait, every mistake."""
    assert errors.TurnBusy(4).turn == 4
    assert errors.ResultNotReady("active").status == "active"
    assert errors.StateUnavailable("away", retry_after=3.0).retry_after == 3.0
    assert errors.PlaybookInvalid(["a:1: x", "a:2: y"]).mistakes == ["a:1: x", "a:2: y"]


def test_every_error_has_one_root() -> None:
    """Whoever catches the root catches what is raised on purpose, and nothing else."""
    known = [one for one in vars(errors).values() if isinstance(one, type)]
    raised = [one for one in known if one.__module__ == errors.__name__]
    assert raised
    assert all(issubclass(one, errors.TriageError) for one in raised)
