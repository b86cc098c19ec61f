"""Sealing in real processes: nothing of a journey can be read, and rotating stops nobody."""

import asyncio
import contextlib
import hashlib
import json
import subprocess
import threading
import time
import zlib
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
import zstandard

from app.core.intake import fingerprint
from app.domain.case import Say
from app.domain.delivery import PushSubscription, WebhookEndpoint
from app.domain.sealing import read_ring
from app.domain.sealing_frames import FRAMES
from app.embedded import EmbeddedValkey
from app.state.conversations import ConversationStateManager
from app.state.keys import MASTERS
from app.state.masters import MasterBook
from app.state.outbox import Outbox
from app.state.sealing import Sealer
from app.state.store import Store
from app.state.webhooks import Webhooks
from tests.support.api import OPERATOR_TOKEN, Api, Case
from tests.support.cases import TOKEN_HASH, case_state
from tests.support.processes import Program, counted, environment, instances, triage
from tests.support.sealed import store_at
from tests.support.valkey import Wire
from tests.support.waiting import until

WORDS = ("zumbivarela", "krandopexo", "quelmitrava", "jorvandilo", "pexunatiba")
STORY = f"Water drips from my ceiling since yesterday, {WORDS[0]} says, at {WORDS[1]} street."
_READ: dict[bytes, Callable[[bytes], tuple[Any, ...]]] = {
    b"string": lambda key: ("GET", key),
    b"hash": lambda key: ("HGETALL", key),
    b"list": lambda key: ("LRANGE", key, 0, -1),
    b"set": lambda key: ("SMEMBERS", key),
    b"zset": lambda key: ("ZRANGE", key, 0, -1),
    b"stream": lambda key: ("XRANGE", key, "-", "+"),
}


async def everything(store: Store) -> list[bytes]:
    """Return every name and every value of the storage."""
    names = await store.command("KEYS", "*")
    kinds = await store.commands(("TYPE", one) for one in names)
    read = [_READ[kind](name) for name, kind in zip(names, kinds, strict=True) if kind != b"none"]
    return list(flat([names, await store.commands(read)]))


def flat(value: Any) -> Iterator[bytes]:
    """Yield every string in an answer."""
    if isinstance(value, bytes):
        yield value
    elif isinstance(value, dict):
        for pair in value.items():
            yield from flat(pair)
    elif isinstance(value, (list, tuple, set)):
        for one in value:
            yield from flat(one)


def readable(data: bytes) -> bytes:
    """Return a value, and what it would be if it were only compressed."""
    found = [data]
    frames = zstandard.ZstdCompressionDict(FRAMES, dict_type=zstandard.DICT_TYPE_RAWCONTENT)
    at = data.find(b"\x28\xb5\x2f\xfd")
    while at >= 0:
        for dictionary in (frames, None):
            try:
                unpack = zstandard.ZstdDecompressor(dict_data=dictionary)
                found.append(unpack.decompress(data[at:], max_output_size=1 << 20))
            except zstandard.ZstdError:
                continue
        at = data.find(b"\x28\xb5\x2f\xfd", at + 1)
    if data[:1] == b"\x78":
        with contextlib.suppress(zlib.error):
            found.append(zlib.decompress(data))
    return b" ".join(found)


def journey(api: Api) -> Case:
    """Go a whole way: talk, correct, ask for a human, be answered, conclude, rate, be reviewed."""
    case = api.start(locale="en", user_ref=WORDS[4], attributes={"source": "x"})
    assert api.say(case, STORY).status == 200
    assert api.talk(case, f"It was {WORDS[2]} who told me.")[-1].event == "turn.completed"
    ask = {"reason": f"I want {WORDS[2]}"}
    assert api.post(f"/cases/{case.id}/handoff", ask, case.token, key="ask").status == 200
    for act, more in (("take", {}), ("reply", {"text": f"Hello, {WORDS[3]} here"})):
        body = {"operator": "Ana", **more}
        path = f"/operator/cases/{case.id}/{act}"
        assert api.post(path, body, OPERATOR_TOKEN, key=act).status == 200, act
    back = api.post(
        f"/operator/cases/{case.id}/return", {"operator": "Ana"}, OPERATOR_TOKEN, key="return"
    )
    assert back.status == 200
    done = api.post("/force-complete", {"case_id": case.id}, case.token, key=uuid4().hex)
    assert done.status == 200
    rating = {"score": 9, "comment": f"thanks to {WORDS[3]}"}
    assert api.post(f"/cases/{case.id}/rating", rating, case.token).status in {200, 204}
    code = done.json()["analysis"]["classification"]["code"]
    review = {"reviewer": "Ana", "code": code, "note": f"see {WORDS[2]}"}
    assert api.post(f"/operator/cases/{case.id}/reviews", review, OPERATOR_TOKEN).status < 300
    assert api.say(api.start(locale="en"), f"{WORDS[0]} waits still").status == 200
    return case


