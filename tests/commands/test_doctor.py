"""`triage doctor` finds what is wrong with a set-up and says how to mend it."""

import asyncio
import http.server
import json
import re
import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from app.cli import main
from app.commands.doctor import examine
from app.commands.finding import Finding
from app.commands.place import base_url, hide_secret, interviewer
from app.core.private_file import write_private
from app.domain.sealing import MasterRing, new_master
from app.embedded import EmbeddedValkey
from app.settings import Settings
from app.state.masters import MasterBook
from app.state.store import Store
from tests.support.processes import free_port
from tests.support.valkey import Wire


@pytest.fixture
def setting(tmp_path: Path) -> dict[str, str]:
    """An environment in which nothing is wrong."""
    return {"TRIAGE_VAR": str(tmp_path / "var"), "TRIAGE_PORT": str(free_port())}


def look(environ: dict[str, str], topic: str, *, providers: bool = False) -> list[Finding]:
    """Return what was found about a topic."""
    return [one for one in examine(environ, providers=providers) if one.topic == topic]


def only(environ: dict[str, str], topic: str) -> Finding:
    """Return the one finding about a topic."""
    (found,) = look(environ, topic)
    return found


def test_a_fresh_machine_is_in_order(setting: dict[str, str]) -> None:
    """With no settings but a free port and a writable folder there is nothing to mend."""
    without_keys = dict.fromkeys(("OPENAI_API_KEY", "ANTHROPIC_API_KEY"))
    result = CliRunner().invoke(main, ["doctor"], env={**without_keys, **setting})
    assert result.exit_code == 0, result.output
    assert "Everything is in order." in result.output
    assert "guided" in result.output


def test_json_carries_the_same_findings(setting: dict[str, str]) -> None:
    """Scripts read what people read, and the exit status tells them whether to look."""
    environ = {**setting, "TRIAGE_PORTT": "1"}
    result = CliRunner().invoke(main, ["doctor", "--json"], env=environ)
    found: list[dict[str, Any]] = json.loads(result.output)
    assert result.exit_code == 1
    assert {"python", "data folder", "storage", "port", "playbooks"} <= {
        str(one["topic"]) for one in found
    }
    (bad,) = [one for one in found if one["status"] == "bad"]
    assert bad["mend"] == "Did you mean TRIAGE_PORT?"


@pytest.mark.parametrize(
    ("name", "mend"),
    [
        ("TRIAGE_REDISURL", "Did you mean TRIAGE_REDIS_URL?"),
        ("TRIAGE_OPENAI_MODLE", "Did you mean TRIAGE_OPENAI_MODEL?"),
        ("TRIAGE_QQQQ", "Unset it."),
    ],
)
def test_a_misspelt_setting_is_noticed(setting: dict[str, str], name: str, mend: str) -> None:
    """A name that is no setting would be ignored in silence; the nearest one is suggested."""
    found = only({**setting, name: "1"}, "settings")
    assert (found.status, found.mend) == ("bad", mend)
    assert name in found.text


def test_a_setting_that_cannot_be_read_is_named(setting: dict[str, str]) -> None:
    """The variable's own name stands in the finding."""
    found = only({**setting, "TRIAGE_PORT": "many"}, "settings")
    assert found.status == "bad"
    assert "TRIAGE_PORT" in found.text


def test_a_data_folder_that_cannot_be_made_is_noticed(
    setting: dict[str, str], tmp_path: Path
) -> None:
    """A file where the folder should be is as bad as a folder without rights."""
    (tmp_path / "file").write_text("")
    found = only({**setting, "TRIAGE_VAR": str(tmp_path / "file" / "var")}, "data folder")
    assert found.status == "bad"
    assert "TRIAGE_VAR" in found.mend


def test_a_running_embedded_server_is_named_and_examined(
    setting: dict[str, str], tmp_path: Path
) -> None:
    """While `triage up` runs, its server is looked at and everything we promise holds."""
    with EmbeddedValkey(tmp_path / "var") as server:
        storage = look(setting, "storage")
        assert all(one.status == "ok" for one in storage)
        assert any(str(server.pid) in one.text for one in storage)
        assert [one.text for one in look(setting, "durability")] == [
            "appendonly yes",
            "appendfsync always",
            "maxmemory-policy noeviction",
        ]
        assert only(setting, "clock").status == "ok"
    assert "not running now" in look(setting, "storage")[-1].text


