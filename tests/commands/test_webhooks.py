"""`triage webhooks` and `triage keys`: set up, try out, rotate, look at what became of it."""

import asyncio
import json
import stat
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import TypeVar

import pytest
from click.testing import CliRunner, Result
from msgspec.structs import replace

from app.cli import main
from app.commands.keys import made_vapid_key
from app.core.telling import seed_webhooks
from app.domain.errors import InvalidInput
from app.embedded import EmbeddedValkey
from app.notify.vapid import vapid_keys
from app.settings import Settings, read_settings
from app.state.conversations import ConversationStateManager
from app.state.store import Store
from app.state.webhooks import Webhooks
from tests.support.outboxes import notifier_on, told
from tests.support.processes import MASTER_KEYS
from tests.support.receivers import Receiver, receiving
from tests.support.sealed import store_at

T = TypeVar("T")
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"


class Operator:
    """Calls `triage` with an environment, as an operator does."""

    def __init__(self, env: dict[str, str]) -> None:
        """Keep the environment."""
        self.env = env

    def __call__(self, *args: str, code: int = 0) -> Result:
        """Call a command and check how it ends."""
        result = CliRunner().invoke(main, list(args), env=self.env)
        assert result.exit_code == code, (result.output, result.exception)
        return result

    def listed(self) -> list[dict[str, object]]:
        """Return the endpoints."""
        found: list[dict[str, object]] = json.loads(self("webhooks", "list", "--json").stdout)
        return found

    def added(self, url: str) -> tuple[str, str]:
        """Add an endpoint and return its id and secret."""
        first, second = self("webhooks", "add", url).stdout.splitlines()
        return first.removeprefix("added "), second.rpartition(" ")[2]


@pytest.fixture
def operator(empty_valkey: EmbeddedValkey, tmp_path: Path) -> Operator:
    """An operator of an installation that may send to this machine."""
    return Operator(
        {
            "TRIAGE_REDIS_URL": empty_valkey.url,
            "TRIAGE_VAR": str(tmp_path),
            "TRIAGE_MASTER_KEYS": MASTER_KEYS,
            "TRIAGE_WEBHOOKS_ALLOW_LOOPBACK": "1",
            "COLUMNS": "200",
        }
    )


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    """Somebody who receives."""
    with receiving() as made:
        yield made


def on_store(url: str, what: Callable[[Store], Awaitable[T]]) -> T:
    """Do something with the storage."""

    async def run() -> T:
        store = store_at(url)
        try:
            return await what(store)
        finally:
            await store.close()

    return asyncio.run(run())


def test_an_endpoint_is_added_listed_and_removed(operator: Operator, receiver: Receiver) -> None:
    """Its secret is shown once and never listed."""
    assert "No webhooks" in operator("webhooks", "list").stdout
    name, secret = operator.added(receiver.url)
    shown = operator("webhooks", "list").stdout
    assert name in shown
    assert receiver.url in shown
    assert "enabled" in shown
    assert secret not in shown + operator("webhooks", "list", "--json").stdout
    operator("webhooks", "remove", name)
    assert operator.listed() == []
    missing = operator("webhooks", "remove", name, code=1)
    assert missing.stderr == f"triage: there is no webhook {name}; see: triage webhooks list\n"


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("http://example.com/", "must begin with https://"),
        ("https://10.0.0.1/", "10.0.0.1 is private"),
        ("https://[::ffff:127.0.0.1]/", "IPv4 mapped into IPv6"),
        ("https://2130706433/", "not an address in its usual form"),
        ("https://user@example.com/", "without user"),
        ("https://example.com:8443/", "port 8443 is not sent to; allowed: 443"),
        ("https://nowhere.invalid/", "could not be resolved"),
        ("nonsense", "must look like https://"),
    ],
)
def test_an_address_that_is_not_sent_to_is_not_added(
    operator: Operator, url: str, said: str
) -> None:
    """One line says why."""
    result = operator("webhooks", "add", url, code=1)
    (line,) = result.stderr.splitlines()
    assert line.startswith("triage: ")
    assert said in line
    assert operator.listed() == []


