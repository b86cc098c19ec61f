"""Canary secrets: words that were put in everywhere, and looked for in all that processes write.

Persons say them, operators write them, keys are made of them, and providers repeat them in each of
their failures, at the level `debug`. They may stand in the storage's values, sealed, and nowhere
else.
"""

import re
import secrets
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from uuid import uuid4

import duckdb
import pytest

from app.embedded import EmbeddedValkey
from tests.faults.conftest import Show
from tests.support.api import BASE, Answer, Api, Case
from tests.support.echoing import echoing_provider
from tests.support.fleet import Fleet, fleet, parent
from tests.support.listener import AWAY
from tests.support.proofs import rounds, write_proof_playbooks
from tests.support.receivers import receiving
from tests.support.valkey import Wire
from tests.support.waiting import until

INSTANCES = 3
KEY_FILES = {"access-secret", "master.keys", "vapid.key"}
"""Files whose whole purpose is to hold a key; they are closed to others."""


class Canaries:
    """Secrets by what they are, each of which is nowhere else in the world."""

    def __init__(self) -> None:
        """Make them up."""
        word = secrets.token_hex(6)
        digits = f"{secrets.randbelow(10**9):09d}"
        self.known: dict[str, str] = {
            "OpenAI's key": f"sk-canary-{secrets.token_hex(16)}",
            "Anthropic's key": f"sk-ant-canary-{secrets.token_hex(16)}",
            "operators' token": f"operators-canary-{secrets.token_hex(12)}",
            "webhook secret": "whsec_" + secrets.token_hex(24),
            "words": f"lobster{word}",
            "CPF": f"{digits[:3]}.{digits[3:6]}.{digits[6:]}-00",
            "e-mail": f"maria.{word}@example.com",
            "reason": f"walrus{word}",
            "fact": f"pelican{word}",
            "user": f"user-{word}-ref",
            "wrong token": f"wrong-{secrets.token_hex(16)}",
            "broken body": f"gecko{word}",
            "answer": f"heron{word}",
        }

    def __getitem__(self, name: str) -> str:
        """Return one."""
        return self.known[name]

    def add(self, name: str, value: str) -> None:
        """Take another one in."""
        assert len(value) >= 12, name
        self.known[name] = value

    def found_in(self, data: bytes) -> list[str]:
        """Return which of them stand in what was written."""
        return [name for name, one in self.known.items() if one.encode() in data]


