"""What a process tells of itself, read as Prometheus reads it: by the client's own parsers."""

import time
from collections.abc import Callable, Iterable

from prometheus_client import Metric
from prometheus_client.openmetrics.parser import (
    text_string_to_metric_families as parse_openmetrics,
)
from prometheus_client.parser import text_string_to_metric_families as parse_text
from prometheus_client.samples import Sample

from tests.support.api import Api

OPENMETRICS = "application/openmetrics-text; version=1.0.0"
_PATIENCE = 90.0
_STEP_SECONDS = 0.05


class Scrape:
    """One page of metrics."""

    def __init__(self, families: Iterable[Metric]) -> None:
        """Take what a parser found."""
        self.families = {one.name: one for one in families}
        self.samples = [one for family in self.families.values() for one in family.samples]

    def found(self, name: str, **labels: str) -> list[Sample]:
        """Return the samples of this name that have these labels, and maybe others."""
        return [
            one for one in self.samples if one.name == name and labels.items() <= one.labels.items()
        ]

    def value(self, name: str, **labels: str) -> float:
        """Return what the samples of this name and these labels add up to; there must be some."""
        found = self.found(name, **labels)
        assert found, f"no {name} with {labels}"
        return sum(one.value for one in found)


def scrape(port: int, *, openmetrics: bool = False, **headers: str) -> Scrape:
    """Read a process's page."""
    accept = {"Accept": OPENMETRICS} if openmetrics else {}
    answer = Api(port).call("GET", "/metrics", None, **accept, **headers)
    assert answer.status == 200, answer
    parse = parse_openmetrics if openmetrics else parse_text
    return Scrape(parse(answer.body.decode()))


def moved(before: Scrape, after: Scrape, name: str, **labels: str) -> float:
    """Return by how much something has grown between two pages."""
    return after.value(name, **labels) - before.value(name, **labels)


def until(read: Callable[[], Scrape], holds: Callable[[Scrape], bool]) -> Scrape:
    """Read again and again until something holds of the page; fails where it never does."""
    deadline = time.monotonic() + _PATIENCE
    while not holds(page := read()):
        assert time.monotonic() < deadline, "the page never said so"
        time.sleep(_STEP_SECONDS)
    return page