def test_loopback_needs_the_setting(operator: Operator, receiver: Receiver) -> None:
    """Without it this machine is out of reach, for adding and for testing."""
    del operator.env["TRIAGE_WEBHOOKS_ALLOW_LOOPBACK"]
    operator("webhooks", "add", receiver.url, code=1)
    operator("webhooks", "test", receiver.url, "--secret", SECRET, code=1)
    assert receiver.requests == []


def test_other_ports_can_be_allowed(operator: Operator) -> None:
    """By the setting, which has to name ports."""
    operator.env["TRIAGE_WEBHOOK_PORTS"] = "443,8443"
    assert "is private" in operator("webhooks", "add", "https://10.0.0.1:8443/", code=1).stderr
    for value in ("0", "70000", "https", "443,"):
        operator.env["TRIAGE_WEBHOOK_PORTS"] = value
        result = operator("webhooks", "add", "https://10.0.0.1/", code=1)
        assert result.stderr.startswith("triage: TRIAGE_WEBHOOK_PORTS: ")


def test_an_address_is_added_once(operator: Operator, receiver: Receiver) -> None:
    """The second time names the first."""
    name, _ = operator.added(receiver.url)
    assert f"as {name}" in operator("webhooks", "add", receiver.url, code=1).stderr


def test_a_test_message_to_any_address(operator: Operator, receiver: Receiver) -> None:
    """It is signed with a secret that is printed, and looks like any other message."""
    result = operator("webhooks", "test", receiver.url)
    first, second = result.stdout.splitlines()
    (request,) = receiver.requests
    assert request.verified(first.removeprefix("signed with ")) == {
        "type": "webhook.test",
        "timestamp": json.loads(request.body)["timestamp"],
        "data": {"case_id": "0" * 32, "turn": 0, "status": "test"},
    }
    assert f"took {request.id}: status 204 after " in second


def test_a_test_message_to_an_endpoint(operator: Operator, receiver: Receiver) -> None:
    """By id or by address, its own secret signs."""
    name, secret = operator.added(receiver.url)
    operator("webhooks", "test", name)
    operator("webhooks", "test", receiver.url)
    operator("webhooks", "test", receiver.url, "--secret", SECRET)
    for request, used in zip(receiver.requests, (secret, secret, SECRET), strict=True):
        request.verified(used)
    assert len({one.id for one in receiver.requests}) == 3
    assert "there is no webhook wh_x" in operator("webhooks", "test", "wh_x", code=1).stderr


@pytest.mark.parametrize("status", [302, 400, 410, 500])
def test_a_test_message_that_is_not_taken_fails(
    operator: Operator, receiver: Receiver, status: int
) -> None:
    """With the status, without a second try, and without disabling anything."""
    name, _ = operator.added(receiver.url)
    receiver.answer = lambda _: status
    result = operator("webhooks", "test", name, code=1)
    assert f"answered with status {status}" in result.stderr
    assert len(receiver.requests) == 1
    assert operator.listed()[0]["disabled"] is None


def test_a_test_message_to_nobody_fails(operator: Operator) -> None:
    """With the reason."""
    with receiving() as closed:
        url = closed.url
    assert operator("webhooks", "test", url, code=1).stderr.startswith(f"triage: {url}: ")


def test_a_secret_is_rotated_in_two_steps(operator: Operator, receiver: Receiver) -> None:
    """Both sign until it is finished; steps out of order are refused."""
    name, old = operator.added(receiver.url)
    assert "not being rotated" in operator("webhooks", "rotate", name, "--finish", code=1).stderr
    new = operator("webhooks", "rotate", name).stdout.splitlines()[1].rpartition(" ")[2]
    assert "two: rotating" in operator("webhooks", "list").stdout
    assert "finish that first" in operator("webhooks", "rotate", name, code=1).stderr
    operator("webhooks", "test", name)
    operator("webhooks", "rotate", name, "--finish")
    operator("webhooks", "test", name)
    both, last = receiver.requests
    both.verified(old)
    both.verified(new)
    last.verified(new)
    with pytest.raises(Exception, match="No matching signature"):
        last.verified(old)
    operator("webhooks", "rotate", name, "--finish", "--secret", SECRET, code=2)


