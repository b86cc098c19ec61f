"""Restart: a storage full of conversations serves soon after it was killed, with all of them."""

import asyncio
import os
import time
from collections.abc import Sequence
from pathlib import Path

import pytest

from app.embedded import EmbeddedValkey
from tests.faults.conftest import Show
from tests.support.api import Api, Case
from tests.support.copies import Original, copy, original
from tests.support.listener import AWAY, conversation, settled
from tests.support.processes import instances
from tests.support.proofs import rounds
from tests.support.sealed import store_at
from tests.support.valkey import Wire
from tests.support.waiting import until

TOLD = (
    "Fui demitido sem justa causa na semana passada e a empresa não pagou as verbas rescisórias.",
    "Trabalhei lá por quatro anos, de março de 2022 até agora, com carteira assinada.",
    "Ganhava três mil e duzentos reais por mês e fazia horas extras que nunca foram pagas.",
    "Não recebi nada até hoje, nem as guias do seguro-desemprego. Tenho os contracheques.",
    "Quero receber o que me devem e saber até quando posso entrar com a ação.",
)
MANY = 100_000
SERVED_SECONDS = 1.5
"""The target for so many short ones, of time on a processor: nobody else's work counts then."""
LOOKED_AT = 200
"""So many are read word by word through the API."""


@pytest.mark.timeout(3_600)
@pytest.mark.parametrize(
    ("told", "over"),
    [
        pytest.param(TOLD[:1], False, id="short ones"),
        pytest.param(TOLD, True, id="long ones with a result"),
    ],
)
def test_many_conversations_are_served_soon_after_a_restart(
    own_valkey: EmbeddedValkey, tmp_path: Path, show: Show, told: Sequence[str], over: bool
) -> None:
    """From the server's start to the first conversation that is read, and all of them are there."""
    number = rounds(2_000)
    with instances(own_valkey.url, tmp_path) as start:
        api = Api(start().port)
        case = _held(api, told, over=over)
        said = conversation(api, case)
        began = time.monotonic()
        model, ids = asyncio.run(_filled(own_valkey.url, case, number))
        writing = time.monotonic() - began
        memory = _info(own_valkey, "used_memory")
        as_written, _ = _restarted(own_valkey, api, case)
        _written_anew(own_valkey)
        base = sum(one.stat().st_size for one in own_valkey.folder.rglob("*.base.rdb"))
        anew, worked = _restarted(own_valkey, api, case)
        assert conversation(api, case) == said
        assert asyncio.run(_whole(own_valkey.url, ids, len(said))) == number
        for one in ids[:: max(1, number // LOOKED_AT)]:
            assert conversation(api, Case(one, case.token)) == said
    show(
        "a restart with many conversations, sealed and compressed",
        [
            ("conversations", f"{number:,} of {len(said)} turns" + ", with a result" * over),
            ("written in", f"{writing:.0f} s"),
            ("a conversation before it is sealed", f"{model.plain_bytes:,} bytes"),
            ("on the disk", f"{base / number:,.0f} bytes"),
            ("in memory", f"{memory / number:,.0f} bytes"),
            ("start to first read, file as it was written", f"{as_written * 1_000:.0f} ms"),
            ("start to first read, file written anew", f"{anew * 1_000:.0f} ms"),
            ("of it, Valkey's own time on a processor", f"{worked * 1_000:.0f} ms"),
        ],
    )
    if number >= MANY and not over:
        assert worked <= SERVED_SECONDS


def _held(api: Api, told: Sequence[str], *, over: bool) -> Case:
    """Hold a conversation, which ends with a result or goes on."""
    case = api.start(locale="pt-BR")
    for text in told:
        assert api.say(case, text).status == 200
    if not over:
        return case
    assert api.post("/force-complete", {"case_id": case.id}, case.token, key="k").status == 200
    settled(api, case)
    assert api.get(f"/result/{case.id}", case.token).status == 200
    return case


def _restarted(valkey: EmbeddedValkey, api: Api, case: Case) -> tuple[float, float]:
    """Kill the server and start it.

    Returns the seconds until a conversation was read, and those that the server worked.
    """
    valkey.kill()
    began = time.monotonic()
    valkey.start(timeout=600)

    def is_read() -> bool:
        try:
            return api.get(f"/cases/{case.id}", case.token).status == 200
        except AWAY:
            return False

    until(is_read, "the conversation is not served", seconds=600)
    took = time.monotonic() - began
    fields = Path(f"/proc/{valkey.pid}/stat").read_text().rpartition(") ")[2].split()
    return took, (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _written_anew(valkey: EmbeddedValkey) -> None:
    """Have the file written anew; the server may be at it already, for it has grown."""

    def rests() -> bool:
        return not _info(valkey, "aof_rewrite_in_progress")

    until(rests, "it is writing its file anew", seconds=300)
    with Wire(valkey.socket) as wire:
        wire.call("BGREWRITEAOF")
    until(rests, "it is written anew", seconds=300)


async def _filled(url: str, case: Case, number: int) -> tuple[Original, list[str]]:
    store = store_at(url)
    try:
        model = await original(store, case.id)
        return model, await copy(store, model, number, ends_at=int(time.time()) + 86_400)
    finally:
        await store.close()


async def _whole(url: str, ids: list[str], turns: int) -> int:
    """Return how many of these are there with all of their turns."""
    store = store_at(url)
    try:
        found = 0
        for at in range(0, len(ids), 1_000):
            some = [("LLEN", f"tri:{{{one}}}:l") for one in ids[at : at + 1_000]]
            found += sum(length == turns for length in await store.commands(some))
        return found
    finally:
        await store.close()


def _info(valkey: EmbeddedValkey, name: str) -> int:
    with Wire(valkey.socket) as wire:
        lines = (wire.call("INFO", "everything") or b"").decode().splitlines()
    return next(int(line.partition(":")[2]) for line in lines if line.startswith(f"{name}:"))