def test_a_server_that_breaks_our_promises_is_found_out(
    setting: dict[str, str], own_valkey: EmbeddedValkey
) -> None:
    """Each setting that would lose data is named with what it costs and how to change it."""
    with Wire(own_valkey.socket) as wire:
        wire.call("CONFIG", "SET", "appendfsync", "everysec")
        wire.call("CONFIG", "SET", "maxmemory-policy", "allkeys-lru")
    found = look({**setting, "TRIAGE_REDIS_URL": own_valkey.url}, "durability")
    assert [one.status for one in found] == ["ok", "warn", "bad"]
    assert "CONFIG SET maxmemory-policy noeviction" in found[2].mend


def test_a_server_that_hides_its_settings_is_only_warned_about(
    setting: dict[str, str], own_valkey: EmbeddedValkey
) -> None:
    """Hosted servers keep CONFIG to themselves; then the operator has to see to it."""
    with Wire(own_valkey.socket) as wire:
        wire.call("ACL", "SETUSER", "limited", "on", ">secret", "~*", "+@all", "-config")
    url = own_valkey.url.replace("unix://", "unix://limited:secret@")
    found = only({**setting, "TRIAGE_REDIS_URL": url}, "durability")
    assert (found.status, "appendonly yes" in found.mend) == ("warn", True)


@pytest.mark.parametrize("url", ["redis://127.0.0.1:{port}", "unix:///nowhere.sock", "http://x"])
def test_a_storage_that_is_not_there_is_noticed(setting: dict[str, str], url: str) -> None:
    """An address where nobody answers, or that is none, is one finding and no traceback."""
    environ = {**setting, "TRIAGE_REDIS_URL": url.format(port=free_port())}
    found = only(environ, "storage")
    assert found.status == "bad"
    assert "TRIAGE_REDIS_URL" in found.mend


def test_wrong_credentials_are_told_from_silence(
    setting: dict[str, str], own_valkey: EmbeddedValkey
) -> None:
    """A refused password says so."""
    url = own_valkey.url.replace("unix://", "unix://default:wrong@")
    with Wire(own_valkey.socket) as wire:
        wire.call("CONFIG", "SET", "requirepass", "right")
    found = only({**setting, "TRIAGE_REDIS_URL": url}, "storage")
    assert re.search("refuses the credentials", found.text)


def test_a_replica_is_refused(setting: dict[str, str], own_valkey: EmbeddedValkey) -> None:
    """A server that takes no writes cannot keep cases."""
    with Wire(own_valkey.socket) as wire:
        wire.call("REPLICAOF", "127.0.0.1", str(free_port()))
    found = only({**setting, "TRIAGE_REDIS_URL": own_valkey.url}, "storage")
    assert found.status == "bad"
    assert "primary" in found.mend


def test_a_cluster_needs_a_server_for_the_queues(
    setting: dict[str, str], own_valkey: EmbeddedValkey
) -> None:
    """Where none is named, or a cluster is, that is found out; a server that is there is enough."""
    cluster = {**setting, "TRIAGE_REDIS_URL": f"redis+cluster://127.0.0.1:{free_port()}"}
    assert only(cluster, "storage").status == "bad"
    for queues in ({}, {"TRIAGE_QUEUE_URL": "redis+cluster://127.0.0.1"}):
        found = only(cluster | queues, "queues")
        assert found.status == "bad"
        assert "TRIAGE_QUEUE_URL" in found.mend
    away = cluster | {"TRIAGE_QUEUE_URL": f"redis://127.0.0.1:{free_port()}"}
    assert only(away, "queues").status == "bad"
    assert only(cluster | {"TRIAGE_QUEUE_URL": own_valkey.url}, "queues").status == "ok"
    assert look({**setting, "TRIAGE_REDIS_URL": own_valkey.url}, "queues") == []


def test_a_taken_port_names_another(setting: dict[str, str]) -> None:
    """Something that is not ours listens: say so, and how to go elsewhere."""
    with socket.create_server(("127.0.0.1", int(setting["TRIAGE_PORT"]))):
        found = only(setting, "port")
    assert found.status == "bad"
    assert f"TRIAGE_PORT={int(setting['TRIAGE_PORT']) + 1}" in found.text


class _Answers(http.server.BaseHTTPRequestHandler):
    """Answers every request as a ready instance would."""

    def do_GET(self) -> None:
        """Say that all is well."""
        body = b'{"status":"ok"}'
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base's name
        """Keep quiet."""


