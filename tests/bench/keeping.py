"""What it costs to keep things: a conversation, a token log, a hundred posts to one case."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from uuid import uuid4

from msgspec import Struct
from msgspec.structs import replace

from app.core import terminals
from app.core.steps import Answer
from app.domain.assessment import Assessment, SlotValue
from app.domain.case import Accepted, CaseState, Say
from app.state.conversations import ConversationStateManager
from app.state.journal import Journal
from app.state.records import Claim
from tests.bench.load import Target, connected
from tests.bench.machine import on_cores, percentile
from tests.bench.report import Row, Table
from tests.bench.rig import STORY, Rig, opened, run, say
from tests.support.cases import TOKEN_HASH, case_state
from tests.support.sealed import store_at

TURNS = 20
_TTL = 600
_CONNECTIONS = 50
_TURN = b"triage-turn: "


class Plan(Struct, frozen=True, kw_only=True):
    """How much is measured."""

    rounds: int = 1_000
    writers: int = 200
    words: int = 100
    posts: int = 100
    repeats: int = 5


def conversation(rig: Rig, plan: Plan) -> Table:
    """Measure saving and loading a conversation of twenty turns beside PING in the same client."""
    with on_cores(rig.cores.measured):
        times = run(_conversation(rig.valkey.url, plan.rounds))
    ping, small = times["ping"], times["raw"]
    rows = [
        Row(
            what=name,
            ours=times[key],
            unit="µs",
            beside="PING",
            peer=ping,
            aim="≤ 3 PING" if aimed else "",
            reached=times[key] <= 3 * ping if aimed else None,
        )
        for name, key, aimed in (
            ("load the state", "load", True),
            ("save the state", "save", True),
            ("accept a message and load all twenty turns", "accept", False),
            ("commit a turn", "finish", False),
        )
    ]
    rows.append(
        Row(
            what="commit a turn, beside the cheapest durable write",
            ours=times["finish"],
            unit="µs",
            beside="SET of 8 kB",
            peer=small,
        )
    )
    return Table(name="conversation", title=f"A conversation of {TURNS} turns, medians", rows=rows)


async def _conversation(url: str, rounds: int) -> dict[str, float]:
    store = store_at(url)
    try:
        conversations = ConversationStateManager(store, "bench")
        state = _lived()
        await conversations.start(state, token_hash=TOKEN_HASH, cap=10**6, ttl=_TTL)
        for _ in range(TURNS):
            await _finish(conversations, await _accept(conversations, state), state)
        blob = b"x" * 8_192
        times: dict[str, list[float]] = {}

        async def timed(name: str, work: Callable[[], Awaitable[object]]) -> None:
            began = time.perf_counter()
            await work()
            times.setdefault(name, []).append(time.perf_counter() - began)

        for _ in range(rounds):
            await timed("ping", lambda: store.command("PING"))
            await timed(
                "raw", lambda: store.command("SET", f"bench:{state.case_id}", blob, "EX", 60)
            )
            await timed("load", lambda: conversations.get_conversation_state(state.case_id))
            await timed(
                "save",
                lambda: conversations.save_conversation_state(state.case_id, state, ttl=_TTL),
            )
        # Every commit adds a turn, so the ones that are timed begin anew from twenty turns.
        for _ in range(max(1, rounds // 10)):
            fresh = replace(state, case_id=uuid4().hex)
            await conversations.start(fresh, token_hash=TOKEN_HASH, cap=10**6, ttl=_TTL)
            for _ in range(TURNS):
                await _finish(conversations, await _accept(conversations, fresh), fresh)
            began = time.perf_counter()
            claim = await _accept(conversations, fresh)
            accepted = time.perf_counter()
            await _finish(conversations, claim, fresh)
            times.setdefault("accept", []).append(accepted - began)
            times.setdefault("finish", []).append(time.perf_counter() - accepted)
        return {name: percentile(found, 0.5) * 1e6 for name, found in times.items()}
    finally:
        await store.close()


def _lived() -> CaseState:
    """Return the state of a case that has a lot in it."""
    slots = {
        f"slot_{number}": SlotValue(value=STORY[:120], turn=number, source="rules")
        for number in range(TURNS)
    }
    return replace(case_state(), assessment=replace(Assessment(), slots=slots))


async def _accept(conversations: ConversationStateManager, state: CaseState) -> Claim:
    receipt = await conversations.accept(
        state.case_id,
        Accepted(command=Say(text=STORY), at=1),
        token_hash=TOKEN_HASH,
        key=uuid4().hex,
        fingerprint="print",
        on_busy="enqueue",
        claim=True,
    )
    assert receipt.claim is not None
    return receipt.claim


async def _finish(conversations: ConversationStateManager, claim: Claim, state: CaseState) -> None:
    answer = Answer(reply=STORY, state=state)
    turn = terminals.record(claim, answer, terminals.completed(claim, answer), seq=1)
    await conversations.finish(
        claim, turn, state=state, result=None, ttl=_TTL, log_ttl=60, events=[]
    )


def journal(rig: Rig, plan: Plan) -> Table:
    """Measure durable words a second through the token log, each writer awaiting each word."""
    with on_cores(rig.cores.measured):
        ours, bare = run(_journal(rig.valkey.url, plan))
    return Table(
        name="journal",
        title=f"Token log: {plan.writers} turns, {plan.words} words each, as fast as they can",
        rows=[
            Row(
                what="durable words a second, every one awaited",
                ours=ours["awaited"],
                unit="/s",
                beside="one XADD each",
                peer=bare,
            ),
            Row(
                what="durable words a second, awaited at the end",
                ours=ours["settled"],
                unit="/s",
                beside="one XADD each",
                peer=bare,
                aim="≥ 3 times",
                reached=ours["settled"] >= 3 * bare,
            ),
        ],
    )


async def _journal(url: str, plan: Plan) -> tuple[dict[str, float], float]:
    store = store_at(url)
    try:
        conversations = ConversationStateManager(store, "bench")
        rates: dict[str, float] = {}
        for name in ("awaited", "settled"):
            claims = await _claims(conversations, plan.writers)
            writer = Journal(store)
            writer.start()

            async def write(
                claim: Claim, writer: Journal = writer, *, each: bool = name == "awaited"
            ) -> None:
                log = writer.open(claim.case_id, claim.turn, claim.epoch)
                for _ in range(plan.words):
                    log.piece("palavra ")
                    if each:
                        await log.settle()
                    else:
                        await asyncio.sleep(0)
                await log.settle()

            began = time.perf_counter()
            await asyncio.gather(*map(write, claims))
            rates[name] = plan.writers * plan.words / (time.perf_counter() - began)
            await writer.close()

        async def add(number: int) -> None:
            for word in range(plan.words):
                await store.command("XADD", f"bench:{number}", f"1-{word + 1}", "p", "palavra ")
            await store.command("DEL", f"bench:{number}")

        # No more than there are connections, or they would wait for those and not for Valkey.
        writers = min(plan.writers, _CONNECTIONS)
        began = time.perf_counter()
        await asyncio.gather(*map(add, range(writers)))
        return rates, writers * plan.words / (time.perf_counter() - began)
    finally:
        await store.close()


async def _claims(conversations: ConversationStateManager, count: int) -> list[Claim]:
    found = []
    for _ in range(count):
        state = case_state()
        await conversations.start(state, token_hash=TOKEN_HASH, cap=100, ttl=_TTL)
        found.append(await _accept(conversations, state))
    return found


def posts(rig: Rig, plan: Plan) -> Table:
    """Measure how long it takes to accept a hundred messages that come to one case at once."""
    port = rig.shared(None).port
    cases = asyncio.run(opened(port, plan.repeats))
    took: list[float] = []
    scripts: list[float] = []
    for case in cases:
        requests = [
            say(case, f"{number}: {STORY}", "continue", Prefer="wait=0")
            for number in range(plan.posts)
        ]
        times, turns = run(_answers(port, requests))
        assert sorted(turns) == list(range(1, plan.posts + 1)), "an order with gaps or repetitions"
        took += times
    with on_cores(rig.cores.measured):
        for _ in cases:
            scripts += run(_accepts(rig.valkey.url, plan.posts))
    late = percentile(took, 0.99) * 1_000
    return Table(
        name="posts",
        title=f"{plan.posts} messages to one case at once, until each is accepted",
        rows=[
            Row(
                what=f"p{share}",
                ours=percentile(took, share / 100) * 1_000,
                unit="ms",
                beside="the ACCEPT scripts alone",
                peer=percentile(scripts, share / 100) * 1_000,
                aim="≤ 50 ms" if share == 99 else "",
                reached=late <= 50 if share == 99 else None,
            )
            for share in (50, 99)
        ],
    )


async def _answers(port: int, requests: list[bytes]) -> tuple[list[float], list[int]]:
    target = Target(name="ours", port=port, request=_none, after_words=b"\0")
    users = [await connected(target, (_TURN,)) for _ in requests]
    for user, request in zip(users, requests, strict=True):
        user.begin(request)
    async with asyncio.timeout(60):
        await asyncio.gather(*(user.until(_TURN) for user in users))
    turns = []
    for user in users:
        head = user.seen.text.lower()
        assert b" 202 " in head or b" 200 " in head, head
        turns.append(int(head.partition(_TURN)[2].partition(b"\r\n")[0]))
    times = [user.seen.first_byte for user in users]
    for user in users:
        user.close()
    return times, turns


async def _none() -> bytes:
    return b""


async def _accepts(url: str, count: int) -> list[float]:
    store = store_at(url)
    try:
        conversations = ConversationStateManager(store, "bench")
        state = case_state()
        await conversations.start(state, token_hash=TOKEN_HASH, cap=10**6, ttl=_TTL)

        async def accept() -> float:
            began = time.perf_counter()
            await conversations.accept(
                state.case_id,
                Accepted(command=Say(text=STORY), at=1),
                token_hash=TOKEN_HASH,
                key=uuid4().hex,
                fingerprint="print",
                on_busy="enqueue",
                claim=False,
            )
            return time.perf_counter() - began

        await asyncio.gather(*(accept() for _ in range(count)))
        return await asyncio.gather(*(accept() for _ in range(count)))
    finally:
        await store.close()
