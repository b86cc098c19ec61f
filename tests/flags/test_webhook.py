"""GrowthBook's webhook is let in when it is theirs and of now, and otherwise not."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.errors import WebhookRefused
from plugins.flags.webhook import Signed, verify
from tests.support.growthbook import SECRET, flags_with, hook

NOW = 1_800_000_000.0


def signed(headers: dict[str, str]) -> Signed:
    """Return a webhook's proof."""
    return Signed(
        webhook_id=headers["webhook-id"],
        webhook_timestamp=headers["webhook-timestamp"],
        webhook_signature=headers["webhook-signature"],
    )


def test_a_webhook_of_theirs_is_let_in() -> None:
    """Also beside a signature with another secret, as while secrets are changed."""
    headers, body = hook(flags_with((0.5, 0.5)), at=NOW)
    verify(SECRET, signed(headers), body, NOW)
    headers["webhook-signature"] = "v1,AAAA " + headers["webhook-signature"]
    verify(SECRET, signed(headers), body, NOW + 299)


@given(st.data())
def test_whatever_was_changed_is_refused(data: st.DataObject) -> None:
    """One byte of the body, the id, the time or the signature is enough."""
    headers, body = hook(flags_with((0.5, 0.5)), at=NOW, name="the-hook")
    place = data.draw(st.sampled_from(["body", "webhook-id", "webhook-signature"]))
    if place == "body":
        at = data.draw(st.integers(0, len(body) - 1))
        body = body[:at] + bytes([body[at] ^ data.draw(st.integers(1, 255))]) + body[at + 1 :]
    else:
        text = headers[place]
        at = data.draw(st.integers(0, len(text) - 3))  # the last digits carry unused bits
        other = data.draw(st.sampled_from("abcXYZ019").filter(lambda one: one != text[at]))
        headers[place] = text[:at] + other + text[at + 1 :]
    with pytest.raises(WebhookRefused, match="signature"):
        verify(SECRET, signed(headers), body, NOW)


@pytest.mark.parametrize("late", [-301, 301, 86_400])
def test_an_old_or_early_webhook_is_refused(late: int) -> None:
    """Whoever recorded one cannot send it again another day."""
    headers, body = hook(flags_with((0.5, 0.5)), at=NOW)
    with pytest.raises(WebhookRefused, match="five minutes"):
        verify(SECRET, signed(headers), body, NOW + late)


def test_another_secret_is_refused() -> None:
    """A secret is of one connection."""
    headers, body = hook(flags_with((0.5, 0.5)), secret="wk_other", at=time.time())
    with pytest.raises(WebhookRefused):
        verify(SECRET, signed(headers), body, time.time())
