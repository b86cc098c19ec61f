"""Small parts by themselves: reading a chunk, writing it anew, the rules that read a message."""

import json
import time
from collections.abc import Callable
from datetime import date

from msgspec import Struct
from openai.types.responses import ResponseTextDeltaEvent

from app.core.language.text import words
from app.core.playbook.files import load_playbooks
from app.core.rules import Rules
from app.domain import event as events
from app.domain.event import Delta, EventId
from app.llm.openai_responses import ResponsesDecoder
from app.llm.partial import VisibleText
from app.llm.sse import EventSplitter
from tests.bench.report import Row, Table
from tests.bench.rig import STORY
from tests.support.cases import case_state
from tests.support.wires import responses_events

_WORD = "palavra "


class Plan(Struct, frozen=True, kw_only=True):
    """How much is measured."""

    rounds: int = 20_000
    readings: int = 50


def chunk(plan: Plan) -> Table:
    """Measure reading one chunk of a model and writing it as one frame of ours."""
    frames = responses_events(['{"reply":"', _WORD])
    places = [at for at, one in enumerate(frames) if b"output_text.delta" in one]
    opening, word = frames[places[0]], frames[places[1]]
    splitter, decoder, visible = EventSplitter(), ResponsesDecoder(), VisibleText("reply")

    def decoded(frame: bytes) -> str:
        return "".join(visible.feed(decoder.feed(data)) for data in splitter.feed(frame))

    assert decoded(opening) == ""
    assert decoded(word) == _WORD

    def encoded(text: str) -> bytes:
        place = EventId(1_700_000_000_000, 7)
        return events.frame(str(place), "delta", events.encode(Delta(t=text)))

    def plain(frame: bytes) -> bytes:
        data = json.loads(frame.partition(b"data: ")[2])
        return b"data: " + json.dumps({"t": data["delta"]}).encode() + b"\n\n"

    def with_sdk(frame: bytes) -> bytes:
        data = json.loads(frame.partition(b"data: ")[2])
        return b"data: " + ResponseTextDeltaEvent.construct(**data).delta.encode() + b"\n\n"

    read = _each(lambda: decoded(word), plan.rounds)
    write = _each(lambda: encoded(_WORD), plan.rounds)
    both = _each(lambda: encoded(decoded(word)), plan.rounds)
    stdlib = _each(lambda: plain(word), plan.rounds)
    typed = _each(lambda: with_sdk(word), plan.rounds)
    return Table(
        name="chunk",
        title="One chunk of a model's stream",
        rows=[
            Row(what="decode", ours=read, unit="µs"),
            Row(what="encode", ours=write, unit="µs"),
            Row(
                what="decode and encode",
                ours=both,
                unit="µs",
                beside="json of the standard library",
                peer=stdlib,
                aim="≤ 2 µs",
                reached=both <= 2,
            ),
            Row(
                what="decode and encode, beside the SDK's event alone",
                ours=both,
                unit="µs",
                beside="pydantic construct",
                peer=typed,
            ),
        ],
    )


def reading(plan: Plan) -> Table:
    """Measure what the rules of each playbook take to read one message."""
    rows = []
    for name, playbook in load_playbooks(None).items():
        understanding = Rules(playbook).understanding
        state = case_state()
        locale = playbook.locales[0]
        case = type(state)(
            case_id=state.case_id,
            playbook=name,
            playbook_version=playbook.version,
            locale=locale,
            variant="v2",
            created_at=1,
            updated_at=1,
        )
        day = date(2026, 1, 15)
        spent = _each(lambda: understanding.read(case, [], 1, STORY, day), plan.readings)  # noqa: B023
        rows.append(
            Row(
                what=f"{name}: {len(STORY)} characters",
                ours=spent / 1_000,
                unit="ms",
                beside="splitting it into words",
                peer=_each(lambda: words(STORY), plan.readings) / 1_000,
            )
        )
    return Table(name="reading", title="Rules read a message, before any model is asked", rows=rows)


def _each(work: Callable[[], object], rounds: int) -> float:
    """Return the microseconds that one run takes: the best of five tries."""
    best = float("inf")
    for _ in range(5):
        began = time.perf_counter()
        for _ in range(rounds):
            work()
        best = min(best, (time.perf_counter() - began) / rounds)
    return best * 1e6
