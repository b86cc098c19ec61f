"""The rules of Prometheus: valid, and each alert fires, stays silent and is explained."""

import re
import subprocess
from pathlib import Path

import click
import msgspec
import pytest

from app.cli import main
from app.telemetry.declared import DECLARED
from dashboards.lint import unknown_metrics
from tests.support.prometheus import Tool
from tests.support.rules import (
    CASE_FILES,
    DASHBOARDS,
    PROMETHEUS,
    ROOT,
    RULE_FILES,
    alerts,
    cases,
    known_metrics,
    metrics_of,
    rules,
)

ALERTMANAGER = DASHBOARDS / "alertmanager" / "alertmanager.yml"
RUNBOOKS = ROOT / "docs" / "runbooks"
SEVERITIES = {"critical", "warning", "info"}


def test_prometheus_takes_its_configuration(tools: dict[Tool, str]) -> None:
    """`promtool check config` finds nothing."""
    _run(tools["promtool"], "check", "config", str(PROMETHEUS / "prometheus.yml"))


def test_prometheus_takes_the_rules(tools: dict[Tool, str]) -> None:
    """`promtool check rules` finds nothing, not even by its stricter lint."""
    files = [str(file) for file in RULE_FILES]
    _run(tools["promtool"], "check", "rules", "--lint-fatal", *files)


@pytest.mark.parametrize("file", CASE_FILES, ids=lambda file: str(file.stem))
def test_every_alert_does_as_its_cases_say(tools: dict[Tool, str], file: Path) -> None:
    """`promtool test rules` plays histories, and alerts fire with the expected words."""
    _run(tools["promtool"], "test", "rules", str(file))


def test_alertmanager_takes_its_configuration(tools: dict[Tool, str]) -> None:
    """`amtool check-config` finds nothing, and the templates can be read."""
    _run(tools["amtool"], "check-config", str(ALERTMANAGER))


@pytest.mark.parametrize(
    ("severity", "receiver"),
    [("critical", "slack-urgent"), ("warning", "slack"), ("info", "slack")],
)
def test_what_is_urgent_goes_its_own_way(
    tools: dict[Tool, str], severity: str, receiver: str
) -> None:
    """Alertmanager's own routing sends only critical alerts to where everybody is called."""
    command = [tools["amtool"], "config", "routes", "test", f"--config.file={ALERTMANAGER}"]
    done = subprocess.run(
        [*command, f"severity={severity}", "alertname=TriageNoWorker"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip() == receiver


def test_a_rule_that_never_fires_is_caught(tools: dict[Tool, str], tmp_path: Path) -> None:
    """With a threshold that nothing reaches, the cases fail."""
    for name in ("rules", "tests"):
        (tmp_path / name).mkdir()
    rule = (PROMETHEUS / "rules" / "service.yml").read_text("utf-8")
    broken = rule.replace("max(triage_workers) == 0", "max(triage_workers) < 0")
    assert broken != rule
    (tmp_path / "rules" / "service.yml").write_text(broken, "utf-8")
    played = msgspec.yaml.decode((PROMETHEUS / "tests" / "service.yml").read_bytes())
    played["tests"] = [one for one in played["tests"] if "TriageNoWorker" in str(one)]
    case = tmp_path / "tests" / "service.yml"
    case.write_bytes(msgspec.yaml.encode(played))
    command = [tools["promtool"], "test", "rules", str(case)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode != 0
    assert "TriageNoWorker" in done.stdout + done.stderr


def test_every_alert_has_a_case_of_each_kind() -> None:
    """For each alert, and each pace of it, there is a moment of firing and one of silence."""
    fires, silent = set(), set()
    for case in cases():
        for check in case.alert_rule_test:
            paces = {one.exp_labels.get("pace", "") for one in check.exp_alerts}
            fires |= {(check.alertname, pace) for pace in paces}
            possible = {
                rule.labels.get("pace", "") for rule in alerts() if rule.alert == check.alertname
            }
            silent |= {(check.alertname, pace) for pace in possible - paces}
    expected = {(rule.alert, rule.labels.get("pace", "")) for rule in alerts()}
    assert fires == expected
    assert silent == expected


def test_every_rule_is_about_what_exists() -> None:
    """Each metric that a rule names is declared or recorded, with the labels it is chosen by."""
    declared = {metric.name: {*metric.labels, "le", "job", "instance"} for metric in DECLARED}
    for rule in rules():
        named = metrics_of(rule.expr)
        assert unknown_metrics(named, known_metrics()) == [], rule
        for name, labels in named.items():
            family = name.removesuffix("_bucket").removesuffix("_count")
            assert labels <= declared.get(family, labels), (rule, name)


def test_every_alert_says_who_what_and_where_to_read_on() -> None:
    """Each has a severity, an area, a summary, a description, and a runbook that exists."""
    for rule in alerts():
        assert rule.labels["severity"] in SEVERITIES, rule.alert
        assert rule.labels["area"] in {"cost", "speed", "service"}, rule.alert
        assert rule.annotations.keys() == {"summary", "description", "runbook"}, rule.alert
        assert rule.annotations["description"].endswith("."), rule.alert
        assert rule.annotations["runbook"] == f"docs/runbooks/{rule.alert}.md"


def test_every_alert_has_a_runbook_and_every_runbook_an_alert() -> None:
    """Nobody is sent to a page that is not there, and no page outlives its alert."""
    names = {rule.alert for rule in alerts()}
    assert {file.stem for file in RUNBOOKS.glob("Triage*.md")} == names
    for name in names:
        page = (RUNBOOKS / f"{name}.md").read_text("utf-8")
        assert page.startswith(f"# {name}\n"), name
        assert {"## What it means", "## What to do"} <= set(page.splitlines()), name


def test_every_command_of_a_runbook_exists() -> None:
    """Whoever is woken by an alert types commands that are there, with options that they take."""
    pages = [*RUNBOOKS.glob("*.md"), ROOT / "docs" / "monitoring.md"]
    texts = [page.read_text("utf-8") for page in pages]
    found = {one for text in texts for one in re.findall(r"`triage ([^`]+)`", text)}
    assert len(found) > 10
    context = click.Context(main)
    for words in found:
        command: click.Command = main
        for word in words.split():
            if isinstance(command, click.Group):
                command = command.get_command(context, word) or command
        assert not isinstance(command, click.Group), words
        options = {name for one in command.params for name in one.opts}
        assert {word for word in words.split() if word.startswith("--")} <= options, words


def test_grafana_is_told_of_every_page() -> None:
    """Provisioning names a data source for Prometheus, and a folder with pages."""
    folder = DASHBOARDS / "grafana" / "provisioning"
    sources = msgspec.yaml.decode((folder / "datasources" / "triage.yml").read_bytes())
    providers = msgspec.yaml.decode((folder / "dashboards" / "triage.yml").read_bytes())
    assert [one["type"] for one in sources["datasources"]] == ["prometheus"]
    assert [one["type"] for one in providers["providers"]] == ["file"]


def _run(*command: str) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
