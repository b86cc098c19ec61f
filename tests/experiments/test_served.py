"""What the API describes of a report is what the analytics write."""

from pathlib import Path
from typing import get_args

import msgspec

from analytics.experiments.assessment import assess
from analytics.experiments.declaration import find_declaration
from analytics.verdict import Decision
from analytics.warehouse import open_warehouse
from app.api.experiment_schema import ExperimentReport
from app.domain.experiments import DECISIONS
from jobs.experiment_run import with_moment
from tests.support.triages import AT, KEY, V1, V2, crowd, facts_of
from tests.support.warehouses import rows


def test_nothing_of_a_report_is_left_out_of_its_description(tmp_path: Path) -> None:
    """Read by the description and written again, a report is the same, in every field."""
    warehouse = open_warehouse(tmp_path)
    people = crowd(300, {"v1": V1, "v2": V2}, several=True, before=True, days=4)
    with warehouse.writing() as writer:
        writer.append(rows(*facts_of(people)))
    report = assess(warehouse, find_declaration(KEY), AT)
    warehouse.close()
    written = with_moment(report, 1)
    read = msgspec.json.decode(written, type=ExperimentReport)
    assert msgspec.json.decode(msgspec.json.encode(read)) == msgspec.json.decode(written)


def test_the_decisions_are_the_same_ones() -> None:
    """In the same order, which says which is the gravest."""
    assert get_args(Decision) == DECISIONS
