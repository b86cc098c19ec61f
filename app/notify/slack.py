"""Tells a Slack channel something by its incoming webhook, in blocks that read well on a telephone.

Slack takes a message once it has answered 200, and knows no ids by which it would drop a second
one. So what is tried again after no answer came may, rarely, appear twice; the key in a message's
last line tells that it is the same.
"""

import random
from typing import Any

import msgspec
from msgspec import Struct

from app.domain.errors import InvalidInput
from app.notify.client import GuardedClient, NotSent
from app.notify.retrying import LONGEST_SECONDS, Outcome

DELAYS = (5.0, 30.0, 120.0, 600.0, 1_800.0, 3_600.0)
"""Seconds between one attempt and the next; the last one for ever."""
_JITTER = 0.2
_MOST_TITLE = 150
_MOST_FIGURES = 10
"""Slack's limits: characters of a header, fields of a section."""
_MOST_LINE = 500
_MOST_NOTES = 5
"""Ours, within Slack's 2,000 characters of a field and 3,000 of a text."""

_encode = msgspec.json.Encoder().encode


class SlackFigure(Struct, frozen=True, kw_only=True):
    """One figure."""

    label: str
    value: str
    note: str = ""


class SlackMessage(Struct, frozen=True, kw_only=True):
    """What is told; plain texts all of it."""

    title: str
    subtitle: str
    figures: tuple[SlackFigure, ...] = ()
    notes: tuple[str, ...] = ()
    link_text: str = ""
    place: str = ""
    """Where there is more: an address of the web, or the path of a file."""
    key: str
    """The same for the same message."""


class Slack:
    """A channel."""

    def __init__(self, client: GuardedClient, url: str) -> None:
        """Take the way out and the webhook's address, which is a secret."""
        self._client = client
        self._url = url

    async def aclose(self) -> None:
        """Close what is open."""
        await self._client.aclose()

    async def post(self, message: SlackMessage) -> Outcome:
        """Try once; says how it went and never repeats the webhook's address."""
        headers = {"Content-Type": "application/json; charset=utf-8"}
        try:
            answer = await self._client.post(self._url, headers, _encode(payload(message)))
        except (InvalidInput, NotSent) as error:
            return Outcome(error=str(error))
        refusal = None if answer.accepted else f"Slack answered with status {answer.status}"
        return Outcome(status=answer.status, error=refusal, retry_after=answer.retry_after)


def taken(outcome: Outcome) -> bool:
    """Say whether Slack has taken the message."""
    return outcome.status is not None and 200 <= outcome.status < 300


def pause_seconds(tries: int, outcome: Outcome, *, chance: float | None = None) -> float:
    """Return how long to wait after so many attempts, the last of which went like this.

    Args:
        tries: attempts so far, from 1 on.
        outcome: of the last one; a longer wait that Slack asks for is kept.
        chance: from 0 to 1; spreads what failed together. Drawn by default.
    """
    drawn = random.random() if chance is None else chance  # noqa: S311 - nothing secret
    seconds = DELAYS[min(tries, len(DELAYS)) - 1] * (1 + _JITTER * drawn)
    return max(seconds, min(outcome.retry_after or 0.0, LONGEST_SECONDS))


def payload(message: SlackMessage) -> dict[str, Any]:
    """Return a message as Slack's Block Kit has it, with a text for notifications.

    >>> payload(SlackMessage(title="A & B", subtitle="", key="k"))["text"]
    'A &amp; B'
    """
    blocks: list[dict[str, Any]] = [
        {"type": "header", "text": _plain(message.title[:_MOST_TITLE])},
    ]
    if message.subtitle:
        blocks.append({"type": "context", "elements": [_marked(escaped(message.subtitle))]})
    if message.figures:
        fields = [_marked(_figure(one)) for one in message.figures[:_MOST_FIGURES]]
        blocks.append({"type": "section", "fields": fields})
    if message.notes:
        lines = "\n".join(f"• {escaped(one)}" for one in message.notes[:_MOST_NOTES])
        blocks.append({"type": "section", "text": _marked(lines)})
    last = [one for one in (_place(message), f"`{escaped(message.key)}`") if one]
    blocks.append({"type": "context", "elements": [_marked(" · ".join(last))]})
    return {"text": _summary(message), "blocks": blocks}


def escaped(text: str) -> str:
    """Return a text, cut to a line, in which nothing is a mention, a link or a command to Slack.

    >>> escaped("<!channel> *a* `b`")
    '&lt;!channel&gt; ∗a∗ ʼbʼ'
    """
    marks = {"&": "&amp;", "<": "&lt;", ">": "&gt;", "*": "∗", "`": "ʼ", "~": "∼"}
    found, length = [], 0
    for character in text:
        written = marks.get(character, character)
        length += len(written)
        if length > _MOST_LINE:
            break
        found.append(written)
    return "".join(found)


def _summary(message: SlackMessage) -> str:
    first = message.figures[:2]
    figures = "; ".join(f"{one.label} {one.value}" for one in first)
    return escaped(": ".join(part for part in (message.title, figures) if part))


def _figure(figure: SlackFigure) -> str:
    lines = [escaped(figure.label), f"*{escaped(figure.value)}*"]
    if figure.note:
        lines.append(escaped(figure.note))
    return "\n".join(lines)


def _place(message: SlackMessage) -> str:
    if not message.place:
        return ""
    if message.place.startswith(("https://", "http://")):
        return f"<{message.place}|{escaped(message.link_text)}>"
    return f"{escaped(message.link_text)}: `{_coded(message.place)}`"


def _coded(text: str) -> str:
    """Return a text as it stands in code, where only three characters mean anything."""
    return text.replace("`", "ʼ").replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _plain(text: str) -> dict[str, Any]:
    return {"type": "plain_text", "text": text, "emoji": False}


def _marked(text: str) -> dict[str, str]:
    return {"type": "mrkdwn", "text": text}
