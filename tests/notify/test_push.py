"""Web Push: only the browser can read it, and its push service knows who sent it."""

import json
import time

import pytest
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric import ec
from hypothesis import given
from hypothesis import strategies as st

from app.domain.delivery import PushSubscription
from app.domain.errors import InvalidInput
from app.domain.notification import Notification
from app.notify.push import (
    VapidKeys,
    check_browser_keys,
    new_private_key,
    push_body,
    push_headers,
)
from tests.support.browsers import Browser, claims_of, padded, unpadded

NOTE = Notification(id="msg_x", kind="analysis.completed", case_id="c1", turn=3, at=0)
SUBJECT = "mailto:operator@example.org"


def subscription(browser: Browser) -> PushSubscription:
    """Return a browser's subscription."""
    return PushSubscription(id="s", endpoint="https://push.example.com/x", **browser.keys)


def test_the_browser_of_these_tests_reads_the_published_example() -> None:
    """RFC 8291, section 5: so what it reads below is what the standard says."""
    number = int.from_bytes(padded("q1dXpw3UpT5VOmu_cf_v6ih07Aems3njxI-JWgLcM94"))
    browser = Browser(
        ec.derive_private_key(number, ec.SECP256R1()), padded("BTBZMqHH6r4Tts7J_aSIgg")
    )
    content = padded(
        "DGv6ra1nlYgDCS1FRnbzlwAAEABBBP4z9KsN6nGRTbVYI_c7VJSPQTBtkgcy27ml"
        "mlMoZIIgDll6e3vCYLocInmYWAmS6TlzAC8wEqKK6PBru3jl7A_yl95bQpu6cVPT"
        "pK4Mqgkf1CXztLVBSt2Ks3oZwbuwXPXLWyouBWLVWGNWQexSgSxsj_Qulcy4a-fN"
    )
    assert browser.read(content) == b"When I grow up, I want to be a watermelon"


def test_a_browser_is_told_ids_and_nothing_else() -> None:
    """The case and what happened, encrypted anew each time."""
    browser = Browser()
    first, second = (push_body(NOTE, subscription(browser)) for _ in range(2))
    assert first != second
    for content in (first, second):
        assert json.loads(browser.read(content)) == {"case_id": "c1", "kind": NOTE.kind}
        assert b"c1" not in content


def test_no_other_browser_can_read_it() -> None:
    """Neither with another key nor with another secret."""
    browser = Browser()
    content = push_body(NOTE, subscription(browser))
    with pytest.raises(InvalidTag):
        Browser().read(content)


def test_the_push_service_knows_who_sends() -> None:
    """A token of ours for its origin, good for less than a day, and the headers it wants."""
    keys = VapidKeys(new_private_key(), SUBJECT)
    headers = push_headers(keys, "https://push.example.com")
    claims = claims_of(headers["Authorization"], keys.public_key)
    assert claims["aud"] == "https://push.example.com"
    assert claims["sub"] == SUBJECT
    assert 0 < claims["exp"] - time.time() <= 86_400
    assert headers["Content-Encoding"] == "aes128gcm"
    assert int(headers["TTL"]) > 0


def test_keys_are_read_back_as_they_were_made() -> None:
    """The public key follows from the private one and is what browsers take."""
    private = new_private_key()
    first, second = VapidKeys(private, SUBJECT), VapidKeys(private, SUBJECT)
    assert first.public_key == second.public_key
    assert len(padded(first.public_key)) == 65
    assert padded(first.public_key)[0] == 4


@pytest.mark.parametrize(
    "private", ["", "x", "A" * 43, unpadded(b"\xff" * 32), unpadded(b"\x01" * 31), "é" * 43]
)
def test_what_is_no_private_key_is_refused(private: str) -> None:
    """Zero and numbers beyond the curve's order are none."""
    with pytest.raises(InvalidInput, match="TRIAGE_VAPID_PRIVATE_KEY"):
        VapidKeys(private, SUBJECT)


@pytest.mark.parametrize("subject", ["", "operator", "http://example.org", "mailto:"])
def test_a_subject_is_somebody_who_can_be_written_to(subject: str) -> None:
    """Push services refuse others, so they are refused at the start."""
    with pytest.raises(InvalidInput, match="TRIAGE_VAPID_SUBJECT"):
        VapidKeys(new_private_key(), subject)


@given(st.binary(max_size=70), st.binary(max_size=20))
def test_browser_keys_are_checked(point: bytes, secret: bytes) -> None:
    """What is no point of the curve, or no 16 bytes, is refused by its name."""
    good = Browser().keys
    with pytest.raises(InvalidInput, match=r"keys\.p256dh"):
        check_browser_keys(unpadded(b"\x05" + point), good["auth"])
    if len(secret) == 16:
        check_browser_keys(good["p256dh"], unpadded(secret))
    else:
        with pytest.raises(InvalidInput, match=r"keys\.auth"):
            check_browser_keys(good["p256dh"], unpadded(secret))