async def test_no_word_of_a_journey_is_found_in_the_storage(
    own_valkey: EmbeddedValkey, tmp_path: Path
) -> None:
    """Neither in a name nor in a value, nor as a digest that could be guessed, nor on the disk."""
    secret = f"whsec_{WORDS[3]}{'A' * 30}"
    with instances(own_valkey.url, tmp_path) as start:
        env = {"TRIAGE_OPERATOR_TOKEN": OPERATOR_TOKEN, "TRIAGE_CACHE": "near"}
        case = await asyncio.to_thread(journey, Api(start(env=env).port))
    store = store_at(own_valkey.url)
    hook = WebhookEndpoint(id="w", url="https://example.com/x", secrets=(secret,), created_at=1)
    await Webhooks(store).add(hook)
    browser = PushSubscription(id="b", endpoint=f"https://p/{WORDS[1]}", p256dh="p", auth="a")
    await Outbox(store).subscribe(case.id, browser)
    held = await everything(store)
    # What is there is there for who has the keys.
    conversations = ConversationStateManager(store, "reader")
    assert WORDS[0] in repr(await conversations.turns(case.id))
    assert (await Webhooks(store).get("w")) == hook
    await store.command("BGREWRITEAOF")
    files = [one for one in own_valkey.folder.rglob("*") if one.is_file()]
    await store.close()
    digests = [hashlib.sha256(STORY.encode()).hexdigest(), fingerprint(Say(text=STORY))]
    looked_for = [one.encode() for one in (*WORDS, secret, *digests)]
    assert len(held) > 50
    for value in [*held, *(one.read_bytes() for one in files if one.exists())]:
        shown = readable(value)
        assert [one for one in looked_for if one in shown] == [], value[:200]


def test_a_process_with_another_ring_does_not_start(
    own_valkey: EmbeddedValkey, tmp_path: Path
) -> None:
    """It says which key it lacks and what to do, and nothing is sealed by it."""
    with instances(own_valkey.url, tmp_path) as start:
        Api(start().port).start(locale="en")
        other = run({}, "new-master").stdout.strip()
        settings = {"TRIAGE_REDIS_URL": own_valkey.url, "TRIAGE_VAR": str(tmp_path)}
        env = environment(**settings, TRIAGE_MASTER_KEYS=other)
        for command in ("serve", "worker"):
            stranger = Program(command, triage(command), env, tmp_path / f"{command}.log")
            try:
                assert stranger.wait_ended() != 0
                assert "not the ring of master keys" in stranger.output()
                assert "TRIAGE_MASTER_KEYS_FILE" in stranger.output()
            finally:
                stranger.close()
        refused = run({**settings, "TRIAGE_MASTER_KEYS": other}, "masters", status=1)
        assert "not the ring of master keys" in refused.stderr


MANY = 2_000


@pytest.fixture
def ring(tmp_path: Path) -> Path:
    """A ring in a file that all processes share."""
    path = tmp_path / "ring" / "master.keys"
    path.parent.mkdir()
    path.write_text(run({}, "new-master").stdout)
    return path


