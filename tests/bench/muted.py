"""Runs `triage serve` without accounts and metrics, to be measured beside one that has them.

As a script it is an instance in which nothing is counted and no row is written; everything else is
the product's own.
"""

from typing import Any

from app import engine
from app.cli import main
from app.llm.failover import FailoverModel
from app.telemetry.metrics import Metrics

_COUNTING = (
    "attempt", "budget_ran_out", "cache", "case", "case_analysed", "problem", "stream_closed",
    "stream_opened", "turn_ended", "turn_taken_over",
)  # fmt: skip


class Unmetered(FailoverModel):
    """Models whose calls nobody accounts for."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        """Leave the meter out."""
        super().__init__(*args, **{**kwargs, "meter": None})


def _nothing(*_: Any, **__: Any) -> None:
    """Count nothing."""


if __name__ == "__main__":
    for name in _COUNTING:
        setattr(Metrics, name, _nothing)
    setattr(engine, "FailoverModel", Unmetered)  # noqa: B010 - typed as what it replaces
    main(["serve"])
