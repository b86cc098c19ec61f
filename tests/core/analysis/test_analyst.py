"""Results: what models may change of what rules find, what they cite, and what it cost."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from app.core.analysis.analyst import Analysed, Analyst, CaseInHand
from app.core.analysis.memo import Unkept
from app.core.rules import Rules
from app.domain.analysis import Analysis
from app.domain.case import Correct, Turn
from app.domain.playbook import URGENCY_ORDER, Level, Models
from app.domain.usage import Provider, Usage
from app.llm.errors import InvalidOutput, ModelError, ProviderFailed, Refused
from app.llm.factory import build_models
from app.llm.failover import FailoverModel
from app.llm.scripted import Script, ScriptedModel
from app.llm.timeouts import Timeouts
from app.settings import Settings
from tests.support.kept import Kept, told
from tests.support.llmock import LLMock
from tests.support.playbooks import tiny_playbook
from tests.support.replies import analysis_document, report_document, text, verdict_document

PLAYBOOK = replace(
    tiny_playbook(),
    models=Models(
        interview={"openai": "gpt-5", "anthropic": "claude-sonnet-4-5"},
        small={"openai": "gpt-5-mini", "anthropic": "claude-haiku-4-5"},
    ),
)
RULES = Rules(PLAYBOOK)
CODES = sorted(PLAYBOOK.subareas())
LEAK = "Water has been dripping from my bathroom ceiling since yesterday."
CLOG = "The kitchen sink is clogged and the water will not go down."
GAS = "I smell gas in my kitchen since yesterday."


async def analysed(case: CaseInHand, *answers: Any, provider: Any = "openai") -> Analysed:
    """Return the result of a case for which one provider answers so: a document or an error."""
    model = ScriptedModel(provider)
    for one in answers:
        if isinstance(one, type) and issubclass(one, ModelError):
            model.fail(one)
        else:
            model.enqueue(Script(document=one))
    return await Analyst({PLAYBOOK.id: RULES}, FailoverModel([model]), dict).analyse(case, Kept())


def rules_alone(case: CaseInHand) -> Analyst:
    """Return an analyst of this case's playbook without any model."""
    return Analyst({case.state.playbook: RULES}, None, dict)


async def test_a_model_may_raise_the_urgency() -> None:
    """With its own reason."""
    case = told(RULES, CLOG)
    low = (await rules_alone(case).analyse(case, Unkept())).result
    assert low.urgency.level == "low"
    clog = [{"code": "plumbing.blockage", "confidence": 0.9}]
    raised = analysis_document(candidates=clog, urgency="high", urgency_reason="Sewage.")
    result = (await analysed(case, raised)).result
    assert (result.urgency.level, result.urgency.reason) == ("high", "Sewage.")


async def test_a_model_cannot_lower_the_urgency() -> None:
    """The rules' is a floor, and so is the one of the kind that the model itself names."""
    case = told(RULES, GAS)
    calm = analysis_document(urgency="low", urgency_reason="All is well.")
    result = (await analysed(case, calm)).result
    assert result.urgency.level == "critical"
    assert "All is well" not in result.urgency.reason
    assert result.needs_human
    leak = analysis_document(
        candidates=[{"code": "plumbing.leak", "confidence": 0.9}],
        urgency="low",
        urgency_reason="All is well.",
    )
    result = (await analysed(told(RULES, CLOG), leak)).result
    assert result.urgency.level == "medium"
    assert "Leak" in result.urgency.reason


async def test_what_the_playbook_says_follows_the_models_classification() -> None:
    """Papers, time limit, cautions and nature are those of the kind that counts in the end."""
    leak = analysis_document(candidates=[{"code": "plumbing.leak", "confidence": 0.9}])
    result = (await analysed(told(RULES, CLOG), leak)).result
    assert result.classification.code == "plumbing.leak"
    assert result.documents.needed == ("pictures of the leak",)
    assert result.urgency.deadline == "Tell the insurer within 5 days."
    assert result.warnings == ("Do not use wet electrical appliances.",)
    socket = analysis_document(candidates=[{"code": "electric.socket", "confidence": 0.9}])
    result = (await analysed(told(RULES, LEAK), socket)).result
    assert result.nature == "power"
    assert result.documents.needed == ()


