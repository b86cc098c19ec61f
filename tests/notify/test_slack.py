"""Slack: messages within its limits, and what follows from each of its answers."""

import json
import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.notify.client import GuardedClient
from app.notify.guard import Guard
from app.notify.retrying import Outcome
from app.notify.slack import (
    DELAYS,
    Slack,
    SlackFigure,
    SlackMessage,
    escaped,
    pause_seconds,
    payload,
    taken,
)
from tests.support.receivers import Received, Receiver, Reply

MESSAGE = SlackMessage(
    title="Costs of AI",
    subtitle="Tuesday, 24 November 2026 · America/Sao_Paulo",
    figures=(SlackFigure(label="Spent", value="$4.94", note="+3 %"),),
    notes=("3 calls need a look",),
    link_text="Full report",
    place="https://reports.example.com/costs/2026-11-24.html",
    key="costs/2026-11-24",
)


@pytest.fixture
def slack(receiver: Receiver) -> Slack:
    """A channel on this machine."""
    return channel(receiver)


def channel(receiver: Receiver, seconds: float = 10.0) -> Slack:
    """Return a channel that waits so long for an answer."""
    return Slack(GuardedClient(Guard(allow_loopback=True), seconds=seconds), receiver.url)


async def test_a_message_arrives(slack: Slack, receiver: Receiver) -> None:
    """As JSON with blocks, and a text for notifications."""
    assert taken(await slack.post(MESSAGE))
    (one,) = receiver.requests
    assert one.headers["content-type"].startswith("application/json")
    told = json.loads(one.body)
    assert told == payload(MESSAGE)
    assert told["text"] == "Costs of AI: Spent $4.94"
    assert [block["type"] for block in told["blocks"]] == [
        "header", "context", "section", "section", "context",
    ]  # fmt: skip
    assert told["blocks"][-1]["elements"][0]["text"] == (
        "<https://reports.example.com/costs/2026-11-24.html|Full report> · `costs/2026-11-24`"
    )
    await slack.aclose()


@pytest.mark.parametrize(
    ("reply", "wait"),
    [(500, DELAYS[0]), (404, DELAYS[0]), ((429, {"Retry-After": "77"}), 77.0)],
)
async def test_what_is_refused_is_to_be_tried_again(
    slack: Slack, receiver: Receiver, reply: Reply, wait: float
) -> None:
    """Later, and as late as Slack asks; nothing repeats the webhook's address."""
    receiver.answer = lambda _: reply
    outcome = await slack.post(MESSAGE)
    assert not taken(outcome)
    assert outcome.error is not None
    assert receiver.url not in outcome.error
    assert pause_seconds(1, outcome, chance=0.0) == wait
    await slack.aclose()


async def test_whoever_hangs_does_not_hold_us_up(receiver: Receiver) -> None:
    """No answer in time is an error, whatever was received."""
    slack = channel(receiver, seconds=0.3)
    done = threading.Event()

    def hang(_: Received) -> Reply:
        done.wait(30)
        return 200

    receiver.answer = hang
    outcome = await slack.post(MESSAGE)
    done.set()
    assert not taken(outcome)
    assert outcome.error == "no answer within 0.3 s"
    await slack.aclose()


async def test_nobody_listens(slack: Slack, receiver: Receiver) -> None:
    """Is an error as well."""
    receiver.close()
    outcome = await slack.post(MESSAGE)
    assert outcome.status is None
    assert outcome.error
    await slack.aclose()


async def test_it_goes_where_the_guard_allows(receiver: Receiver) -> None:
    """Without the setting for tests, this machine is refused and hears nothing."""
    slack = Slack(GuardedClient(Guard()), receiver.url)
    outcome = await slack.post(MESSAGE)
    assert not taken(outcome)
    assert receiver.requests == []
    await slack.aclose()


def test_pauses_grow_and_then_stay() -> None:
    """So that it arrives soon after Slack is back, and Slack is left in peace."""
    refused = Outcome(status=500)
    pauses = [pause_seconds(tries, refused, chance=0.0) for tries in range(1, 10)]
    assert pauses[: len(DELAYS)] == list(DELAYS)
    assert set(pauses[len(DELAYS) :]) == {DELAYS[-1]}
    assert DELAYS[0] <= pause_seconds(1, refused) <= DELAYS[0] * 1.2


TEXTS = st.text(max_size=4_000)


@given(
    title=st.text(min_size=1, max_size=4_000),
    figures=st.lists(st.tuples(TEXTS, TEXTS, TEXTS), max_size=14),
    notes=st.lists(TEXTS, max_size=12),
)
def test_messages_stay_within_slacks_limits(
    title: str, figures: list[tuple[str, str, str]], notes: list[str]
) -> None:
    """Whatever is told: Slack refuses a whole message for one text that is too long or empty."""
    message = SlackMessage(
        title=title,
        subtitle=title,
        figures=tuple(SlackFigure(label=a, value=b, note=c) for a, b, c in figures),
        notes=tuple(notes),
        key="k",
    )
    for block in payload(message)["blocks"]:
        match block["type"]:
            case "header":
                assert 1 <= len(block["text"]["text"]) <= 150
            case "section":
                assert len(block.get("fields", ())) <= 10
                texts = [block["text"]["text"]] if "text" in block else []
                assert all(1 <= len(one) <= 3_000 for one in texts)
                fields = [one["text"] for one in block.get("fields", ())]
                assert all(1 <= len(one) <= 2_000 for one in fields)
            case "context":
                assert all(1 <= len(one["text"]) <= 2_000 for one in block["elements"])


@given(TEXTS)
def test_nothing_is_a_mention(text: str) -> None:
    """Nothing that stands in a report calls a whole channel."""
    assert not set("<>`*") & set(escaped(text))
