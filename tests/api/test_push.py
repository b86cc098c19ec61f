"""Web Push over HTTP: get the key, subscribe, be taken off."""

from typing import Any

import pytest

from app.notify.push import VapidKeys
from tests.support.api import BASE, Api, Case
from tests.support.browsers import Browser, padded, subscription
from tests.support.processes import StartInstance


def test_the_key_is_what_a_browser_takes(api: Api, tiny_settings: dict[str, str]) -> None:
    """A point of P-256, the one that belongs to the key of the settings."""
    answer = api.get("/push/key")
    assert answer.status == 200
    key = answer.json()["public_key"]
    private = tiny_settings["TRIAGE_VAPID_PRIVATE_KEY"]
    assert key == VapidKeys(private, "mailto:operator@example.org").public_key
    assert len(padded(key)) == 65


def test_a_browser_subscribes_and_is_taken_off(api: Api, case: Case) -> None:
    """The same address is the same subscription, and taking it off may be repeated."""
    path = f"/cases/{case.id}/push"
    first, second = (api.post(path, subscription(), case.token) for _ in range(2))
    assert first.status == second.status == 201
    name = first.json()["subscription"]
    assert second.json() == {"subscription": name}
    for query in (f"?subscription={name}", f"?subscription={name}", ""):
        answer = api.call("DELETE", BASE + path + query, token=case.token)
        assert (answer.status, answer.body) == (204, b"")


def test_a_case_tells_eight_browsers(api: Api, case: Case) -> None:
    """The ninth is refused until one is taken off."""
    path = f"/cases/{case.id}/push"

    def subscribe(number: int) -> int:
        value = subscription(endpoint=f"https://push.example.com/{number}")
        return api.post(path, value, case.token).status

    assert [subscribe(one) for one in range(9)] == [201] * 8 + [400]
    assert subscribe(3) == 201
    api.call("DELETE", BASE + path, token=case.token)
    assert subscribe(8) == 201


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"endpoint": "http://push.example.com/"}, "must begin with https://"),
        ({"endpoint": "http://127.0.0.1:8000/"}, "must begin with https://"),
        ({"endpoint": "https://169.254.169.254/latest"}, "169.254.169.254 is link-local"),
        ({"endpoint": "https://[::ffff:10.0.0.1]/"}, "IPv4 mapped into IPv6"),
        ({"endpoint": "https://localhost/"}, "not a full name"),
        ({"endpoint": "https://push.example.com:22/"}, "port 22 is not sent to"),
        ({"endpoint": ""}, "must look like https://"),
        ({"endpoint": "https://push.example.com/" + "x" * 2_100}, "at most 2048 characters"),
        ({"keys": {"p256dh": "A" * 87, "auth": "A" * 22}}, "keys.p256dh is not a point"),
        ({"keys": Browser().keys | {"auth": "!" * 22}}, "keys.auth is not 16 bytes"),
        ({"keys": {"p256dh": "A" * 87}}, '"auth" is missing'),
        ({"application": "x"}, '"application" is unknown'),
    ],
)
def test_what_cannot_be_sent_to_is_refused(
    api: Api, case: Case, change: dict[str, Any], said: str
) -> None:
    """With a sentence that says why."""
    answer = api.post(f"/cases/{case.id}/push", subscription() | change, case.token)
    assert answer.status == 400
    assert answer.json()["type"] == "urn:triage:problem:invalid-input"
    assert said in answer.json()["detail"]


def test_a_subscription_ends_with_its_case(api: Api) -> None:
    """After the case is erased nobody can be added or taken off."""
    case = api.start(locale="en")
    path = f"/cases/{case.id}/push"
    assert api.post(path, subscription(), case.token).status == 201
    assert api.call("DELETE", f"{BASE}/cases/{case.id}", token=case.token).status == 204
    assert api.post(path, subscription(), case.token).status == 404
    assert api.call("DELETE", BASE + path, token=case.token).status == 404


def test_without_keys_web_push_is_off(
    start_instance: StartInstance, tiny_settings: dict[str, str]
) -> None:
    """The problem says what is missing; everything else works."""
    env = {name: one for name, one in tiny_settings.items() if "VAPID" not in name}
    api = Api(start_instance(env=env).port)
    case = api.start(locale="en")
    for answer in (
        api.get("/push/key"),
        api.post(f"/cases/{case.id}/push", subscription(), case.token),
    ):
        assert answer.status == 404
        assert answer.json()["type"] == "urn:triage:problem:push-off"
        assert "triage keys vapid" in answer.json()["detail"]