async def test_an_unsure_model_abstains_and_nothing_is_called_harmless() -> None:
    """A human should classify, and the urgency is at least medium."""
    unsure = analysis_document(
        candidates=[{"code": "plumbing.blockage", "confidence": 0.2}], urgency="low"
    )
    result = (await analysed(told(RULES, CLOG), unsure)).result
    assert result.classification.abstained
    assert result.classification.code is None
    assert result.needs_human
    assert result.urgency.level == "medium"


async def test_a_model_that_names_nothing_leaves_the_rules_classification_to_a_human() -> None:
    """What rules recognised is shown, and somebody should look."""
    result = (await analysed(told(RULES, CLOG), analysis_document(candidates=[]))).result
    assert result.classification.code == "plumbing.blockage"
    assert result.needs_human


async def test_what_cites_no_message_is_left_out_and_said() -> None:
    """Entries rest on messages and corrections that exist; the others are counted."""
    case = told(RULES, LEAK, "It began on Monday.")
    command = Correct(slot="when", value="2026-02-27")
    corrected: Turn = replace(case.turns[1], turn=3, command=command)
    case = replace(case, turns=(*case.turns, corrected), turn=3)
    entries = [
        {"when": f"time {number}", "what": "Something.", "message": number}
        for number in (0, 1, 3, 4, -1, 10**9)
    ]
    result = (await analysed(case, analysis_document(chronology=entries))).result
    assert [(one.when, one.turn) for one in result.chronology] == [("time 1", 1), ("time 3", 3)]
    assert result.provenance.degradations == ("left out: 4 of the chronology cited no message",)


@pytest.mark.parametrize("fault", [InvalidOutput, Refused])
async def test_where_no_answer_could_be_used_a_human_looks(fault: type[ModelError]) -> None:
    """Rules alone would call it low; that nobody could read it makes that a guess."""
    result = (await analysed(told(RULES, CLOG), fault, fault)).result
    assert result.provenance.strategy == "guided"
    assert result.classification.code == "plumbing.blockage"
    assert result.needs_human
    assert result.urgency.level == "medium"
    assert result.urgency.reason == (
        "The automatic analysis could not be completed; a person should look first."
    )


async def test_unusable_answers_leave_a_higher_urgency_and_its_reason() -> None:
    """The floor only rises."""
    result = (await analysed(told(RULES, GAS), Refused)).result
    assert result.urgency.level == "critical"
    assert "smell" in result.urgency.reason.lower()


async def test_an_outage_is_no_judgement_of_the_case() -> None:
    """Nobody answered at all: the rules' result stands as where no model is configured."""
    case = told(RULES, CLOG)
    result = (await analysed(case, ProviderFailed)).result
    alone = (await rules_alone(case).analyse(case, Unkept())).result
    assert result.urgency == alone.urgency
    assert result.needs_human == alone.needs_human
    assert result.provenance.degradations == (
        "guided: no model could answer: openai provider_error",
    )


async def test_a_result_says_what_it_cost() -> None:
    """In whole nano-USD, of every attempt that was charged for; gpt-5-mini is 0.25 and 2 USD."""
    found = await analysed(told(RULES, CLOG), {"no": "analysis"}, analysis_document())
    assert [one.outcome for one in found.attempts] == ["invalid", "completed"]
    assert found.attempts[0].usage == Usage(input=100, output=20)
    assert found.result.provenance.cost_nano_usd == 2 * (100 * 250 + 20 * 2_000)


async def test_an_unknown_price_is_no_price() -> None:
    """Null, never zero."""
    model = ScriptedModel("openai")
    model.enqueue(Script(document=analysis_document()))
    analyst = Analyst(
        {PLAYBOOK.id: RULES}, FailoverModel([model]), lambda _: {"openai": "my-own-model"}
    )
    found = await analyst.analyse(told(RULES, CLOG), Kept())
    assert found.result.provenance.models == ("my-own-model",)
    assert found.result.provenance.cost_nano_usd is None


