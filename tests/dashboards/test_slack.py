"""From a provider that fails to a message at Slack: real Prometheus, real Alertmanager, fake Slack.

Two things are not as in an installation: an alert fires without the time that it is to hold for,
and messages are not gathered for half a minute.
"""

import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.support.prometheus import (
    Alertmanager,
    Tool,
    running_alertmanager,
    running_prometheus,
)
from tests.support.receivers import Receiver, receiving
from tests.support.rules import alerts
from tests.support.scripted_load import town
from tests.support.waiting import until

pytestmark = pytest.mark.timeout(300)  # a dozen processes start, also where others run
PEOPLE = 24
"""Two of three are failed by their first provider: forty attempts, sixteen of them failed."""


@pytest.fixture
def slack() -> Iterator[Receiver]:
    """Something that answers as Slack's incoming webhooks do."""
    with receiving() as receiver:
        receiver.answer = lambda _: 200
        yield receiver


@pytest.fixture
def alertmanager(tools: dict[Tool, str], slack: Receiver, tmp_path: Path) -> Iterator[Alertmanager]:
    """A real one with the committed routes, which tells the fake Slack."""
    command = tools["alertmanager"]
    with running_alertmanager(command, tmp_path / "alertmanager", slack.url) as running:
        yield running


def test_a_provider_that_fails_is_told_of(
    tools: dict[Tool, str], alertmanager: Alertmanager, slack: Receiver, tmp_path: Path
) -> None:
    """Slack hears what is the matter, how bad it is, since when, and where to read on."""
    with (
        town(tmp_path) as there,
        running_prometheus(
            tools["prometheus"],
            tmp_path / "prometheus",
            there.targets,
            alertmanager=alertmanager.port,
            hurried=True,
        ) as prometheus,
    ):
        until(lambda: len(prometheus.now("triage_build_info")) == 2, "nobody was scraped")
        for number in range(PEOPLE):
            there.succeeds() if number % 3 == 2 else there.fails()
        until(lambda: bool(_of(slack, "Calls of models fail")), "Slack heard nothing")
        firing = {one["alertname"] for one in prometheus.firing()}
    assert "TriageModelErrorsBurn" in firing
    message = _of(slack, "Calls of models fail")[0]
    assert message["channel"] == "#triage"
    [shown] = message["attachments"]
    assert shown["color"] == "danger"
    assert re.fullmatch(
        r"<!channel> Calls of models fail: \d+\.\d times as many as allowed in the last 1h",
        shown["title"],
    )
    description, since, what_to_do = shown["text"].strip().splitlines()
    assert description == (
        "We promise that 99 % succeed. People notice slower or guided answers. "
        "At this pace the allowance of 30 days is gone in two days."
    )
    today = datetime.now(UTC).strftime("%-d %b")
    assert re.fullmatch(
        rf"Since \w{{3}} ({today}|\d+ \w+) \d\d:\d\d UTC · critical · pace `fast`", since
    )
    assert what_to_do == "What to do: docs/runbooks/TriageModelErrorsBurn.md"


def test_whoever_heard_of_the_worse_need_not_hear_of_the_lesser(
    alertmanager: Alertmanager, slack: Receiver
) -> None:
    """Of a budget that is spent, nobody is told that it is half spent; of another one they are."""
    spent = {"scope": "global", "period": "day"}
    other = {"scope": "operation:judge", "period": "month"}
    alertmanager.alert(_alert("TriageBudgetSpent", "critical", "All is spent", **spent))
    until(lambda: bool(_of(slack, "All is spent")), "Slack heard nothing of the worse")
    alertmanager.alert(
        _alert("TriageBudgetHalfSpent", "info", "Half is spent", **spent),
        _alert("TriageBudgetHalfSpent", "info", "Half of another is spent", **other),
    )
    until(lambda: bool(_of(slack, "Half of another is spent")), "Slack heard nothing of the other")
    [shown] = _of(slack, "Half of another is spent")[0]["attachments"]
    assert shown["title"] == "Half of another is spent"
    assert "scope `operation:judge`" in shown["text"]
    assert not _of(slack, "Half is spent")


def test_several_of_a_kind_are_one_message(alertmanager: Alertmanager, slack: Receiver) -> None:
    """Two queues that wait are told of together, each with its own words."""
    alertmanager.alert(
        _alert("TriageQueueStale", "warning", "One waits", queue="simple"),
        _alert("TriageQueueStale", "warning", "Another waits", queue="complex"),
    )
    until(lambda: bool(_of(slack, "2 × TriageQueueStale")), "Slack heard nothing")
    [shown] = _of(slack, "2 × TriageQueueStale")[0]["attachments"]
    assert shown["color"] == "warning"
    assert shown["text"].count("What to do: docs/runbooks/TriageQueueStale.md") == 2
    assert {"*One waits*", "*Another waits*"} <= set(shown["text"].splitlines())


def test_the_end_is_told_of(alertmanager: Alertmanager, slack: Receiver) -> None:
    """When it is over, Slack hears that, and how long it was."""
    began = _alert("TriageNoWorker", "critical", "No worker is alive")
    alertmanager.alert(began)
    until(lambda: bool(_of(slack, "<!channel> No worker is alive")), "Slack heard nothing")
    alertmanager.alert({**began, "endsAt": datetime.now(UTC).isoformat()})
    until(lambda: bool(_of(slack, "Over: No worker is alive")), "Slack heard of no end")
    [shown] = _of(slack, "Over: No worker is alive")[0]["attachments"]
    assert shown["color"] == "good"
    assert re.match(r"From \w+ \d+ \w+ \d\d:\d\d to \w+ \d+ \w+ \d\d:\d\d UTC", shown["text"])


def _alert(name: str, severity: str, summary: str, **labels: str) -> dict[str, Any]:
    [rule] = [rule for rule in alerts() if rule.alert == name]
    return {
        "labels": {"alertname": name, "severity": severity, **labels},
        "annotations": {**rule.annotations, "summary": summary},
        "startsAt": (datetime.now(UTC) - timedelta(minutes=5)).isoformat(),
    }


def _of(slack: Receiver, title: str) -> list[dict[str, Any]]:
    """Return the messages whose title begins so, or does after the call to the channel."""
    messages = [json.loads(one.body) for one in list(slack.requests)]
    return [
        message
        for message in messages
        if message["attachments"][0]["title"].removeprefix("<!channel> ").startswith(title)
        or message["attachments"][0]["title"].startswith(title)
    ]