class Journey:
    """Somebody who tells secrets in every way there is, with all that can go wrong."""

    def __init__(self, api: Api, canaries: Canaries) -> None:
        """Begin at an instance."""
        self.api = api
        self._canaries = canaries
        self.refusals: list[Answer] = []
        self.case = Case("", "")
        self.sent = 0

    def go(self, number: int) -> None:
        """Do all of it once."""
        c = self._canaries
        # A user may be given the form, which asks no provider; whoever is nobody has the interview.
        who = {"user_ref": c["user"]} if number % INSTANCES == 0 else {}
        opened = self.api.post("/start", {"locale": "en", **who})
        assert opened.status == 201, opened
        case = self.case = Case(opened.json()["case_id"], opened.json()["case_token"])
        c.add(f"token of case {number}", case.token)
        said = f"My {c['words']} leaks, I am {c['CPF']}, write to {c['e-mail']}. {number}"
        assert self.api.say(case, said).status in {200, 202}
        cases = f"/cases/{case.id}"
        key = uuid4().hex
        self._taken(f"{cases}/facts", {"slot": "place", "value": c["fact"]}, case.token, key)
        self._taken(f"{cases}/handoff", {"reason": c["reason"]}, case.token, uuid4().hex)
        made = self._taken("/operator/keys", {"name": "K", "scopes": ["intake"]}, self._operators)
        c.add(f"API key {number}", made.json()["token"])
        taken = {"operator": f"Ana {c['answer']}"}
        self._ask("POST", f"/operator/cases/{case.id}/take", taken, self._operators)
        self._wrong(case, said)
        self._taken("/force-complete", {"case_id": case.id}, case.token, uuid4().hex)

    @property
    def _operators(self) -> str:
        return self._canaries["operators' token"]

    def _wrong(self, case: Case, said: str) -> None:
        """Ask for what cannot be; all of it is refused."""
        c = self._canaries
        broken = c["broken body"]
        wrong = c["wrong token"]
        cases = f"/cases/{case.id}"
        key = uuid4().hex
        assert self.api.say(case, said, Idempotency_Key=key).status in {200, 202}
        self._refused("POST", "/continue", {"case_id": case.id, "message": broken}, case.token, key)
        self._refused("GET", f"/status/{case.id}", None, wrong)
        self._refused("GET", "/operator/cases", None, wrong)
        self._refused("GET", "/operator/cases", None, case.token)
        self._refused("POST", "/start", {"locale": [broken], "user_ref": c["user"]})
        self._refused("POST", "/start", {"attributes": {"cpf": {"x": c["CPF"]}}})
        self._refused("POST", "/continue", {"case_id": broken, "message": c["words"]}, case.token)
        self._refused("POST", f"{cases}/facts", {"slot": broken, "value": broken}, case.token, key)
        self._refused("POST", f"{cases}/rating", {"score": broken}, case.token)
        self._refused("POST", f"{cases}/open-link", {"code": broken}, case.token)
        self._refused("GET", f"/cases/{broken}/turns/1", None, case.token)
        self._refused("GET", f"/operator/costs?by={broken}", None, self._operators)
        for body in (
            f'{{"locale": "{broken}'.encode(),
            f'{{"{broken}": 1, "{broken}": 1}}'.encode(),
            f'{{"user_ref": "{broken}\xff"}}'.encode("latin-1"),
            broken.encode(),
        ):
            path = f"{BASE}/start".encode()
            self._keep(self.api.request(b"POST", path, body, kind=b"application/json"))
        for head in (broken, f"GET /{broken} HTTP/9\r\n\r\n", f"X: {broken}\r\n\r\n"):
            with suppress(*AWAY):
                self._keep(self.api.raw(head.encode() + b"\r\n\r\n"))

    def _taken(self, path: str, value: object, token: str, key: str | None = None) -> Answer:
        answer = self._ask("POST", path, value, token, key)
        assert answer.status < 300, (path, answer)
        return answer

    def _refused(
        self, method: str, path: str, value: object, token: str | None = None, key: str = ""
    ) -> None:
        self._keep(self._ask(method, path, value, token, key or uuid4().hex))

    def _ask(
        self, method: str, path: str, value: object, token: str | None, key: str | None = None
    ) -> Answer:
        self.sent += 1
        if method == "GET":
            return self.api.get(path, token)
        return self.api.post(path, value, token, key=key)

    def _keep(self, answer: Answer) -> None:
        assert 400 <= answer.status < 500, answer
        self.refusals.append(answer)


def written(folder: Path) -> Iterable[tuple[str, bytes]]:
    """Yield every file below a folder but those of the storage, of keys, and of playbooks."""
    for path in sorted(folder.rglob("*")):
        parts = path.relative_to(folder).parts
        if path.is_file() and not {"valkey", "playbooks"} & set(parts):
            if path.name not in KEY_FILES:
                yield "/".join(parts), path.read_bytes()
            if path.suffix == ".parquet":
                rows = duckdb.read_parquet(str(path)).fetchall()
                yield f"rows of {'/'.join(parts)}", repr(rows).encode()


def names(valkey: EmbeddedValkey) -> Iterable[tuple[str, bytes]]:
    """Yield every name in the storage: of keys, and of the fields of hashes."""
    script = """
        local found = {}
        for _, key in ipairs(redis.call('KEYS', '*')) do
            found[#found + 1] = key
            if redis.call('TYPE', key).ok == 'hash' then
                for _, field in ipairs(redis.call('HKEYS', key)) do found[#found + 1] = field end
            end
        end
        return table.concat(found, '\\n')"""
    with Wire(valkey.socket) as wire:
        yield "names in the storage", wire.call("EVAL", script, "0") or b""


def damage(valkey: EmbeddedValkey, case: Case, field: str, value: str) -> None:
    """Put something that nobody can read into a case's hash."""
    with Wire(valkey.socket) as wire:
        wire.call("HSET", f"tri:{{{case.id}}}:m", field, value)