shares = st.floats(-0.5, 1.5) | st.sampled_from([0.0, 0.2, 0.5, 1.0])
codes = st.sampled_from([*CODES, "made.up", ""])
entries = st.fixed_dictionaries(
    {"when": st.text(max_size=5), "what": st.text(max_size=5), "message": st.integers(-3, 9)}
)
analyses = st.builds(
    analysis_document,
    candidates=st.lists(st.fixed_dictionaries({"code": codes, "confidence": shares}), max_size=3),
    urgency=st.sampled_from([*URGENCY_ORDER, "never"]),
    urgency_reason=st.text(max_size=5),
    deadline=st.text(max_size=5),
    chronology=st.lists(entries, max_size=3),
    next_steps=st.lists(st.text(max_size=5), max_size=2),
    plain=st.text(max_size=5),
)
verdicts = st.builds(
    verdict_document, st.sampled_from([*CODES, "none", "made.up"]), st.text(max_size=5), shares
)
reports = st.builds(report_document, chronology=st.lists(entries, max_size=3))
failures = st.sampled_from([InvalidOutput, ProviderFailed, Refused])
answers = st.lists(analyses | verdicts | reports | failures | st.binary(max_size=9), max_size=6)
stories = st.lists(st.sampled_from([LEAK, CLOG, GAS, "Hello.", "My car is loud."]), min_size=1)


@given(
    said=stories.filter(lambda one: len(one) < 4),
    complexity=st.sampled_from(["low", "medium", "high"]),
    openai=answers,
    anthropic=answers,
)
async def test_whatever_models_say_the_rules_hold(
    said: list[str], complexity: Level, openai: list[Any], anthropic: list[Any]
) -> None:
    """Codes are the taxonomy's, the urgency is no lower, what is cited exists, doubt is shown."""
    case = told(RULES, *said, complexity=complexity)
    models = ScriptedModel("openai"), ScriptedModel("anthropic")
    for model, scripted in zip(models, (openai, anthropic), strict=True):
        for one in scripted:
            fault = isinstance(one, type)
            model.enqueue(Script(fault=one) if fault else Script(document=one))
    analyst = Analyst({PLAYBOOK.id: RULES}, FailoverModel(models), dict)
    found = await analyst.analyse(case, Kept())
    result = found.result
    floor = (await rules_alone(case).analyse(case, Unkept())).result
    assert URGENCY_ORDER.index(result.urgency.level) >= URGENCY_ORDER.index(floor.urgency.level)
    assert result.red_flags == floor.red_flags
    assert result.urgency.immediate_actions == floor.urgency.immediate_actions
    assert {one.code for one in result.classification.top} <= set(CODES)
    assert result.classification.code in {None, *CODES}
    assert result.classification.abstained is (result.classification.code is None)
    if result.classification.abstained:
        assert result.needs_human
        assert result.urgency.level != "low"
    if floor.needs_human and floor.red_flags:
        assert result.needs_human
    existing = {one.turn for one in case.turns}
    assert {one.turn for one in result.facts} <= existing
    assert {one.turn for one in result.chronology} <= existing
    assert sum(one.confidence for one in result.classification.top) <= 1 + 1e-9
    stepped_down = result.provenance.strategy != result.provenance.planned
    assert not stepped_down or result.provenance.degradations
    assert result.next_steps
    assert all(one.strip() for one in result.next_steps)
    assert result.summary.plain
    assert msgspec.json.decode(msgspec.json.encode(result), type=Analysis) == result


PATIENT = Timeouts(first_token=20.0, read=20.0)
HASTY = Timeouts(first_token=0.4, read=0.4)
OPENAI = {"match": {"provider": "openai"}}
ANTHROPIC = {"match": {"provider": "anthropic"}}
HIGH = told(RULES, LEAK, complexity="high")
OUTAGE = analysis_document(candidates=[{"code": "electric.outage", "confidence": 0.8}])


