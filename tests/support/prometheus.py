"""Prometheus and Alertmanager, the real ones, with the configuration that is committed.

What differs is said here: where they listen, whom they talk to, and that a second of theirs is as
long as a minute of an installation's, so that tests need not wait.
"""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlencode

import msgspec
from msgspec import Struct

from tests.support.api import Api
from tests.support.processes import Program, environment, free_port
from tests.support.rules import DASHBOARDS, PROMETHEUS

Tool = Literal["prometheus", "promtool", "alertmanager", "amtool"]
TOOLS: Mapping[Tool, str] = {
    "prometheus": "prometheus",
    "promtool": "promtool",
    "alertmanager": "prometheus-alertmanager",
    "amtool": "amtool",
}
"""Their commands, as Debian names them."""
_WAIT = re.compile(r"(?m)^( +for:) \w+$")


class Series(Struct, frozen=True):
    """One series of an answer."""

    labels: Mapping[str, str]
    points: Sequence[tuple[float, float]]
    """Unix times in seconds, and values."""

    def named(self, legend: str) -> str:
        """Return its name as Grafana writes it: the legend with the labels put in."""
        return re.sub(r"\{\{(\w+)\}\}", lambda found: self.labels.get(found[1], ""), legend)


class Prometheus:
    """A running Prometheus."""

    def __init__(self, port: int) -> None:
        """Name one that was started."""
        self._api = Api(port)

    def now(self, expr: str, at: float | None = None) -> list[Series]:
        """Return what a query answers at a moment: now, unless told otherwise."""
        form = {"query": expr} | ({} if at is None else {"time": f"{at:.3f}"})
        found = self._ask("query", form)
        return [Series(one["metric"], [_point(one["value"])]) for one in found]

    def over(self, expr: str, start: float, end: float, step: float = 1.0) -> list[Series]:
        """Return what a query answers over a time."""
        form = {"query": expr, "start": f"{start:.3f}", "end": f"{end:.3f}", "step": f"{step:g}"}
        found = self._ask("query_range", form)
        return [Series(one["metric"], [_point(p) for p in one["values"]]) for one in found]

    def firing(self) -> list[Mapping[str, str]]:
        """Return the labels of every alert that fires."""
        return [one.labels for one in self.now('ALERTS{alertstate="firing"}')]

    def _ask(self, what: str, form: Mapping[str, str]) -> list[dict[str, Any]]:
        kind = "application/x-www-form-urlencoded"
        body = urlencode(form).encode()
        answer = self._api.call("POST", f"/api/v1/{what}", body, Content_Type=kind)
        assert answer.status == 200, answer
        found: list[dict[str, Any]] = answer.json()["data"]["result"]
        return found


class Alertmanager:
    """A running Alertmanager."""

    def __init__(self, port: int) -> None:
        """Name one that was started."""
        self.port = port

    def alert(self, *alerts: Mapping[str, Any]) -> None:
        """Tell it of alerts, as Prometheus does."""
        body = json.dumps(alerts).encode()
        path = "/api/v2/alerts"
        answer = Api(self.port).call("POST", path, body, Content_Type="application/json")
        assert answer.status == 200, answer


@contextmanager
def running_prometheus(
    command: str,
    folder: Path,
    targets: Mapping[str, int],
    *,
    alertmanager: int | None = None,
    hurried: bool = False,
) -> Iterator[Prometheus]:
    """Run one with the committed rules; it ends with the block.

    Args:
        command: What to start.
        folder: For its configuration and its data.
        targets: The port of each job.
        alertmanager: The port of whom it tells of alerts.
        hurried: Whether alerts fire without the time that they are to hold for.
    """
    config = msgspec.yaml.decode((PROMETHEUS / "prometheus.yml").read_bytes())
    config["global"] = {"scrape_interval": "1s", "evaluation_interval": "1s"}
    for job in config["scrape_configs"]:
        port = targets[job["job_name"]]
        job["static_configs"] = [{"targets": [f"127.0.0.1:{port}"]}]
    managers = [] if alertmanager is None else [f"127.0.0.1:{alertmanager}"]
    config["alerting"] = {"alertmanagers": [{"static_configs": [{"targets": managers}]}]}
    rules = folder / "rules"
    rules.mkdir(parents=True)
    for file in (PROMETHEUS / "rules").glob("*.yml"):
        text = file.read_text("utf-8")
        (rules / file.name).write_text(_WAIT.sub(r"\1 0s", text) if hurried else text, "utf-8")
    (folder / "prometheus.yml").write_bytes(msgspec.yaml.encode(config))
    port = free_port()
    program = Program(
        "Prometheus",
        [
            command,
            f"--config.file={folder / 'prometheus.yml'}",
            f"--storage.tsdb.path={folder / 'data'}",
            f"--web.listen-address=127.0.0.1:{port}",
            "--log.level=warn",
        ],
        environment(),
        folder / "prometheus.log",
    )
    try:
        program.wait_until(lambda: _is_ready(port))
        yield Prometheus(port)
    finally:
        program.close()


@contextmanager
def running_alertmanager(command: str, folder: Path, slack: str) -> Iterator[Alertmanager]:
    """Run one with the committed routes and words; it tells this address instead of Slack."""
    folder.mkdir(parents=True)
    address = folder / "slack-webhook-url"
    address.write_text(slack)
    text = (DASHBOARDS / "alertmanager" / "alertmanager.yml").read_text("utf-8")
    text = re.sub(r"(slack_api_url_file:) .*", rf"\1 {address}", text)
    text = re.sub(r"(group_wait:) .*", r"\1 1s", text)
    text = re.sub(r"(group_interval:) .*", r"\1 1s", text)
    (folder / "alertmanager.yml").write_text(text, "utf-8")
    (folder / "templates").symlink_to(DASHBOARDS / "alertmanager" / "templates")
    port = free_port()
    program = Program(
        "Alertmanager",
        [
            command,
            f"--config.file={folder / 'alertmanager.yml'}",
            f"--storage.path={folder / 'data'}",
            f"--web.listen-address=127.0.0.1:{port}",
            "--cluster.listen-address=",
            "--log.level=warn",
        ],
        environment(),
        folder / "alertmanager.log",
    )
    try:
        program.wait_until(lambda: _is_ready(port))
        yield Alertmanager(port)
    finally:
        program.close()


def _is_ready(port: int) -> bool:
    try:
        return Api(port).call("GET", "/-/ready").status == 200
    except OSError:
        return False


def _point(pair: Sequence[Any]) -> tuple[float, float]:
    return float(pair[0]), float(pair[1])
