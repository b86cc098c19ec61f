"""`python -m jobs.experiment_run`: compute reports of experiments once, and end.

The worker starts it for each refresh, since the statistics want memory and a processor that the
worker would never give back (docs/experiments.md has the figures). It reads an order from its
input and writes the answer to its output.
"""

import datetime as dt
import os
import sys
from pathlib import Path

import msgspec

from analytics.experiments.assessment import assess
from analytics.experiments.declaration import find_declaration
from analytics.experiments.report import Report
from analytics.experiments.standing import standing_of
from analytics.warehouse import Warehouse, open_warehouse
from app.core.reporting.experiment_page import experiment_page
from app.core.reporting.html import html
from app.core.reporting.markdown import markdown
from app.domain.experiments import ExperimentStanding
from jobs.experiment_order import Answer, Computed, Failed, Order, decode_order, encode

_NICE = 10
"""People's words come first."""


def run(order: Order) -> Answer:
    """Compute every experiment of an order; one that fails leaves the others alone.

    Raises:
        WarehouseError: if the warehouse cannot be used.
    """
    folder = None if order.folder is None else Path(order.folder)
    place = order.place if "://" in order.place else Path(order.place)
    warehouse = open_warehouse(place)
    computed, failed = [], []
    try:
        for key, before in order.before.items():
            try:
                computed.append(_computed(warehouse, folder, key, order.at_ms, before))
            except Exception as error:  # noqa: BLE001
                failed.append(Failed(key=key, error=f"{type(error).__name__}: {error}"))
    finally:
        warehouse.close()
    return Answer(computed=tuple(computed), failed=tuple(failed))


def _computed(
    warehouse: Warehouse, folder: Path | None, key: str, at_ms: int, before: ExperimentStanding
) -> Computed:
    at = dt.datetime.fromtimestamp(at_ms / 1_000, dt.UTC).replace(tzinfo=None)
    report = assess(warehouse, find_declaration(key, folder), at)
    page = experiment_page(report)
    return Computed(
        standing=standing_of(report, at_ms=at_ms, before=before),
        report=with_moment(report, at_ms),
        html=html(page),
        markdown=markdown(page),
    )


def with_moment(report: Report, at_ms: int) -> bytes:
    """Return a report as JSON, with when it was computed."""
    told = msgspec.to_builtins(report)
    return msgspec.json.encode({**told, "computed_at": at_ms})


def main() -> None:
    """Take one order."""
    os.nice(_NICE)
    order = decode_order(sys.stdin.buffer.read())
    sys.stdout.buffer.write(encode(run(order)))


if __name__ == "__main__":
    main()
