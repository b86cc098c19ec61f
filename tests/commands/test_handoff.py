"""`triage handoff`, as processes of their own, beside an instance that does what they ask."""

import asyncio
import re
import subprocess
from pathlib import Path
from uuid import uuid4

import msgspec
import pytest
from msgspec import Struct

from app.api.handoff_schema import HandoffRow, OperatorCase
from app.embedded import EmbeddedValkey
from tests.support.api import Api, Case
from tests.support.processes import StartInstance, environment, triage

STORY = "Fui mandada embora sem justa causa e a empresa não pagou a minha rescisão."
HELLO = "Olá, aqui é a Ana. Você está bem?"


class Done(Struct, frozen=True):
    """A finished command, its words without the layout of the terminal."""

    status: int
    out: str
    err: str
    raw: str


class Terminal(Struct, frozen=True):
    """Somebody's terminal."""

    url: str
    var: Path

    def run(self, *args: str) -> Done:
        """Run `triage handoff` to its end."""
        env = environment(
            TRIAGE_REDIS_URL=self.url,
            TRIAGE_VAR=str(self.var),
            COLUMNS="160",
            PYTHONIOENCODING="utf-8",
        )
        done = subprocess.run(
            triage("handoff", *args),
            env=env,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        return Done(done.returncode, re.sub(r"\s+", " ", done.stdout), done.stderr, done.stdout)

    def act(self, *args: str, operator: str = "Ana") -> Done:
        """Take, reply or return under a name."""
        return self.run(*args, "--operator", operator)


@pytest.fixture
def terminal(empty_valkey: EmbeddedValkey, tmp_path: Path) -> Terminal:
    """A terminal beside a storage with nothing in it."""
    return Terminal(empty_valkey.url, tmp_path)


@pytest.fixture
def api(empty_valkey: EmbeddedValkey, start_instance: StartInstance) -> Api:
    """An instance on the same storage."""
    del empty_valkey
    return Api(start_instance().port)


def asked(api: Api) -> Case:
    """Open a case whose person has asked for a human."""
    case = api.start(locale="pt-BR")
    api.say(case, STORY)
    body = {"reason": "Prefiro falar com alguém"}
    assert api.post(f"/cases/{case.id}/handoff", body, case.token, key=uuid4().hex).status == 200
    return case


def test_an_operator_works_in_the_terminal(terminal: Terminal, api: Api) -> None:
    """Sees who waits, reads the case, takes it, answers and hands it back; the person reads it."""
    assert terminal.run("list").out.strip() == "Nobody waits for a human."
    case = asked(api)
    listed = terminal.run("list")
    assert listed.status == 0, listed.err
    assert case.id in listed.out
    assert "requested" in listed.out
    shown = terminal.run("show", case.id)
    for words in (STORY, "Prefiro falar com alguém", "requested, asked by person"):
        assert words in shown.out

    taken = terminal.act("take", case.id)
    assert (taken.status, taken.err) == (0, "")
    assert f"triage handoff reply {case.id}" in taken.out
    assert terminal.act("reply", case.id, HELLO).status == 0
    assert "Ana" in terminal.run("list", "--status", "taken").out
    assert case.id not in terminal.run("list", "--status", "requested").out
    view = api.get(f"/cases/{case.id}", case.token).json()
    assert (view["turns"][-1]["operator"], view["turns"][-1]["reply"]) == ("Ana", HELLO)
    assert terminal.act("return", case.id).out.strip() == "Handed back."
    shown = terminal.run("show", case.id)
    for words in ("Ana took over", HELLO, "Ana handed back", "returned"):
        assert words in shown.out
    assert terminal.run("list").out.strip() == "Nobody waits for a human."


async def test_who_comes_back_finds_what_the_operator_said(terminal: Terminal, api: Api) -> None:
    """`triage chat --resume` shows the whole conversation, and follows the operator further."""
    case = asked(api)
    await asyncio.to_thread(terminal.act, "take", case.id)
    await asyncio.to_thread(terminal.act, "reply", case.id, HELLO)
    url = f"http://127.0.0.1:{api.port}"
    done = await asyncio.to_thread(
        subprocess.run,
        triage("chat", "--url", url, "--resume", case.id),
        input="",
        env=environment(COLUMNS="120", PYTHONIOENCODING="utf-8", TRIAGE_CASE_TOKEN=case.token),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    out = re.sub(r"\s+", " ", done.stdout)
    places = [out.index(one) for one in (STORY, "Chamei uma pessoa", "Ana entrou", f"Ana: {HELLO}")]
    assert places == sorted(places)


def test_scripts_read_json(terminal: Terminal, api: Api) -> None:
    """The same documents as over HTTP."""
    case = asked(api)
    (row,) = msgspec.json.decode(terminal.run("list", "--json").raw, type=list[HandoffRow])
    assert (row.case_id, row.status, row.by) == (case.id, "requested", "person")
    opened = msgspec.json.decode(terminal.run("show", case.id, "--json").raw, type=OperatorCase)
    assert opened.case.turns[0].message == STORY


def test_what_is_refused_is_said_in_one_line(terminal: Terminal, api: Api) -> None:
    """Another operator's conversation, a case that is not there, a message that is none."""
    case = asked(api)
    assert terminal.act("take", case.id).status == 0
    other = terminal.act("reply", case.id, "Hi", operator="Rui")
    assert (other.status, other.err) == (1, "triage: Ana has this conversation\n")
    gone = terminal.act("take", "0" * 32)
    assert gone.status == 1
    assert gone.err.startswith(f"triage: there is no case {'0' * 32}")
    assert terminal.run("show", "0" * 32).status == 1
    empty = terminal.act("reply", case.id, " ")
    assert (empty.status, empty.err.startswith("triage: text:")) == (1, True)


def test_the_login_is_the_name_if_none_is_given(terminal: Terminal, api: Api) -> None:
    """So that an operator on their own machine need not type it."""
    case = asked(api)
    assert terminal.run("take", case.id).status == 0
    found = api.get(f"/status/{case.id}", case.token).json()["handoff"]
    assert found["status"] == "taken"
    assert found["operator"]


async def test_the_person_in_the_terminal_reads_the_operator(terminal: Terminal, api: Api) -> None:
    """`/human` asks in `triage chat`, and the operator's words appear while it waits for input."""
    process = await asyncio.create_subprocess_exec(
        *triage("chat", "--url", f"http://127.0.0.1:{api.port}", "--locale", "pt-BR"),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        env=environment(COLUMNS="120", PYTHONIOENCODING="utf-8"),
    )
    assert process.stdin is not None
    assert process.stdout is not None
    out = process.stdout

    async def until(words: str) -> str:
        heard = ""
        async with asyncio.timeout(60):
            while words not in re.sub(r"\s+", " ", heard):
                line = await out.readline()
                assert line, heard
                heard += line.decode()
        return heard

    process.stdin.write(f"{STORY}\n/human\n".encode())
    await until("Chamei uma pessoa da equipe")
    rows = await asyncio.to_thread(terminal.run, "list", "--json")
    (row,) = msgspec.json.decode(rows.raw, type=list[HandoffRow])
    await asyncio.to_thread(terminal.act, "take", row.case_id)
    await until("Ana entrou na conversa")
    await asyncio.to_thread(terminal.act, "reply", row.case_id, HELLO)
    assert "Ana" in await until(HELLO)
    process.stdin.write(b"Estou bem\n")
    await until("vai responder aqui")
    await asyncio.to_thread(terminal.act, "return", row.case_id)
    await until("Ana saiu da conversa")
    process.stdin.close()
    assert await process.wait() == 0


async def test_a_danger_that_calls_a_human_is_told_in_the_terminal(api: Api) -> None:
    """The person learns that somebody was asked to come, without having asked."""
    process = await asyncio.create_subprocess_exec(
        *triage("chat", "--url", f"http://127.0.0.1:{api.port}", "--locale", "pt-BR"),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        env=environment(COLUMNS="120", PYTHONIOENCODING="utf-8"),
    )
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write("Meu marido me bateu e ameaça me matar.\n".encode())
    heard = ""
    async with asyncio.timeout(60):
        while "Uma pessoa foi chamada para esta conversa." not in heard:
            line = await process.stdout.readline()
            assert line, heard
            heard += line.decode()
    process.stdin.close()
    assert await process.wait() == 0
