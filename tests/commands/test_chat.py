"""The terminal conversation, as a process of its own."""

import asyncio
import contextlib
import re
from collections.abc import AsyncIterator

from tests.support.processes import StartInstance, counted, environment, free_port, triage
from tests.web.analyses import leak_analysis
from tests.web.standin import Fault, Standin, ended, telling

REPLIES = ["Em que cômodo da casa?", "Desde quando?", "Obrigado. O resultado vem a seguir."]


class Talk:
    """What a finished `triage chat` wrote."""

    def __init__(self, status: int, out: bytes, err: bytes) -> None:
        """Keep the words without their indentation and line breaks."""
        self.status = status
        self.out = re.sub(r"\s+", " ", out.decode())
        self.err = err.decode()


async def chat(url: str, lines: list[str], *options: str, **settings: str) -> Talk:
    """Run `triage chat` with these lines as its input."""
    process = await asyncio.create_subprocess_exec(
        *triage("chat", "--url", url, *options),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env=counted(environment(COLUMNS="88", PYTHONIOENCODING="utf-8", **settings)),
    )
    out, err = await process.communicate("".join(f"{line}\n" for line in lines).encode())
    assert process.returncode is not None
    return Talk(process.returncode, out, err)


@contextlib.asynccontextmanager
async def serving() -> AsyncIterator[tuple[Standin, str]]:
    """Serve the prepared conversation."""
    standin = Standin(REPLIES, leak_analysis())
    async with standin.serve() as url:
        yield standin, url


async def test_every_line_of_a_pipe_is_a_message_and_the_result_ends_it() -> None:
    """A script can hold a whole interview through a pipe and read the result."""
    async with serving() as (standin, url):
        talk = await chat(url, ["Pinga no teto", "", "No banheiro", "Desde ontem"])

    assert talk.status == 0, talk.err
    assert [text for _, text in standin.posts] == ["Pinga no teto", "No banheiro", "Desde ontem"]
    places = [talk.out.index(text) for text in (standin.greeting, *REPLIES, "Vazamento")]
    assert places == sorted(places)
    assert "URGENTE" in talk.out
    assert "1. Chame um encanador." in talk.out
    assert talk.err == ""


async def test_a_real_server_is_talked_to_in_the_same_way(start_instance: StartInstance) -> None:
    """A whole interview, ended early, with the interviewer that needs no key."""
    instance = await asyncio.to_thread(start_instance)
    story = "Fui demitida sem justa causa e a empresa não pagou a minha rescisão."
    talk = await chat(instance.url, [story, "/finish"], "--locale", "pt-BR")

    assert talk.status == 0, talk.err
    assert talk.out.index("O que aconteceu?") < talk.out.index(story) < talk.out.index("Resultado")
    assert "Próximos passos 1." in re.sub(r"[│ ]+", " ", talk.out)


async def test_a_broken_connection_costs_no_word_and_doubles_none() -> None:
    """Connections that break before, within and after an answer leave its text exact."""
    async with serving() as (standin, url):
        standin.faults.extend(
            [Fault(cut_after=0), Fault(cut_after=3), Fault(cut_after=0), Fault(from_start=True)]
        )
        talk = await chat(url, ["Pinga no teto"])

    assert talk.out.count(REPLIES[0]) == 1
    assert len(standin.posts) == 2
    assert len(set(standin.posts)) == 1, "a retry carries the same key"
    assert standin.resumed == ["7-3", "7-3"]
    assert "A conexão caiu" in talk.err


async def test_the_partial_text_of_a_lost_owner_is_dropped() -> None:
    """After `turn.restarted` only the new owner's words are shown."""
    async with serving() as (standin, url):
        restarted = {"turn": 1, "attempt": 2, "reason": "takeover"}
        standin.scripts[1] = [
            *telling(1, "Palavras perdidas")[:-1],
            ("9-1", "turn.restarted", restarted),
            ("9-2", "delta", {"t": "De "}),
            ("9-3", "snapshot", {"text": "De novo."}),
            ("9-4", "turn.cancelled", ended(1, "De novo.")),
        ]
        talk = await chat(url, ["Pinga no teto"])

    assert "perdidas" not in talk.out
    assert "De novo. (resposta interrompida)" in talk.out


async def test_an_instance_that_leaves_is_followed_elsewhere() -> None:
    """`stream.closing` makes the reader come back behind what it has seen."""
    async with serving() as (standin, url):
        standin.faults.append(Fault(closing_after=2))
        talk = await chat(url, ["Pinga no teto"])

    assert talk.out.count(REPLIES[0]) == 1
    assert standin.resumed == ["7-2"]
    assert talk.err.count("caiu") == 0, "leaving politely is no trouble"


async def test_a_message_may_be_refused() -> None:
    """The server's own sentence is what a script's author reads, and the status is 1."""
    async with serving() as (standin, url):
        standin.faults.append(Fault(status=400))
        talk = await chat(url, ["Pinga no teto"])

    assert talk.status == 1
    assert talk.err == "triage: a mensagem é longa\n"


async def test_finish_and_result_are_commands() -> None:
    """`/finish` ends the interview early; `/result` before says that there is none."""
    async with serving() as (_, url):
        talk = await chat(url, ["/result", "Pinga no teto", "/finish", "/help", "/quit", "unheard"])

    assert talk.status == 0, talk.err
    assert "Ainda não há resultado" in talk.out
    assert "Vazamento" in talk.out
    assert "/quit sai." in talk.out
    assert "unheard" not in talk.out


async def test_an_earlier_conversation_goes_on() -> None:
    """With the case and its token the conversation is shown again and continued."""
    async with serving() as (standin, url):
        first = await chat(url, ["Pinga no teto"])
        known = next(iter(standin.cases))
        again = await chat(
            url, ["No banheiro"], "--resume", known, TRIAGE_CASE_TOKEN=f"secret-{known}"
        )

    assert "/finish" in first.err, "it says how to end an interview that is not over"
    assert len(standin.cases) == 1
    assert REPLIES[0] in again.out
    assert REPLIES[1] in again.out


async def test_resuming_needs_the_token() -> None:
    """A case id alone opens nothing."""
    talk = await chat("http://127.0.0.1:9", [], "--resume", "case-1")

    assert talk.status == 2
    assert "TRIAGE_CASE_TOKEN" in talk.err


async def test_somebody_who_forgot_to_start_the_server_is_told_so() -> None:
    """Without a server the command says in one line what to do."""
    url = f"http://127.0.0.1:{free_port()}"
    talk = await chat(url, ["Pinga no teto"])

    assert talk.status == 1
    assert talk.err.startswith(f"triage: no server answers at {url}")
    assert "triage up" in talk.err


async def test_it_speaks_the_language_of_the_case() -> None:
    """The labels of the result follow the locale the interview is held in."""
    async with serving() as (_, url):
        talk = await chat(url, ["It drips", "/finish"], "--locale", "en")

    assert "Next steps" in talk.out
