"""A small stand-in for the server: tells a prepared conversation, with prepared network faults.

The page and the terminal client are tried against a real server too; this one is for what a real
server does rarely and never on request: connections that break before, within and after an answer,
events that come twice, an owner that starts over.
"""

import asyncio
import contextlib
import hashlib
import json
import time
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, Literal

import msgspec
from aiohttp import web

from app.api.page import FOLDER, HEADERS
from app.api.problems import Problem
from app.api.schema import CaseTurn, CaseView, Started
from app.domain.analysis import Analysis

BASE = "/api/v2/triage"

_OUTCOMES: dict[str, Literal["completed", "cancelled", "failed"]] = {
    "turn.completed": "completed",
    "turn.cancelled": "cancelled",
    "turn.failed": "failed",
}

Frame = tuple[str | None, str, dict[str, Any]]


@dataclass
class Fault:
    """What befalls one connection: it breaks after so many frames, or tells old ones again."""

    cut_after: int | None = None
    """Break the connection after that many frames; 0 is before any answer."""
    closing_after: int | None = None
    """Announce `stream.closing` after that many frames and end politely."""
    from_start: bool = False
    """Ignore the reader's place and tell everything again."""
    wait: asyncio.Event | None = None
    """Stop before the cut, or the terminal event, until this is set."""
    status: int | None = None
    """Answer with this HTTP status instead."""


@dataclass
class Case:
    """A case as the stand-in keeps it."""

    locale: str
    status: Literal["active", "completed"] = "active"
    turns: list[CaseTurn] = field(default_factory=list)
    frames: dict[int, list[Frame]] = field(default_factory=dict)
    keys: dict[str, int] = field(default_factory=dict)
    stopped: asyncio.Event = field(default_factory=asyncio.Event)
    life: list[Frame] = field(default_factory=list)
    """Events of the case itself."""
    lived: asyncio.Condition = field(default_factory=asyncio.Condition)
    """Notified when there is one more."""


def telling(turn: int, message: str, *, complete: bool = False, epoch: int = 7) -> list[Frame]:
    """Return the frames of a turn that is answered word by word."""
    started = {"turn": turn, "attempt": 1, "variant": "v2"}
    frames: list[Frame] = [(f"{epoch}-1", "turn.started", started)]
    for place, word in enumerate(message.split(" ")):
        data = {"t": word if place == 0 else f" {word}"}
        frames.append((f"{epoch}-{place + 2}", "delta", data))
    done = {
        **ended(turn, message),
        "interview": "complete" if complete else "active",
        "status": "completed" if complete else "active",
        "complexity": "low",
        "confidence": 0.5,
        "missing": [],
        "usage": {"input": 0, "output": 0, "attempts": 0, "model": None},
    }
    return [*frames, (f"{epoch}-{len(frames) + 1}", "turn.completed", done)]


def case_id(number: int) -> str:
    """Return the id of the case that was opened as the first, second and so on."""
    return f"{number:032x}"


def ended(turn: int, message: str) -> dict[str, Any]:
    """Return what every terminal event that carries words tells."""
    digest = hashlib.sha256(message.encode()).hexdigest()
    return {"turn": turn, "message": message, "length": len(message), "sha256": digest}


