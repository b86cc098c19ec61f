"""What the committed rules of Prometheus and their cases say."""

from functools import cache
from pathlib import Path
from typing import Any

import msgspec
import promql_parser
from msgspec import Struct

from app.telemetry.declared import DECLARED
from dashboards.model import Dashboard, Panel, RowTitle

ROOT = Path(__file__).parents[2]
DASHBOARDS = ROOT / "dashboards"
PROMETHEUS = DASHBOARDS / "prometheus"
RULE_FILES = sorted((PROMETHEUS / "rules").glob("*.yml"))
CASE_FILES = sorted((PROMETHEUS / "tests").glob("*.yml"))
OF_PROMETHEUS = {"up", "ALERTS", "process_cpu_seconds_total", "process_resident_memory_bytes"}
"""What Prometheus itself and its client tell."""


class Rule(Struct, frozen=True):
    """An alert, or a series that is recorded."""

    expr: str
    alert: str = ""
    record: str = ""
    labels: dict[str, str] = {}
    annotations: dict[str, str] = {}


class Group(Struct, frozen=True):
    """Rules that are worked out one after another."""

    name: str
    rules: list[Rule]


class _Rules(Struct, frozen=True):
    groups: list[Group]


class ExpectedAlert(Struct, frozen=True):
    """An alert that is to fire."""

    exp_labels: dict[str, str]


class Check(Struct, frozen=True):
    """What is to fire of an alert at a moment; nothing means silence."""

    alertname: str
    exp_alerts: list[ExpectedAlert]


class Case(Struct, frozen=True):
    """One history of series, and what is to fire in it."""

    name: str
    alert_rule_test: list[Check]


class _Cases(Struct, frozen=True):
    tests: list[Case]


@cache
def rules() -> list[Rule]:
    """Return every committed rule."""
    files = [msgspec.yaml.decode(file.read_bytes(), type=_Rules) for file in RULE_FILES]
    return [rule for file in files for group in file.groups for rule in group.rules]


def alerts() -> list[Rule]:
    """Return every committed alert."""
    return [rule for rule in rules() if rule.alert]


@cache
def cases() -> list[Case]:
    """Return every committed case."""
    files = [msgspec.yaml.decode(file.read_bytes(), type=_Cases) for file in CASE_FILES]
    return [case for file in files for case in file.tests]


def known_metrics() -> set[str]:
    """Return the name of every series there can be: declared, recorded, or told by Prometheus."""
    names = OF_PROMETHEUS | {rule.record for rule in rules() if rule.record}
    for metric in DECLARED:
        if metric.kind == "histogram":
            names |= {f"{metric.name}_{part}" for part in ("bucket", "sum", "count")}
        else:
            names.add(metric.name)
    return names


def panels(page: Dashboard) -> list[Panel]:
    """Return a page's panels without its headings."""
    return [panel for panel in page.panels if not isinstance(panel, RowTitle)]


def plain(expr: str, *, interval: str = "1m") -> str:
    """Return a query as Prometheus reads it, with Grafana's variable replaced."""
    return expr.replace("$__rate_interval", interval)


def metrics_of(expr: str) -> dict[str, set[str]]:
    """Return which metrics a query names, with the labels that it chooses each by.

    Raises:
        ValueError: if it is no PromQL.
    """
    found: dict[str, set[str]] = {}
    _walk(promql_parser.parse(expr), found)
    return found


def _walk(node: Any, found: dict[str, set[str]]) -> None:
    match node:
        case promql_parser.VectorSelector():
            labels = {one.name for one in node.matchers.matchers}
            found.setdefault(node.name or "", set()).update(labels - {"__name__"})
        case promql_parser.MatrixSelector():
            _walk(node.vector_selector, found)
        case promql_parser.BinaryExpr():
            _walk(node.lhs, found)
            _walk(node.rhs, found)
        case promql_parser.AggregateExpr() | promql_parser.ParenExpr() | promql_parser.UnaryExpr():
            _walk(node.expr, found)
        case promql_parser.SubqueryExpr():
            _walk(node.expr, found)
        case promql_parser.Call():
            for one in node.args:
                _walk(one, found)
        case promql_parser.NumberLiteral() | promql_parser.StringLiteral():
            pass
        case _:
            raise TypeError(f"unknown part of a query: {node!r}")
