"""The conversation on a real terminal: typed, interrupted, left and resumed."""

import asyncio
import contextlib
import os
import pty
import re
import signal
from asyncio.subprocess import Process
from collections.abc import AsyncIterator

import pytest

from tests.support.processes import environment, triage
from tests.web.analyses import leak_analysis
from tests.web.standin import Fault, Standin, case_id

REPLIES = ["Em que cômodo da casa?", "Desde quando?", "Obrigado. O resultado vem a seguir."]
ESCAPES = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07]*\x07)")


class Terminal:
    """What a person sees and types."""

    def __init__(self, process: Process, fd: int) -> None:
        """Look at the side of the terminal that the person has."""
        self.process = process
        self._fd = fd
        self._bytes = b""
        self._more = asyncio.Event()
        asyncio.get_running_loop().add_reader(fd, self._read)

    def _read(self) -> None:
        try:
            found = os.read(self._fd, 65536)
        except OSError:  # the other side is closed
            found = b""
        if not found:
            asyncio.get_running_loop().remove_reader(self._fd)
        self._bytes += found
        self._more.set()

    @property
    def text(self) -> str:
        """Everything that was shown, without colours and line breaks."""
        shown = ESCAPES.sub("", self._bytes.decode(errors="replace"))
        return re.sub(r"\s+", " ", shown)

    def type(self, text: str) -> None:
        """Type a line."""
        os.write(self._fd, f"{text}\n".encode())

    def interrupt(self) -> None:
        """Press Ctrl-C."""
        self.process.send_signal(signal.SIGINT)

    async def until(self, *words: str) -> None:
        """Wait until these words have been shown, in this order."""
        pattern = re.compile(".*".join(map(re.escape, words)))
        async with asyncio.timeout(30):
            while not pattern.search(self.text):
                assert self.process.returncode is None, self.text
                self._more.clear()
                await self._more.wait()

    async def ended(self) -> int:
        """Wait for the end of the conversation; returns its status."""
        async with asyncio.timeout(30):
            return await self.process.wait()


@contextlib.asynccontextmanager
async def terminal(url: str, *options: str, **settings: str) -> AsyncIterator[Terminal]:
    """Run `triage chat` on a terminal of its own."""
    ours, theirs = pty.openpty()
    process = await asyncio.create_subprocess_exec(
        *triage("chat", "--url", url, *options),
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        env=environment(COLUMNS="88", TERM="xterm", PYTHONIOENCODING="utf-8", **settings),
    )
    os.close(theirs)
    try:
        yield Terminal(process, ours)
    finally:
        asyncio.get_running_loop().remove_reader(ours)
        os.close(ours)
        if process.returncode is None:
            process.kill()
        await process.wait()


@pytest.fixture
async def standin() -> Standin:
    """A prepared conversation."""
    return Standin(REPLIES, leak_analysis())


async def test_a_person_types_and_reads(standin: Standin) -> None:
    """The commands are told first, every answer is shown, and the result when it is there."""
    async with standin.serve() as url, terminal(url) as screen:
        await screen.until("/finish termina", "›")
        for message, reply in zip(("Pinga", "No banheiro", "Desde ontem"), REPLIES, strict=True):
            screen.type(message)
            await screen.until(reply)
        await screen.until("Resultado", "Vazamento")
        screen.type("/quit")
        assert await screen.ended() == 0
    assert [text for _, text in standin.posts] == ["Pinga", "No banheiro", "Desde ontem"]


async def test_ctrl_c_stops_the_answer_and_not_the_conversation(standin: Standin) -> None:
    """The server is asked to stop; what was said stays, and the person goes on."""
    standin.faults.extend(Fault(wait=asyncio.Event()) for _ in range(2))
    async with standin.serve() as url, terminal(url) as screen:
        await screen.until("›")
        screen.type("Pinga no teto")
        await screen.until("cômodo da casa?")
        screen.interrupt()
        await screen.until("Parei aqui (resposta interrompida)")
        screen.type("No banheiro")
        await screen.until(REPLIES[1])
        screen.type("/quit")
        assert await screen.ended() == 0


async def test_leaving_says_how_to_come_back(standin: Standin) -> None:
    """The printed command opens the same conversation with everything that was said."""
    async with standin.serve() as url:
        async with terminal(url) as screen:
            await screen.until("›")
            screen.type("Pinga no teto")
            await screen.until(REPLIES[0])
            screen.type("/quit")
            assert await screen.ended() == 0
            told = re.search(r"TRIAGE_CASE_TOKEN=(\S+) triage chat --resume (\S+)", screen.text)
            assert told is not None
            token, case = told.groups()
            assert case == case_id(1)
        async with terminal(url, "--resume", case, TRIAGE_CASE_TOKEN=token) as screen:
            await screen.until("› Pinga no teto", REPLIES[0], "›")
            screen.type("\x04")
            assert await screen.ended() == 0, "the end of the input leaves as well"


async def test_a_refusal_is_told_and_the_conversation_goes_on(standin: Standin) -> None:
    """Where a script would end, a person may try again in other words."""
    standin.faults.append(Fault(status=400))
    async with standin.serve() as url, terminal(url) as screen:
        await screen.until("›")
        screen.type("Pinga")
        await screen.until("a mensagem é longa")
        screen.type("Pinga no teto")
        await screen.until(REPLIES[0])
        screen.type("/nonsense")
        await screen.until(REPLIES[0], "/finish termina")
        screen.type("/quit")
        assert await screen.ended() == 0


async def test_an_answer_that_runs_is_followed_after_coming_back(standin: Standin) -> None:
    """Whoever resumes while an answer is on its way sees it to its end."""
    release = asyncio.Event()
    standin.faults.extend([Fault(wait=release), Fault(wait=release)])
    async with standin.serve() as url:
        async with terminal(url) as screen:
            await screen.until("›")
            screen.type("Pinga no teto")
            await screen.until("cômodo da casa?")
            screen.process.kill()
            await screen.ended()
        token = f"secret-{case_id(1)}"
        async with terminal(url, "--resume", case_id(1), "--token", token) as screen:
            await screen.until("› Pinga no teto", "cômodo da casa?")
            release.set()
            await screen.until(REPLIES[0], "/finish termina")
            screen.type("/quit")
            assert await screen.ended() == 0