@pytest.fixture
def running_instance(setting: dict[str, str]) -> Iterator[None]:
    """Something that answers `/health/ready` as ours does."""
    address = ("127.0.0.1", int(setting["TRIAGE_PORT"]))
    with http.server.ThreadingHTTPServer(address, _Answers) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield
        server.shutdown()
        thread.join()


@pytest.mark.usefixtures("running_instance")
def test_our_own_instance_on_the_port_is_fine(setting: dict[str, str]) -> None:
    """A port on which triage answers is not a problem."""
    found = only(setting, "port")
    assert found.status == "ok"
    assert "triage runs" in found.text


def test_a_default_playbook_that_does_not_exist_is_noticed(setting: dict[str, str]) -> None:
    """The finding lists what there is."""
    found = only({**setting, "TRIAGE_PLAYBOOK": "no_such"}, "playbooks")
    assert (found.status, "no_such" in found.text) == ("bad", True)


def test_a_broken_playbook_folder_is_noticed(setting: dict[str, str], tmp_path: Path) -> None:
    """A file that is no playbook, or a folder that is not there, is said with its path."""
    (tmp_path / "mine.toml").write_text("format = 'one'")
    found = only({**setting, "TRIAGE_PLAYBOOKS": str(tmp_path)}, "playbooks")
    assert (found.status, "mine.toml" in found.text) == ("bad", True)
    found = only({**setting, "TRIAGE_PLAYBOOKS": str(tmp_path / "none")}, "playbooks")
    assert (found.status, "TRIAGE_PLAYBOOKS" in found.text) == ("bad", True)


def test_providers_are_asked_only_on_request(setting: dict[str, str]) -> None:
    """Without --providers no finding is about them; with it, one that is away is named."""
    away = f"http://127.0.0.1:{free_port()}"
    environ = {
        **setting,
        "OPENAI_API_KEY": "k",
        "OPENAI_BASE_URL": f"{away}/v1",
        "ANTHROPIC_API_KEY": "k",
        "ANTHROPIC_BASE_URL": away,
    }
    assert look(environ, "providers") == []
    found = look(environ, "providers", providers=True)
    assert [one.status for one in found] == ["bad", "bad"]
    assert all("cannot be reached" in one.text for one in found)


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        (Settings(), "guided"),
        (Settings(openai_api_key="k"), "model: OpenAI"),
        (Settings(openai_base_url="http://127.0.0.1:1/v1"), "model: OpenAI"),
        (Settings(openai_api_key="k", anthropic_api_key="k"), "then Anthropic"),
    ],
)
def test_it_says_who_would_interview(settings: Settings, said: str) -> None:
    """The order is that in which providers are asked."""
    assert said in interviewer(settings)


def test_addresses_are_fit_to_click_and_to_show() -> None:
    """A wildcard address becomes one that answers, and passwords are left out."""
    assert base_url(Settings(host="0.0.0.0", port=9)) == "http://127.0.0.1:9"  # noqa: S104
    assert base_url(Settings(host="::", port=9)) == "http://[::1]:9"
    assert hide_secret("redis://me:secret@host:1/0") == "redis://me:***@host:1/0"
    assert hide_secret("redis://host:1/0") == "redis://host:1/0"


def test_the_ring_of_master_keys_is_looked_at(
    setting: dict[str, str], own_valkey: EmbeddedValkey, tmp_path: Path
) -> None:
    """Whether it is there, is nobody else's to read, can be read, and is the one of the storage."""
    topic, path = "master keys", tmp_path / "other" / "master.keys"
    setting["TRIAGE_VAR"] = str(path.parent)
    assert "will be made" in only(setting, topic).text
    ours, other = new_master(), new_master()
    path.parent.mkdir()
    write_private(path, f"{ours.line()}\n")

    async def register() -> None:
        store = Store(own_valkey.url)
        await MasterBook(store).check(MasterRing((ours,)))
        await store.close()

    asyncio.run(register())

    def seen(**more: str) -> list[Finding]:
        return look({**setting, "TRIAGE_REDIS_URL": own_valkey.url, **more}, topic)

    (good,) = seen()
    assert (good.status, ours.id in good.text) == ("ok", True)
    path.chmod(0o644)
    (open_to_all, _) = seen()
    assert (open_to_all.status, open_to_all.mend[:9]) == ("bad", "chmod 600")
    (wrong,) = seen(TRIAGE_MASTER_KEYS=other.line())
    assert (wrong.status, ours.id in wrong.text) == ("bad", True)
    (broken,) = seen(TRIAGE_MASTER_KEYS="words")
    assert (broken.status, "line 1" in broken.text) == ("bad", True)