class Standin:
    """The server of one test: what it will say and suffer, and what it was asked."""

    def __init__(self, replies: list[str], result: Analysis | None = None) -> None:
        """Take the replies in order; after the last one the interview is complete."""
        self.replies = replies
        self.result = result
        self.greeting = "Olá! Conte com suas palavras o que aconteceu."
        self.notice = "Isto é uma triagem."
        self.faults: deque[Fault] = deque()
        """One per connection of a turn, in order; none left means that all goes well."""
        self.scripts: dict[int, list[Frame]] = {}
        """Frames of a turn, where they are not simply the reply word by word."""
        self.pace = 0.0
        self.on_delta: Callable[[], object] | None = None
        """Hears of each word as it is written to the socket."""
        self.cases: dict[str, Case] = {}
        self.posts: list[tuple[str, str]] = []
        """Idempotency key and message of every post, those that were dropped included."""
        self.facts: list[dict[str, str]] = []
        self.ratings: list[dict[str, Any]] = []
        self.started: list[dict[str, Any]] = []
        """The bodies of `/start`."""
        self.links: dict[str, str] = {}
        """Codes that were not opened yet, and their cases."""
        self._opened = 0
        self.resumed: list[str] = []
        """The Last-Event-ID of every resume."""

    @contextlib.asynccontextmanager
    async def serve(self) -> AsyncIterator[str]:
        """Serve on a free port of the loopback; gives the address."""
        app = web.Application(middlewares=[_refusing])
        app.add_routes(
            [
                web.get("/", self._page),
                web.get("/{name:[a-z]+\\.(?:css|js|svg)}", self._page),
                web.get(f"{BASE}/cases/{{id}}/events", self._life),
                web.get(f"{BASE}/cases/{{id}}/export", self._export),
                web.post(f"{BASE}/cases/{{id}}/rating", self._rate),
                web.post(f"{BASE}/cases/{{id}}/links", self._link),
                web.post(f"{BASE}/open-link", self._open_link),
                web.get(f"{BASE}/status/{{id}}", self._status),
                web.post(f"{BASE}/start", self._start),
                web.post(f"{BASE}/continue-stream", self._post),
                web.post(f"{BASE}/force-complete", self._conclude),
                web.get(f"{BASE}/cases/{{id}}", self._case),
                web.delete(f"{BASE}/cases/{{id}}", self._erase),
                web.post(f"{BASE}/cases/{{id}}/facts", self._fact),
                web.get(f"{BASE}/cases/{{id}}/turns/{{turn}}/events", self._resume),
                web.post(f"{BASE}/cases/{{id}}/turns/{{turn}}/cancel", self._cancel),
                web.get(f"{BASE}/result/{{id}}", self._result),
            ]
        )
        runner = web.AppRunner(app, shutdown_timeout=0.1)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        try:
            yield f"http://127.0.0.1:{runner.addresses[0][1]}"
        finally:
            await runner.cleanup()

    async def _page(self, request: web.Request) -> web.FileResponse:
        name = request.match_info.get("name", "index.html")
        return web.FileResponse(FOLDER / name, headers=HEADERS)

    async def _start(self, request: web.Request) -> web.Response:
        body = await request.json()
        self.started.append(body)
        self._opened += 1
        name = case_id(self._opened)
        self.cases[name] = Case(locale=body.get("locale", "pt-BR"))
        started = Started(
            case_id=name,
            case_token=f"secret-{name}",
            status="active",
            variant="v2",
            message=self.greeting,
            notice=self.notice,
            playbook="test",
            playbook_version="1.0.0",
            locale=self.cases[name].locale,
            created_at=0,
        )
        return _json(started, status=201)

    def _of(self, request: web.Request, name: str | None = None) -> Case:
        name = name or request.match_info["id"]
        known = request.headers.get("Authorization") == f"Bearer secret-{name}"
        if not known or name not in self.cases:
            raise _Refusal(404, "no such case")
        return self.cases[name]

    async def _case(self, request: web.Request) -> web.Response:
        case = self._of(request)
        view = CaseView(
            case_id=request.match_info["id"],
            status=case.status,
            playbook="test",
            locale=case.locale,
            variant="v2",
            greeting=self.greeting,
            notice=self.notice,
            turns=case.turns,
        )
        return _json(view)

    async def _post(self, request: web.Request) -> web.StreamResponse:
        body = await request.json()
        case, key = self._of(request, body["case_id"]), request.headers["Idempotency-Key"]
        self.posts.append((key, body["message"]))
        fault = self.faults.popleft() if self.faults else Fault()
        if fault.status is not None:
            return _problem(fault.status, "a mensagem é longa")
        if fault.cut_after == 0:
            _break(request)
        if key not in case.keys:
            case.keys[key] = turn = len(case.turns) + 1
            complete = turn >= len(self.replies)
            case.turns.append(_turn(turn, "say", body["message"]))
            told = telling(turn, self.replies[turn - 1], complete=complete)
            case.frames[turn] = self.scripts.get(turn, told)
        return await self._tell(request, case, case.keys[key], None, fault)

    async def _resume(self, request: web.Request) -> web.StreamResponse:
        case, after = self._of(request), request.headers.get("Last-Event-ID")
        self.resumed.append(after or "")
        fault = self.faults.popleft() if self.faults else Fault()
        if fault.cut_after == 0:
            _break(request)
        turn = int(request.match_info["turn"])
        return await self._tell(request, case, turn, None if fault.from_start else after, fault)

    async def _tell(
        self, request: web.Request, case: Case, turn: int, after: str | None, fault: Fault
    ) -> web.StreamResponse:
        headers = {"Content-Type": "text/event-stream", "Triage-Turn": str(turn)}
        response = web.StreamResponse(headers=headers)
        await response.prepare(request)
        await response.write(b"retry: 250\n\n: ok\n\n")
        frames = case.frames[turn]
        begin = next((i + 1 for i, (id_, _, _) in enumerate(frames) if id_ == after and after), 0)
        for count, frame in enumerate(frames[begin:]):
            id_, name, data = frame
            if count == fault.cut_after:
                if fault.wait is not None:
                    await fault.wait.wait()
                _break(request, politely=True)
            if count == fault.closing_after:
                await response.write(b"event: stream.closing\ndata: {}\n\n")
                return response
            if fault.wait is not None and name == "turn.completed":
                await _either(fault.wait, case.stopped)
                if case.stopped.is_set():
                    name, data = "turn.cancelled", ended(turn, "Parei aqui")
            head = "" if id_ is None else f"id: {id_}\n"
            payload = json.dumps({"type": name, **data}, ensure_ascii=False)
            if name == "delta" and self.on_delta is not None:
                self.on_delta()
            await response.write(f"{head}event: {name}\ndata: {payload}\n\n".encode())
            _settle(case, turn, name, data)
            await asyncio.sleep(self.pace)
        return response

    async def happen(self, name: str, data: dict[str, Any], case: str = case_id(1)) -> None:
        """Let something happen to a case, and everybody who follows it hear of it."""
        found = self.cases[case]
        async with found.lived:
            found.life.append((f"1-{len(found.life) + 1}", name, data))
            found.lived.notify_all()

    async def _life(self, request: web.Request) -> web.StreamResponse:
        case, after = self._of(request), request.headers.get("Last-Event-ID")
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await response.prepare(request)
        await response.write(b"retry: 250\n\n: ok\n\n")
        told = int(after.partition("-")[2]) if after else 0
        while True:
            async with case.lived:
                while len(case.life) <= told:
                    await case.lived.wait()
            for id_, name, data in case.life[told:]:
                payload = json.dumps({"type": name, **data}, ensure_ascii=False)
                frame = f"id: {id_}\nevent: {name}\ndata: {payload}\n\n"
                await response.write(frame.encode())
            told = len(case.life)

    async def _export(self, request: web.Request) -> web.Response:
        case = self._of(request)
        return web.json_response({"turns": [turn.message for turn in case.turns]})

    async def _rate(self, request: web.Request) -> web.Response:
        self._of(request)
        self.ratings.append(await request.json())
        return web.json_response(self.ratings[-1])

    async def _link(self, request: web.Request) -> web.Response:
        self._of(request)
        code = f"code-{len(self.links) + 1}"
        self.links[code] = request.match_info["id"]
        until = (int(time.time()) + 600) * 1000
        return web.json_response({"code": code, "expires_at": until}, status=201)

    async def _open_link(self, request: web.Request) -> web.Response:
        case = self.links.pop((await request.json())["code"], None)
        if case is None:
            raise _Refusal(404, "no such link", "link-not-found")
        return web.json_response({"case_id": case, "case_token": f"secret-{case}"})

    async def _status(self, request: web.Request) -> web.Response:
        case = self._of(request)
        facts = [] if self.result is None else self.result.facts
        known = [
            {"slot": one.name, "label": one.label, "value": one.value, "turn": 1, "source": "rules"}
            for one in facts
        ]
        return web.json_response({"status": case.status, "facts": known})

    async def _cancel(self, request: web.Request) -> web.Response:
        self._of(request).stopped.set()
        return web.json_response({"status": "cancelling"}, status=202)

    async def _conclude(self, request: web.Request) -> web.Response:
        body = await request.json()
        case = self._of(request, body["case_id"])
        assert request.headers["Idempotency-Key"]
        turn = len(case.turns) + 1
        case.turns.append(_turn(turn, "conclude", body["reason"]))
        case.frames[turn] = telling(turn, self.replies[-1], complete=True)
        for _, name, data in case.frames[turn]:
            _settle(case, turn, name, data)
        return web.json_response({}, headers={"Triage-Turn": str(turn)})

    async def _fact(self, request: web.Request) -> web.Response:
        self._of(request)
        self.facts.append(await request.json())
        assert self.result is not None
        known = tuple(
            msgspec.structs.replace(fact, value=self.facts[-1]["value"])
            if fact.name == self.facts[-1]["slot"]
            else fact
            for fact in self.result.facts
        )
        self.result = msgspec.structs.replace(self.result, facts=known)
        return web.json_response({})

    async def _erase(self, request: web.Request) -> web.Response:
        self._of(request)
        del self.cases[request.match_info["id"]]
        return web.Response(status=204)

    async def _result(self, request: web.Request) -> web.Response:
        if self._of(request).status != "completed" or self.result is None:
            raise _Refusal(409, "the result is not ready", "result-not-ready")
        return _json(self.result)