def test_the_master_key_is_rotated_under_traffic(
    own_valkey: EmbeddedValkey, tmp_path: Path, ring: Path
) -> None:
    """Two instances serve every request while it is, also where the rotating process is killed."""
    first = read_ring(ring.read_text()).first.id
    settings = {
        "TRIAGE_REDIS_URL": own_valkey.url,
        "TRIAGE_VAR": str(tmp_path),
        "TRIAGE_MASTER_KEYS": "",
        "TRIAGE_MASTER_KEYS_FILE": str(ring),
    }
    with instances(own_valkey.url, tmp_path) as start:
        apis = [Api(start(env=settings).port) for _ in range(2)]
        asyncio.run(_opened(own_valkey.url, ring.read_text(), MANY))
        talkers = [Talker(one, apis) for one in apis]
        command, env = triage("keys", "rotate-master"), environment(**settings)
        rotating = Program("rotating", command, env, tmp_path / "rotating.log")
        with Wire(own_valkey.socket) as wire:
            try:
                # As soon as another key wraps, it is in the middle of wrapping the others.
                rotating.wait_until(lambda: wire.call("HGET", MASTERS, "current") != first.encode())
                rotating.kill()
            finally:
                rotating.close()
            second = (wire.call("HGET", MASTERS, "current") or b"").decode()
        resumed = run(settings, "rotate-master", "--drop-old")
        assert f"{second} wraps everything" in resumed.stdout
        assert f"forgotten: {first}" in resumed.stdout
        for one in talkers:
            one.stop()
        wraps = {one["id"]: one["wraps"] for one in _masters(settings)}
        assert set(wraps) == {second}
        assert wraps[second] >= MANY
        assert list(read_ring(ring.read_text()).masters) == [second]
        said = sum((one.statuses for one in talkers), Counter())
        assert set(said) == {200}, said
        assert all(one.rounds >= 2 for one in talkers)
        # Cases of before, of meanwhile and of now are read on by both, and by one that starts now.
        late = Api(start(env=settings).port)
        for talker in talkers:
            for api in (*apis, late):
                for case in (talker.cases[0], talker.cases[-1]):
                    assert api.say(case, "And then it stopped.").status == 200


class Talker:
    """Opens cases and talks in them, at one instance and then at the other, until it is stopped."""

    def __init__(self, api: Api, apis: list[Api]) -> None:
        """Begin; returns once the first conversation goes on."""
        self.statuses: Counter[int] = Counter()
        self.cases: list[Case] = []
        self.rounds = 0
        self._api, self._apis = api, apis
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self._thread.start()
        until(lambda: self.rounds > 0, "nobody is answered")

    def stop(self) -> None:
        """End it after a last conversation."""
        rounds = self.rounds
        until(lambda: self.rounds > rounds or not self._thread.is_alive(), "nobody is answered")
        self._stopping.set()
        self._thread.join(60)
        assert not self._thread.is_alive()

    def _run(self) -> None:
        while not self._stopping.is_set():
            self.cases.append(self._api.start(locale="en"))
            for case in (self.cases[0], self.cases[-1]):
                for api in self._apis:
                    text = f"Water drips, number {self.rounds}, at {time.monotonic_ns()}"
                    if self.rounds < 20 or case is not self.cases[0]:
                        self.statuses[api.say(case, text).status] += 1
            self.rounds += 1


async def _opened(url: str, ring: str, count: int) -> None:
    store = Store(url, sealer=Sealer(read_ring(ring)))
    store.sealer.master = await MasterBook(store).check(store.sealer.ring)
    conversations = ConversationStateManager(store, "filler")
    for at in range(0, count, 50):
        await asyncio.gather(
            *(
                conversations.start(case_state(), token_hash=TOKEN_HASH, cap=9, ttl=3_600)
                for _ in range(min(50, count - at))
            )
        )
    await store.close()


def _masters(settings: dict[str, str]) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(run(settings, "masters", "--json").stdout)
    return found


def run(settings: dict[str, str], *args: str, status: int = 0) -> subprocess.CompletedProcess[str]:
    """Run `triage keys`."""
    done = subprocess.run(
        triage("keys", *args),
        env=counted(environment(**settings)),
        capture_output=True,
        text=True,
        timeout=180,
        check=False,
    )
    assert done.returncode == status, done
    return done
