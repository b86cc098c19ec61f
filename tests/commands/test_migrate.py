"""`triage migrate` as a process: from the earlier Redis or a dump, cut off, and undone."""

import json
import re
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from redis import Redis

from app.embedded import EmbeddedValkey
from app.state.keys import MASTERS
from tests.support.api import Api, Case
from tests.support.listener import settled
from tests.support.processes import Program, StartInstance, counted, environment, triage

TOLD = "Fui mandada embora sem justa causa e a empresa não pagou a minha rescisão."
ASKED = "Sinto muito. Quando foi isso?"
DANGER = "Meu marido me bateu ontem e disse que vai me matar."


def conversation(*said: str, **more: Any) -> str:
    """Return a conversation as the earlier system kept it: the person speaks first."""
    messages = [
        {"role": "assistant" if at % 2 else "user", "content": text} for at, text in enumerate(said)
    ]
    return json.dumps({"messages": messages, **more})


class Move:
    """Two servers, and a terminal."""

    def __init__(self, earlier: Redis, url: str, var: Path, earlier_url: str) -> None:
        """Name them."""
        self.earlier = earlier
        self.url = url
        self.var = var
        self.earlier_url = earlier_url

    def run(self, *args: str) -> tuple[int, str]:
        """Run `triage migrate`; returns its status and what it said."""
        done = subprocess.run(
            triage("migrate", *args),
            env=counted(self.env()),
            capture_output=True,
            text=True,
            timeout=100,
            check=False,
        )
        return done.returncode, re.sub(r"\s+", " ", done.stdout + done.stderr)

    def env(self) -> dict[str, str]:
        """Return the environment of its commands."""
        return environment(
            TRIAGE_REDIS_URL=self.url,
            TRIAGE_VAR=str(self.var),
            COLUMNS="160",
            PYTHONIOENCODING="utf-8",
        )

    def lines(self) -> dict[str, Any]:
        """Return the journal, by earlier id."""
        text = (self.var / "migration.jsonl").read_text("utf-8")
        return {line["id"]: line for line in map(json.loads, text.splitlines())}

    def case(self, name: str) -> Case:
        """Return a moved case with its token."""
        line = self.lines()[name]
        return Case(line["case_id"], line["case_token"])

    def everything(self) -> dict[bytes, tuple[bytes | None, bool]]:
        """Return what the earlier server holds, to the byte, and whether it expires."""
        found: list[bytes] = list(self.earlier.scan_iter())
        ask: Callable[..., Any] = self.earlier.execute_command
        return {key: (ask("GET", key), ask("PTTL", key) > 0) for key in found}


@pytest.fixture
def move(empty_valkey: EmbeddedValkey, tmp_path: Path) -> Iterator[Move]:
    """An earlier Redis with nothing in it, and an empty storage of ours."""
    with (
        EmbeddedValkey(tmp_path / "earlier") as server,
        Redis(unix_socket_path=str(server.socket)) as earlier,
    ):
        yield Move(earlier, empty_valkey.url, tmp_path, server.url)


def test_conversations_go_on_here(move: Move, start_instance: StartInstance) -> None:
    """Words are there, an unanswered message is answered, and the person goes on with the token."""
    move.earlier.set("conversation:open", conversation(TOLD, ASKED))
    move.earlier.set("orchestration:open", json.dumps({"status": "interviewing"}))
    move.earlier.set("conversation:waits", conversation(TOLD))
    move.earlier.set("conversation:danger", conversation(DANGER, "Sinto muito."))
    move.earlier.set("conversation:over", conversation(TOLD, ASKED, is_complete=True))
    move.earlier.set("orchestration:alone", "{}")
    status, said = move.run(move.earlier_url)
    assert status == 0, said
    assert "moved 3" in said
    assert "left out 1" in said
    assert "1 tell of a danger" in said
    assert "1 orchestrations have no conversation" in said
    api = Api(start_instance().port)
    (turn,) = settled(api, move.case("open"))
    assert (turn["message"], turn["reply"]) == (TOLD, ASKED)
    (answered,) = settled(api, move.case("waits"))
    assert answered["message"] == TOLD
    assert answered["reply"]
    went_on = api.say(move.case("open"), "Foi em março.", Prefer="wait=30")
    assert went_on.status == 200, went_on
    assert went_on.json()["turn"] == 2
    listed = api.get(f"/status/{move.case('danger').id}", move.case("danger").token)
    assert listed.json()["handoff"]["status"] == "requested"
    assert api.get(f"/cases/{move.case('open').id}", move.case("danger").token).status == 404


def test_a_dry_run_writes_nothing(move: Move, empty_valkey: EmbeddedValkey) -> None:
    """It converts everything and says what would become of it."""
    move.earlier.set("conversation:open", conversation(TOLD, ASKED))
    with Redis(unix_socket_path=str(empty_valkey.socket)) as ours:
        before = set(ours.keys())
        status, said = move.run(move.earlier_url, "--dry-run")
        assert status == 0
        # Whoever comes first tells a storage by which master keys it is used.
        assert set(ours.keys()) - before <= {MASTERS.encode()}
    assert "would be moved 1" in said
    assert not (move.var / "migration.jsonl").exists()


