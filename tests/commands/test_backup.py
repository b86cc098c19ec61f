"""`triage backup` as a process: what it makes and refuses, and what is left of a killed one."""

import json
import os
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from shutil import rmtree
from typing import Any

import pytest
from redis import Redis

from analytics.warehouse import open_warehouse
from app.backup.restoring import MARK
from app.datafolder import holder
from app.embedded import EmbeddedValkey
from tests.support import warehouses
from tests.support.api import Api, Case
from tests.support.cluster import PRIMARIES, running_cluster
from tests.support.listener import conversation
from tests.support.processes import Instance, counted, environment, free_port, triage
from tests.support.waiting import until

STORY = "I was dismissed yesterday and have not been paid."


class Place:
    """A storage with one instance, a folder of back-ups, and a terminal."""

    def __init__(self, folder: Path) -> None:
        """Name the folders."""
        self.var = folder / "var"
        self.backups = folder / "backups"
        self.log = folder / "api.log"
        self.port = free_port()
        self.settings: dict[str, str] = {}

    def env(self, **settings: str) -> dict[str, str]:
        """Return the environment of its commands; its secrets are in files."""
        found = environment(
            **{
                "TRIAGE_VAR": str(self.var),
                "TRIAGE_PORT": str(self.port),
                "TRIAGE_PACE_MS": "0",
                "COLUMNS": "200",
                **self.settings,
                **settings,
            }
        )
        del found["TRIAGE_ACCESS_SECRET"], found["TRIAGE_MASTER_KEYS"]
        return found

    def run(self, *args: str, status: int = 0) -> str:
        """Run `triage backup`, which ends so; returns what it said, on one line."""
        done = subprocess.run(
            triage("backup", *args),
            env=counted(self.env()),
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        said = " ".join((done.stdout + done.stderr).split())
        assert done.returncode == status, said
        return said

    def create(self, *more: str) -> Path:
        """Make a back-up; returns its folder."""
        name = self.run("create", str(self.backups), *more).partition(":")[0]
        return self.backups / name

    def manifest(self, backup: Path) -> Any:
        """Return what a back-up says of itself."""
        return json.loads((backup / "manifest.json").read_text())

    def lose(self) -> dict[str, bytes]:
        """Lose everything on this machine but the back-ups; returns the secrets, kept elsewhere."""
        kept = {one.name: one.read_bytes() for one in self.var.iterdir() if one.is_file()}
        rmtree(self.var)
        return kept

    def put_back(self, secrets: dict[str, bytes]) -> None:
        """Put the secrets back where they belong."""
        self.var.mkdir(exist_ok=True)
        for name, data in secrets.items():
            (self.var / name).write_bytes(data)


@pytest.fixture
def place(tmp_path: Path) -> Place:
    """A storage and a folder for back-ups, with nothing in either."""
    return Place(tmp_path)


@pytest.fixture
def told(place: Place) -> Iterator[tuple[EmbeddedValkey, Case]]:
    """A running storage with one case in it, whose instance has ended."""
    with EmbeddedValkey(place.var) as valkey:
        with serving(place) as api:
            case = api.start(locale="en")
            assert api.say(case, STORY).status == 200
        yield valkey, case


class serving:  # noqa: N801
    """An instance upon the storage, as long as the block takes."""

    def __init__(self, place: Place, **settings: str) -> None:
        self._instance = Instance(place.port, triage("serve"), place.env(**settings), place.log)

    def __enter__(self) -> Api:
        self._instance.wait_ready()
        return Api(self._instance.port)

    def __exit__(self, *_: object) -> None:
        self._instance.close()


@pytest.mark.usefixtures("told")
def test_a_backup_says_what_is_in_it_and_is_read_back(place: Place) -> None:
    """Counted on a server of its own; nobody else may read it; the secrets are not in it."""
    said = place.run("create", str(place.backups))
    assert "1 cases with 1 turns" in said
    assert "access-secret, master.keys" in said
    (backup,) = place.backups.glob("triage-*")
    made = place.manifest(backup)
    assert made["counts"]["cases"] == made["counts"]["turns"] == 1
    assert made["secrets"] == []
    assert not list(place.backups.rglob("*master*"))
    assert all(one.stat().st_mode & 0o077 == 0 for one in backup.rglob("*"))
    data = (backup / "storage" / "1.rdb").read_bytes()
    assert b"dismissed" not in data  # what people said is sealed
    assert "the secrets here open it" in place.run("verify", str(place.backups))
    assert backup.name in place.run("list", str(place.backups))
    assert not list(place.backups.glob(".draft*"))


def test_a_damaged_backup_is_noticed_and_not_put_back(
    place: Place, told: tuple[EmbeddedValkey, Case]
) -> None:
    """A changed byte, a missing file and one too many; nothing is made where it would have gone."""
    backup = place.create()
    told[0].stop()
    place.put_back(place.lose())
    picture = backup / "storage" / "1.rdb"
    sound = picture.read_bytes()
    picture.write_bytes(sound[:-1] + bytes([sound[-1] ^ 1]))
    assert "not what it was" in place.run("verify", str(place.backups), status=1)
    assert "not what it was" in place.run("restore", str(place.backups), "--yes", status=1)
    picture.unlink()
    assert "is missing" in place.run("verify", str(place.backups), status=1)
    picture.write_bytes(sound)
    (backup / "more").write_text("?")
    assert "no part" in place.run("restore", str(place.backups), "--yes", status=1)
    assert not (place.var / "valkey").exists()
    (backup / "more").unlink()
    place.run("restore", str(place.backups), "--yes")


def test_it_is_put_back_only_where_there_is_nothing(
    place: Place, told: tuple[EmbeddedValkey, Case]
) -> None:
    """Neither under a running server nor over data; a refusal changes nothing."""
    place.create()
    assert "in use by" in place.run("restore", str(place.backups), "--yes", status=1)
    told[0].stop()
    before = {one: one.read_bytes() for one in place.var.rglob("*") if one.is_file()}
    assert "is not empty" in place.run("restore", str(place.backups), "--yes", status=1)
    assert {one: one.read_bytes() for one in place.var.rglob("*") if one.is_file()} == before


def test_other_secrets_than_those_of_the_backup_are_refused(
    place: Place, told: tuple[EmbeddedValkey, Case]
) -> None:
    """Before anything is put back; without any, whoever restores is told which belong there."""
    place.create()
    told[0].stop()
    kept = place.lose()
    place.put_back({**kept, "access-secret": b"quite another secret, of 32 characters at least"})
    said = place.run("restore", str(place.backups), "--yes", status=1)
    assert "the access secret here is not the one" in said
    other = place.var / "elsewhere"
    with EmbeddedValkey(other), serving_elsewhere(place, other):
        masters = (other / "master.keys").read_bytes()
    rmtree(place.var)
    place.put_back({**kept, "master.keys": masters})
    said = place.run("restore", str(place.backups), "--yes", status=1)
    assert "the master keys here do not open" in said
    assert "do not open" in place.run("verify", str(place.backups), status=1)
    assert not (place.var / "valkey").exists()
    place.lose()
    said = place.run("restore", str(place.backups), "--yes")
    assert "access-secret and master.keys must be put in TRIAGE_VAR BEFORE" in said
    place.put_back(kept)
    with EmbeddedValkey(place.var), serving(place) as api:
        (turn,) = conversation(api, told[1])
        assert turn["message"] == STORY


def serving_elsewhere(place: Place, var: Path) -> serving:
    """Run an instance with a folder of its own, which makes secrets of its own."""
    return serving(place, TRIAGE_VAR=str(var))


def test_secrets_travel_only_when_asked_for(
    place: Place, told: tuple[EmbeddedValkey, Case]
) -> None:
    """Then with a warning, and back again only when asked for as well."""
    said = place.run("create", str(place.backups), "--with-secrets")
    assert "holds secrets in plain (access-secret, master.keys" in said
    told[0].stop()
    kept = place.lose()
    place.run("restore", str(place.backups), "--with-secrets", "--yes")
    assert {name: (place.var / name).read_bytes() for name in ("access-secret", "master.keys")} == {
        name: kept[name] for name in ("access-secret", "master.keys")
    }
    with EmbeddedValkey(place.var), serving(place) as api:
        assert conversation(api, told[1])[0]["message"] == STORY


def test_it_goes_to_an_empty_server_by_its_address(
    place: Place, told: tuple[EmbeddedValkey, Case], tmp_path: Path
) -> None:
    """Whoever was cut off begins again with the same back-up; a server with keys is refused."""
    first = place.create()
    with EmbeddedValkey(tmp_path / "other") as other, Redis.from_url(other.url) as client:
        place.settings = {"TRIAGE_REDIS_URL": other.url}
        client.set("somebody's", "key")
        said = place.run("restore", str(place.backups), "--yes", status=1)
        assert "is not empty" in said
        client.flushall()
        client.set(MARK, first.name)  # as a restore leaves it that was cut off
        client.set("half", "there")
        client.delete("half")
        said = place.run("restore", str(place.backups), "--yes")
        assert "1 cases with 1 turns" in said
        assert not client.exists(MARK)
        told[0].stop()
        with serving(place) as api:
            assert conversation(api, told[1])[0]["message"] == STORY
            assert api.say(told[1], "Since March.", Prefer="wait=30").status == 200


def test_a_cluster_is_copied_node_by_node_and_put_back_into_another(
    place: Place, tmp_path: Path
) -> None:
    """Cases of every node are there with their turns, and go on."""
    with EmbeddedValkey(tmp_path / "queue") as queue:
        place.settings = {"TRIAGE_QUEUE_URL": queue.url}
        with running_cluster(tmp_path / "one", replicas=0) as cluster:
            place.settings["TRIAGE_REDIS_URL"] = cluster.url
            with serving(place) as api:
                cases = [api.start(locale="en") for _ in range(8)]
                for number, case in enumerate(cases):
                    assert api.say(case, f"{STORY} {number}").status == 200
            assert len({cluster.primary_of(f"tri:{{{one.id}}}:m") for one in cases}) > 1
            backup = place.create()
        made = place.manifest(backup)
        assert len(made["servers"]) == PRIMARIES
        assert made["counts"]["cases"] == made["counts"]["turns"] == len(cases)
        with running_cluster(tmp_path / "other", replicas=0) as cluster:
            place.settings["TRIAGE_REDIS_URL"] = cluster.url
            place.run("restore", str(place.backups), "--yes")
            with serving(place) as api:
                for number, case in enumerate(cases):
                    assert conversation(api, case)[0]["message"] == f"{STORY} {number}"
                assert api.say(cases[0], "Since March.", Prefer="wait=30").status == 200


def test_the_warehouse_goes_along_without_what_was_erased_since(
    place: Place, told: tuple[EmbeddedValkey, Case]
) -> None:
    """A case and a person's cases, whichever list names them; the others are there."""
    warehouse = place.var / "warehouse"
    facts = [warehouses.started(one, warehouses.MIDNIGHT) for one in ("stays", "goes", "third")]
    keep(warehouse, facts)
    place.create()
    with open_warehouse(warehouse).writing() as writer:
        writer.erase(cases=["goes"], at_ms=warehouses.MIDNIGHT + 1)
        writer.erase(persons=["person-of-third"], at_ms=warehouses.MIDNIGHT + 2)
    assert "3 erasures are noted" in place.run("erasures", str(place.backups))
    listed = place.backups / "erased.json"
    further = place.backups.parent / "further.json"
    listed.rename(further)
    told[0].stop()
    place.put_back(place.lose())
    said = place.run("restore", str(place.backups), "--yes", "--erased", str(further))
    assert "erased again: 0 cases, 2 rows" in said
    rows = open_warehouse(warehouse).query("SELECT case_id FROM triage_started").rows
    assert rows == [("stays",)]


def test_a_warehouse_that_has_survived_is_left_and_tells_what_was_erased(
    place: Place, told: tuple[EmbeddedValkey, Case], tmp_path: Path
) -> None:
    """The case of the back-up that it knows to be erased does not come back."""
    elsewhere = tmp_path / "elsewhere"
    place.settings = {"TRIAGE_WAREHOUSE": str(elsewhere)}
    keep(elsewhere, [warehouses.started("stays", warehouses.MIDNIGHT)])
    place.run("create", str(place.backups))
    with open_warehouse(elsewhere).writing() as writer:
        writer.erase(cases=[told[1].id], at_ms=warehouses.MIDNIGHT)
    told[0].stop()
    place.put_back(place.lose())
    said = place.run("restore", str(place.backups), "--yes", status=1)
    assert "elsewhere is not empty" in said
    said = place.run("restore", str(place.backups), "--keep-warehouse", "--yes")
    assert "erased again: 1 cases" in said
    assert "0 cases with 0 turns" in said
    rows = open_warehouse(elsewhere).query("SELECT case_id FROM triage_started").rows
    assert rows == [("stays",)]


def keep(warehouse: Path, facts: list[Any]) -> None:
    """Keep facts in a warehouse."""
    with open_warehouse(warehouse).writing() as writer:
        writer.append([warehouses.row(one) for one in facts])


@pytest.mark.usefixtures("told")
def test_old_ones_go_and_the_latest_stays(place: Place) -> None:
    """However old it is; and what was erased before the oldest is no longer listed."""
    old, latest = place.create(), place.create()
    for backup, days in ((old, 40), (latest, 35)):
        made = place.manifest(backup)
        made["made_ms"] -= days * 86_400_000
        (backup / "manifest.json").write_text(json.dumps(made))
    listed = place.backups / "erased.json"
    now = time.time_ns() // 1_000_000
    listed.write_text(json.dumps({"cases": {"long-ago": 1, "lately": now}, "persons": {}}))
    said = place.run("prune", str(place.backups), "--days", "30", "--dry-run")
    assert f"would remove {old.name}" in said
    assert old.exists()
    said = place.run("prune", str(place.backups), "--days", "30")
    assert said == f"removed {old.name}"
    assert [one.name for one in place.backups.glob("triage-*")] == [latest.name]
    assert json.loads(listed.read_text())["cases"] == {"lately": now}


def test_one_that_is_killed_leaves_nothing_that_counts(
    place: Place, told: tuple[EmbeddedValkey, Case]
) -> None:
    """Neither does the next one trip over it; two at a time do not get into each other's way."""
    with Redis.from_url(told[0].url) as client:
        client.config_set("repl-diskless-sync-delay", 60)  # it waits for its copy
        command = triage("backup", "create", str(place.backups))
        with subprocess.Popen(command, env=place.env(), stderr=subprocess.DEVNULL) as waiting:
            until(lambda: bool(list(place.backups.glob(".draft-*/storage"))), "it does not begin")
            assert "at work" in place.run("create", str(place.backups), status=1)
            os.kill(waiting.pid, signal.SIGKILL)
        assert place.run("list", str(place.backups), "--json") == "[]"
        client.config_set("repl-diskless-sync-delay", 0)
    place.create()
    assert not list(place.backups.glob(".draft*"))


def test_what_is_not_there_is_said(place: Place) -> None:
    """No storage, no back-up, no such back-up."""
    assert "no embedded Valkey runs" in place.run("create", str(place.backups), status=1)
    assert "there is no back-up in" in place.run("verify", str(place.backups), status=1)
    assert "no back-up x in" in place.run("restore", str(place.backups), "x", status=1)
    assert holder(place.var) is None