@pytest.mark.timeout(900)
@pytest.mark.parametrize("log_format", ["console", "json"])
def test_no_secret_is_written_anywhere(
    own_valkey: EmbeddedValkey, tmp_path: Path, show: Show, log_format: str
) -> None:
    """Logs, metrics, refusals, tracebacks, files and names: nothing of what is private is there."""
    canaries = Canaries()
    playbooks = tmp_path / "playbooks"
    playbooks.mkdir()
    with echoing_provider() as provider, receiving() as hooks:
        base = f"http://127.0.0.1:{provider.port}"
        settings = {
            **write_proof_playbooks(playbooks),
            "TRIAGE_LOG_LEVEL": "debug",
            "TRIAGE_LOG_FORMAT": log_format,
            "OPENAI_API_KEY": canaries["OpenAI's key"],
            "OPENAI_BASE_URL": f"{base}/v1",
            "ANTHROPIC_API_KEY": canaries["Anthropic's key"],
            "ANTHROPIC_BASE_URL": base,
            "TRIAGE_OPERATOR_TOKEN": canaries["operators' token"],
            "TRIAGE_WEBHOOK_URL": hooks.url,
            "TRIAGE_WEBHOOK_SECRET": canaries["webhook secret"],
            "TRIAGE_WEBHOOK_PORTS": str(hooks.port),
            "TRIAGE_WEBHOOKS_ALLOW_LOOPBACK": "true",
            "TRIAGE_OPEN_INTAKE": "1",
            "TRIAGE_RATE_ADDRESS": "0",
            "TRIAGE_CACHE": "exact",
        }
        with (
            parent(tmp_path, settings) as forks,
            fleet(forks, own_valkey.url, tmp_path, settings) as running,
        ):
            journey = _travel(running, canaries, rounds(6), own_valkey)
            metrics = journey.api.call("GET", "/metrics", token=canaries["operators' token"])
            assert metrics.status == 200
            until(lambda: len(hooks.requests) > 0, "nobody heard of it")
            for one in running.started:
                one.terminate()
                one.wait_ended()
        refusals = b"\n".join(repr(one).encode() for one in journey.refusals)
        assert len(provider.ways) > 8, provider.ways
    told = {
        "metrics": metrics.body,
        # Whoever sent a field's name may be told that there is no such field.
        "refusals": refusals.replace(canaries["broken body"].encode(), b""),
        "webhooks": b"\n".join(one.body for one in hooks.requests),
        **dict(written(tmp_path)),
        **dict(names(own_valkey)),
    }
    logs = b"".join(data for name, data in told.items() if name.endswith(".log"))
    assert b"Traceback" in logs
    assert re.search(rb"worker.started", logs)
    found = {name: canaries.found_in(data) for name, data in told.items()}
    show(
        f"secrets in what processes write, as {log_format}",
        [
            ("secrets", len(canaries.known)),
            ("requests", journey.sent),
            ("failures of providers that repeat what they got", provider.requests),
            ("places looked at", len(told)),
            ("bytes looked at", sum(map(len, told.values()))),
            ("secrets lost", sum(map(len, found.values()))),
        ],
    )
    assert not {name: which for name, which in found.items() if which}


def _travel(running: Fleet, canaries: Canaries, number: int, valkey: EmbeddedValkey) -> Journey:
    worker = running.worker()
    # Each has breakers of its own, which soon keep it from asking such providers.
    instances = running.some(INSTANCES)
    worker.wait_said("worker.started")
    journey = Journey(instances[0].api, canaries)
    for one in range(number):
        instance = instances[one % INSTANCES]
        journey.api = instance.api
        journey.go(one)
    for field, value in (("n", "not a number"), ("s", f"\x01\x02{canaries['words']}")):
        damage(valkey, journey.case, field, value)
        broken = instance.api.get(f"/status/{journey.case.id}", journey.case.token)
        assert broken.status >= 500, broken
        journey.refusals.append(broken)
    until(lambda: "Traceback" in instance.output(), "nothing was logged of it")
    return journey