def test_what_cannot_be_moved_is_told_and_stays(move: Move) -> None:
    """Each with its reason; the others are moved, and the command says that it is not all."""
    move.earlier.set("conversation:good", conversation(TOLD, ASKED))
    move.earlier.set("conversation:broken", b"{")
    move.earlier.set("conversation:empty", "{}")
    move.earlier.rpush("conversation:list", "x")
    move.earlier.set(b"conversation:\xff", conversation(TOLD))
    status, said = move.run(move.earlier_url, "--remove-source")
    assert status == 1
    assert "not moved 4" in said
    assert "moved 1" in said
    for why in ("no JSON", "no list of messages", "no string", "no text"):
        assert why in said
    assert len(list(move.earlier.scan_iter())) == 4


def test_a_run_that_was_killed_goes_on(move: Move) -> None:
    """After `kill -9` another run moves the rest, and nothing is there twice."""
    names = [f"c{number:03}" for number in range(120)]
    for name in names:
        move.earlier.set(f"conversation:{name}", conversation(f"{TOLD} {name}", ASKED))
    program = Program(
        "migrate", triage("migrate", move.earlier_url), move.env(), move.var / "migrate.log"
    )
    journal = move.var / "migration.jsonl"
    program.wait_until(lambda: journal.exists() and journal.read_bytes().count(b"\n") >= 20)
    program.kill()
    program.close()
    killed_at = len(move.lines())
    assert 20 <= killed_at < len(names)
    with journal.open("ab") as file:
        file.write(b'{"id": "cut o')  # as a power cut would leave it
    status, said = move.run(move.earlier_url)
    assert status == 0, said
    assert f"there already {killed_at}" in said
    lines = move.lines()
    assert sorted(lines) == names
    with Redis.from_url(move.url) as ours:
        assert len(list(ours.scan_iter("tri:{*}:m"))) == len(names)


def test_all_is_restored_exactly(move: Move, start_instance: StartInstance) -> None:
    """To the byte and with its time; a case in which the person went on stays, and is named."""
    move.earlier.set("conversation:a", conversation(TOLD, ASKED) + " ", ex=5_000)
    move.earlier.set("orchestration:a", b'{"status":  "interviewing"}')
    move.earlier.set("conversation:b", conversation(TOLD, ASKED))
    before = move.everything()
    assert move.run(move.earlier_url, "--remove-source")[0] == 0
    assert move.everything() == {}
    api = Api(start_instance().port)
    moved = move.case("a"), move.case("b")
    status, said = move.run("--rollback", move.earlier_url)
    assert status == 0, said
    assert "undone 2" in said
    assert move.everything() == before
    assert [api.get(f"/cases/{one.id}", one.token).status for one in moved] == [404, 404]


def test_nobody_who_went_on_is_rolled_back(move: Move, start_instance: StartInstance) -> None:
    """What was said here is not thrown away."""
    move.earlier.set("conversation:a", conversation(TOLD, ASKED))
    assert move.run(move.earlier_url, "--remove-source")[0] == 0
    api = Api(start_instance().port)
    assert api.say(move.case("a"), "Foi em março.", Prefer="wait=30").status == 200
    status, said = move.run("--rollback", move.earlier_url)
    assert status == 1
    assert "a: went on" in said
    assert move.everything() == {}
    assert len(settled(api, move.case("a"))) == 2


def test_a_dump_of_its_memory_is_moved(move: Move) -> None:
    """The file stays as it is, whatever is done with it."""
    dump = move.var / "dump.json"
    text = json.dumps(
        {
            "active_conversations": {"x": json.loads(conversation(TOLD, ASKED))},
            "active_orchestrations": {"x": {"status": "active"}},
        },
        indent=1,
    )
    dump.write_text(text)
    assert move.run(str(dump))[0] == 0
    assert list(move.lines()) == ["x"]
    assert move.run("--rollback")[0] == 0
    assert dump.read_text() == text
    assert (move.var / "migration.jsonl").stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize(
    ("args", "why"),
    [
        ([], "say where the conversations are"),
        (["nowhere.json"], "No such file"),
        (["redis://127.0.0.1:1", "--dry-run"], "does not answer"),
        (["x.json", "--remove-source"], "--remove-source needs"),
        (["--rollback"], "nothing to undo"),
        (["--rollback", "--dry-run"], "takes only --journal"),
        (["x.json", "--locale", "xx"], "does not speak 'xx'"),
        (["x.json", "--playbook", "none"], "none"),
    ],
)
def test_bad_orders_are_told_in_one_line(move: Move, args: list[str], why: str) -> None:
    """Nothing is written, and the message says what to do."""
    began = time.monotonic()
    status, said = move.run(*args)
    assert status == 1
    assert why in said
    assert "Traceback" not in said
    assert time.monotonic() - began < 60