def test_secrets_of_ones_own_are_taken(operator: Operator, receiver: Receiver) -> None:
    """If they are ones; they are not printed again."""
    result = operator("webhooks", "add", receiver.url, "--secret", SECRET)
    assert SECRET not in result.output
    name = result.stdout.split()[1]
    operator("webhooks", "test", name)
    receiver.requests[0].verified(SECRET)
    bad = operator("webhooks", "rotate", name, "--secret", "hunter2hunter2", code=1)
    assert "whsec_" in bad.stderr
    assert "hunter2" not in bad.stderr


def test_a_disabled_endpoint_is_enabled(operator: Operator, receiver: Receiver) -> None:
    """The list says why it was disabled."""
    name, _ = operator.added(receiver.url)

    async def disable(store: Store) -> None:
        held = await Webhooks(store).get(name)
        await Webhooks(store).replace(held, replace(held, disabled="it answered 410 Gone"))

    on_store(operator.env["TRIAGE_REDIS_URL"], disable)
    assert "disabled: it answered 410 Gone" in operator("webhooks", "list").stdout
    operator("webhooks", "enable", name)
    assert operator.listed()[0]["disabled"] is None


def test_deliveries_are_shown(operator: Operator, receiver: Receiver) -> None:
    """What waits, what was taken, what was given up, each with its reason."""
    assert operator("webhooks", "deliveries").stdout == "Nothing is waiting.\n"
    assert operator("webhooks", "deliveries", "--failed").stdout == "None.\n"
    name, _ = operator.added(receiver.url)
    receiver.answer = lambda one: 204 if one.id == good else 503
    good = ""

    async def send(store: Store) -> list[str]:
        nonlocal good
        conversations = ConversationStateManager(store, "one")
        notes = [await told(conversations) for _ in range(3)]
        good = notes[0].id
        for note, delays in zip(notes, ((), (), (3_600.0,)), strict=True):
            async with notifier_on(store, webhook_delays=delays) as notifier:
                await notifier.deliver(note.case_id)
        return [one.id for one in notes]

    names = on_store(operator.env["TRIAGE_REDIS_URL"], send)
    for option, message, why in (
        ("--delivered", names[0], "delivered"),
        ("--failed", names[1], "it answered with status 503"),
        (None, names[2], "it answered with status 503"),
    ):
        args = ["webhooks", "deliveries", *([option] if option else [])]
        shown = operator(*args).stdout
        assert message in shown
        assert why in shown
        (row,) = json.loads(operator(*args, "--json").stdout)
        assert (row["notification"]["id"], row["target"], row["attempts"]) == (message, name, 1)
    operator("webhooks", "deliveries", "--failed", "--delivered", code=2)


def seeded(url: str, **values: str) -> list[tuple[str, str, int]]:
    """Start as a worker does with these settings; returns id, address and secrets of all."""
    settings = read_settings({"TRIAGE_WEBHOOKS_ALLOW_LOOPBACK": "1", **values})

    async def seed(store: Store) -> list[tuple[str, str, int]]:
        await seed_webhooks(settings, Webhooks(store))
        found = await Webhooks(store).all()
        return [(one.id, one.url, len(one.secrets)) for one in found.values()]

    return on_store(url, seed)


def test_an_endpoint_comes_from_the_settings(operator: Operator) -> None:
    """It is kept under a fixed id, follows the settings, and is rotated there."""
    url = operator.env["TRIAGE_REDIS_URL"]
    assert seeded(url) == []
    one = {"TRIAGE_WEBHOOK_URL": "http://localhost:1/a", "TRIAGE_WEBHOOK_SECRET": SECRET}
    for _ in range(2):
        assert seeded(url, **one) == [("env", "http://localhost:1/a", 1)]
    two = {**one, "TRIAGE_WEBHOOK_SECRET": f"{SECRET} {SECRET[:-1]}x"}
    assert seeded(url, **two) == [("env", "http://localhost:1/a", 2)]
    moved = {**two, "TRIAGE_WEBHOOK_URL": "http://localhost:1/b"}
    assert seeded(url, **moved) == [("env", "http://localhost:1/b", 2)]
    assert "TRIAGE_WEBHOOK_SECRET" in operator("webhooks", "rotate", "env", code=1).stderr
    assert "brings it back" in operator("webhooks", "remove", "env").stderr


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"TRIAGE_WEBHOOK_URL": "https://example.com/"}, "belong together"),
        ({"TRIAGE_WEBHOOK_SECRET": SECRET}, "belong together"),
        ({"TRIAGE_WEBHOOK_URL": "https://10.0.0.1/", "TRIAGE_WEBHOOK_SECRET": SECRET}, "private"),
        ({"TRIAGE_WEBHOOK_URL": "https://a.example/", "TRIAGE_WEBHOOK_SECRET": "x"}, "whsec_"),
        (
            {
                "TRIAGE_WEBHOOK_URL": "https://a.example/",
                "TRIAGE_WEBHOOK_SECRET": " ".join([SECRET] * 3),
            },
            "at most two",
        ),
    ],
)
def test_settings_that_cannot_be_used_are_refused(
    operator: Operator, values: dict[str, str], said: str
) -> None:
    """A worker says so rather than staying silent for ever."""
    with pytest.raises(InvalidInput, match=said):
        seeded(operator.env["TRIAGE_REDIS_URL"], **values)