@asynccontextmanager
async def over_http(mock: LLMock, timeouts: Timeouts = PATIENT) -> AsyncIterator[Analyst]:
    """An analyst that asks both providers' interfaces over real connections."""
    settings = Settings(openai_base_url=mock.openai, anthropic_base_url=mock.anthropic)
    model = FailoverModel(build_models(settings, timeouts))
    try:
        yield Analyst({PLAYBOOK.id: RULES}, model, dict)
    finally:
        await model.aclose()


def says(document: dict[str, Any], match: dict[str, Any]) -> dict[str, Any]:
    """Return the behaviour of answering once with a document."""
    return {"type": "reply", "text": text(document), **match}


async def test_an_ensemble_over_http(providers: LLMock) -> None:
    """Both providers, a judge, a report, and a cost that is known to the nano-dollar."""
    providers.scenario(
        [
            says(analysis_document(), OPENAI),
            says(OUTAGE, ANTHROPIC),
            says(verdict_document("electric.outage", "It went dark."), OPENAI),
            says(report_document(plain="In detail."), OPENAI),
        ]
    )
    steps = Kept()
    async with over_http(providers) as analyst:
        found = await analyst.analyse(HIGH, steps)
    provenance = found.result.provenance
    assert provenance.strategy == "ensemble"
    assert provenance.degradations == ()
    assert provenance.justification == "It went dark."
    assert found.result.classification.code == "electric.outage"
    assert found.result.summary.plain == "In detail."
    assert [one["provider"] for one in providers.requests()].count("openai") == 3
    prices = {"openai": (1_250, 10_000), "anthropic": (3_000, 15_000)}
    cost = 0
    for one in found.attempts:
        assert one.usage is not None
        assert (one.usage.cached, one.usage.cache_write) == (0, 0)
        cost += one.usage.input * prices[one.provider][0]
        cost += one.usage.output * prices[one.provider][1]
    assert provenance.cost_nano_usd == cost > 0


@pytest.mark.parametrize(
    ("broken", "fault", "word"),
    [
        ("openai", {"type": "fail", "status": 429}, "rate_limited"),
        ("anthropic", {"type": "fail", "status": 529}, "overloaded"),
        ("openai", {"type": "fail", "status": 500}, "provider_error"),
        ("anthropic", {"type": "reply", "text": "{", "finish_reason": "content_filter"}, "refused"),
        ("openai", {"type": "reply", "text": "{", "finish_reason": "length"}, "length"),
        ("openai", {"type": "reply", "text": "no document"}, "invalid_output"),
        ("anthropic", {"type": "slow_first_token", "seconds": 30.0}, "timeout"),
    ],
)
async def test_one_provider_down_over_http(
    providers: LLMock, broken: Provider, fault: dict[str, Any], word: str
) -> None:
    """However it fails, the other one's analysis is the result and the degradation names it."""
    down, up = (OPENAI, ANTHROPIC) if broken == "openai" else (ANTHROPIC, OPENAI)
    providers.scenario([{**fault, "times": None, **down}, {**says(OUTAGE, up), "times": None}])
    async with over_http(providers, HASTY if word == "timeout" else PATIENT) as analyst:
        result = (await analyst.analyse(HIGH, Kept())).result
    assert result.classification.code == "electric.outage"
    assert result.provenance.strategy == "failover"
    (degradation,) = result.provenance.degradations
    assert degradation.startswith(f"failover: {broken} {word}")


async def test_both_providers_down_over_http(providers: LLMock) -> None:
    """The rules' result comes all the same, with every step down named."""
    providers.scenario([{"type": "fail", "status": 500, "times": None}])
    async with over_http(providers) as analyst:
        result = (await analyst.analyse(HIGH, Kept())).result
    assert result.provenance.strategy == "guided"
    assert [one.partition(":")[0] for one in result.provenance.degradations] == [
        "simple", "guided",
    ]  # fmt: skip
    assert result.provenance.cost_nano_usd == 0