class _Refusal(Exception):
    def __init__(self, status: int, detail: str, kind: str = "case-not-found") -> None:
        super().__init__(detail)
        self.status = status
        self.kind = kind


@web.middleware
async def _refusing(
    request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
) -> web.StreamResponse:
    try:
        return await handler(request)
    except _Refusal as refusal:
        return _problem(refusal.status, str(refusal), refusal.kind)


def _turn(turn: int, kind: Literal["say", "conclude"], message: str) -> CaseTurn:
    return CaseTurn(turn=turn, kind=kind, message=message, reply="", outcome="running", at=0)


def _settle(case: Case, turn: int, name: str, data: dict[str, Any]) -> None:
    outcome = _OUTCOMES.get(name)
    if outcome is not None:
        known = case.turns[turn - 1]
        known.outcome, known.reply = outcome, data["message"]
    if data.get("interview") == "complete":
        case.status = "completed"


def _json(value: object, status: int = 200) -> web.Response:
    body = msgspec.json.encode(value)
    return web.Response(body=body, status=status, content_type="application/json")


def _break(request: web.Request, *, politely: bool = False) -> None:
    """Cut the connection without a word; politely, what was written before still arrives."""
    transport = request.transport
    assert transport is not None
    if politely:
        transport.close()
    else:
        transport.abort()
    raise ConnectionResetError


def _problem(status: int, detail: str, kind: str = "invalid-input") -> web.Response:
    type_ = f"urn:triage:problem:{kind}"
    problem = Problem(type=type_, title="Refused", status=status, detail=detail)
    return _json(problem, status)


async def _either(*events: asyncio.Event) -> None:
    waits = [asyncio.ensure_future(event.wait()) for event in events]
    await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
    for wait in waits:
        wait.cancel()