def test_an_endpoint_that_said_gone_stays_disabled(operator: Operator) -> None:
    """A restart does not enable it; another address does."""
    url = operator.env["TRIAGE_REDIS_URL"]
    values = {"TRIAGE_WEBHOOK_URL": "http://localhost:1/a", "TRIAGE_WEBHOOK_SECRET": SECRET}
    seeded(url, **values)

    async def disable(store: Store) -> None:
        held = await Webhooks(store).get("env")
        await Webhooks(store).replace(held, replace(held, disabled="it answered 410 Gone"))

    on_store(url, disable)
    seeded(url, **{**values, "TRIAGE_WEBHOOK_SECRET": SECRET[:-1] + "x"})
    assert operator.listed()[0]["disabled"] == "it answered 410 Gone"
    seeded(url, **{**values, "TRIAGE_WEBHOOK_URL": "http://localhost:1/b"})
    assert operator.listed()[0]["disabled"] is None


def test_keys_for_web_push_are_made_once(operator: Operator, tmp_path: Path) -> None:
    """In a file that only its owner reads, and not replaced unless that is meant."""
    result = operator("keys", "vapid", "--subject", "mailto:ops@example.org")
    path = tmp_path / "vapid.json"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    kept = json.loads(path.read_text())
    assert kept["subject"] == "mailto:ops@example.org"
    assert kept["public_key"] in result.stdout
    assert kept["private_key"] not in result.output
    assert "--force replaces it" in operator("keys", "vapid", code=1).stderr
    assert json.loads(path.read_text()) == kept
    operator("keys", "vapid", "--force")
    assert json.loads(path.read_text())["private_key"] != kept["private_key"]


def test_keys_can_be_printed_as_settings(operator: Operator, tmp_path: Path) -> None:
    """What is printed is taken as it stands, and nothing is written."""
    lines = operator("keys", "vapid", "--print").stdout.splitlines()
    values = dict(one.split("=", 1) for one in lines)
    assert set(values) == {"TRIAGE_VAPID_PRIVATE_KEY", "TRIAGE_VAPID_SUBJECT"}
    assert vapid_keys(read_settings(values)) is not None
    assert list(tmp_path.iterdir()) == []
    result = operator("keys", "vapid", "--print", "--subject", "me", code=1)
    assert "mailto:you@example.org" in result.stderr


def test_kept_keys_are_used_unless_others_are_set(tmp_path: Path) -> None:
    """By every process with the same folder; a file that is damaged is not passed over."""
    settings = Settings(var=tmp_path)
    assert vapid_keys(settings) is None
    handed_on = made_vapid_key(settings)
    assert handed_on == made_vapid_key(settings)
    kept, given = vapid_keys(settings), vapid_keys(read_settings(handed_on))
    assert kept is not None
    assert given is not None
    assert kept.public_key == given.public_key
    assert made_vapid_key(replace(settings, vapid_private_key="x")) == {}
    other = vapid_keys(replace(settings, vapid_subject="mailto:other@example.org"))
    assert other is not None
    assert other.subject == "mailto:other@example.org"
    (tmp_path / "vapid.json").write_text("{}")
    with pytest.raises(InvalidInput, match=r"vapid\.json"):
        vapid_keys(settings)
