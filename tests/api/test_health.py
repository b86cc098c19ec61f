"""The probes tell the truth about the storage, and the instance outlives it."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from app.embedded import EmbeddedValkey
from tests.support.api import Api
from tests.support.processes import Instance, get, instances
from tests.support.valkey import Wire


@pytest.fixture
def alone(
    own_valkey: EmbeddedValkey, tiny_settings: dict[str, str], tmp_path: Path
) -> Iterator[Instance]:
    """An instance on a Valkey of its own."""
    with instances(own_valkey.url, tmp_path) as start:
        yield start(env=tiny_settings)


def test_without_storage_it_lives_and_is_not_ready(
    alone: Instance, own_valkey: EmbeddedValkey
) -> None:
    """Probes and requests say 503 and when to come back; with the storage back all is well."""
    api = Api(alone.port)
    case = api.start(locale="en")
    own_valkey.kill()
    assert api.call("GET", "/health/live").status == 200
    for path in ("/health/ready", "/health/redis"):
        answer = api.call("GET", path)
        assert answer.status == 503
        assert answer.headers["retry-after"] == "1"
        assert answer.json()["status"] == "unavailable"
        assert "storage is unavailable" in answer.json()["detail"]
    refused = api.say(case, "Water is dripping from my ceiling.")
    assert refused.status == 503
    assert refused.json()["type"] == "urn:triage:problem:state-unavailable"
    assert int(refused.headers["retry-after"]) >= 1
    own_valkey.start()
    alone.wait_until(lambda: get(alone.port, "/health/ready")[0] == 200)
    assert api.say(case, "Water is dripping from my ceiling.").status == 200


def test_a_full_storage_takes_no_new_work(alone: Instance, own_valkey: EmbeddedValkey) -> None:
    """It is told apart from one that is away, and what is stored can still be read."""
    api = Api(alone.port)
    case = api.start(locale="en")
    with Wire(own_valkey.socket) as wire:
        wire.call("CONFIG", "SET", "maxmemory", "1mb")
    answer = api.call("GET", "/health/ready")
    assert answer.status == 503
    assert "its memory is full" in answer.json()["detail"]
    refused = api.say(case, "Water is dripping from my ceiling.")
    assert (refused.status, refused.json()["type"]) == (503, "urn:triage:problem:state-unavailable")
    assert "memory is full" in refused.json()["detail"]
    assert api.get(f"/status/{case.id}", case.token).status == 200
    assert api.call("GET", "/health/redis").json()["max_memory_bytes"] == 1_048_576
