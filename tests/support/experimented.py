"""A warehouse of an installation in which experiments have run for some days, until just now."""

import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from msgspec import Struct

from analytics.warehouse import open_warehouse
from tests.support.triages import V1, V2, Likings, crowd, facts_of
from tests.support.warehouses import HOUR, rows

DAYS = 8
DECLARED = """\
format = 1
key = "{key}"
title = "{key}"
question = "Do more people finish?"
hypothesis = "They do."
control = "v1"
planned_persons = 2000
maturity_hours = 0
[arms]
v1 = 0.5
v2 = 0.5
[[metrics]]
name = "completion"
label = "Completion rate"
kind = "share"
fact = "completed"
per = "started"
unit = "share"
better = "increase"
role = "primary"
smallest_effect = 0.04
[[metrics]]
name = "accuracy"
label = "Accuracy"
kind = "share"
fact = "correct"
unit = "share"
better = "increase"
role = "guardrail"
margin = 0.05
[[metrics]]
name = "triage_time"
label = "Triage time"
kind = "mean"
fact = "result_seconds"
unit = "seconds"
better = "decrease"
"""


class Trial(Struct, frozen=True, kw_only=True):
    """An experiment that has run."""

    persons: int = 300
    v2: Likings = V2
    lost: int = 0
    """Of the people in the control, every so manieth was lost; 0 is nobody."""


def lived(warehouse: Path, declared: Path, trials: Mapping[str, Trial]) -> None:
    """Declare experiments, and keep what people did in them; the last ones came a minute ago."""
    declared.mkdir(exist_ok=True)
    opened = open_warehouse(warehouse)
    for seed, (key, trial) in enumerate(trials.items()):
        (declared / f"{key}.toml").write_text(DECLARED.format(key=key), "utf-8")
        with opened.writing() as writer:
            writer.append(_of(key, trial, seed))
    opened.close()


def _of(key: str, trial: Trial, seed: int) -> list[dict[str, Any]]:
    people = crowd(trial.persons, {"v1": V1, "v2": trial.v2}, seed=seed, days=DAYS)
    kept = [
        one
        for number, one in enumerate(people)
        if one.arm == "v2" or not trial.lost or number % trial.lost
    ]
    shift = time.time_ns() // 1_000_000 - 60_000 - max(one.exposed_at for one in kept) - HOUR
    found = []
    for row in rows(*facts_of(kept)):
        named = {name: f"{key}-{row[name]}" for name in ("id", "case_id") if row.get(name)}
        if row.get("person"):
            named["person"] = f"{key}-{row['person']}"
        if row["kind"] == "exposure":
            named["experiment_id"] = key
        found.append({**row, **named, "occurred_ms": row["occurred_ms"] + shift})
    return found
