"""As a budget runs out less is done, in order, and nobody in danger is ever refused."""

import time
from collections.abc import AsyncIterator
from uuid import uuid4

import pytest
from msgspec.structs import replace

from app.core.accounting.meter import LedgerMeter
from app.core.analysis.analyst import Analyst
from app.core.background import AnalysisRunner
from app.core.interview import Interviewer
from app.core.reuse.serving import SimilarAnalyses
from app.core.rules import Rules
from app.domain.assignment import Assignment
from app.domain.case import Say
from app.domain.job import Job
from app.domain.ledger import Budget, Scope
from app.domain.playbook import Models
from app.domain.usage import Usage
from app.embedded import EmbeddedValkey
from app.llm.errors import NoModelLeft
from app.llm.failover import FailoverModel
from app.llm.scripted import Script, ScriptedModel
from app.state import codec
from app.state.budgets import Budgets
from app.state.cache import KeptAnalyses
from app.state.conversations import ConversationStateManager
from app.state.jobs import Jobs
from app.state.leases import LeaseKeeper
from app.state.ledger import Ledger
from app.state.store import Store
from app.telemetry.metrics import Metrics
from tests.support.cases import TOKEN_HASH, post, turn_of
from tests.support.claims import Talk, new_state
from tests.support.kept import Kept, told
from tests.support.playbooks import tiny_playbook
from tests.support.replies import analysis_document, turn_document
from tests.support.sealed import key_of

PLAYBOOK = replace(
    tiny_playbook(),
    models=Models(
        interview={"openai": "gpt-5", "anthropic": "claude-sonnet-4-5"},
        small={"openai": "gpt-6-luna", "anthropic": "claude-haiku-5-5"},
    ),
)
RULES = Rules(PLAYBOOK)
LEAK = "Water has been dripping from my bathroom ceiling since yesterday."
GAS = "I smell gas in my kitchen since yesterday."
GLOBAL = Scope(kind="global")
DAY_MS = 86_400_000


async def limit(budgets: Budgets, nano_usd: int, scope: Scope = GLOBAL) -> None:
    """Allow so much in a day."""
    await budgets.set(Budget(scope=scope, period="day", limit_nano_usd=nano_usd))


def analyst(model: ScriptedModel, meter: LedgerMeter) -> Analyst:
    """Return an analyst whose calls are metered."""
    return Analyst({PLAYBOOK.id: RULES}, FailoverModel([model], meter=meter), dict)


async def test_an_interview_asks_the_cheaper_model_and_says_so(
    meter: LedgerMeter, budgets: Budgets
) -> None:
    """Then, with nothing left at all, the guided interviewer answers, and that is said as well."""
    model = ScriptedModel()
    document = turn_document("Since when?")
    del document["reply"]
    model.say("Since when?", **document)
    actions: list[str] = []
    failover = FailoverModel([model], meter=meter)
    interviewer = Interviewer(
        {PLAYBOOK.id: RULES}, analyst(model, meter), failover, dict, on_budget=actions.append
    )
    await limit(budgets, 10_000_000)  # less than a call of gpt-5 may cost, more than one of luna
    talk = Talk(interviewer, new_state(PLAYBOOK))
    answer = await talk.take(Say(text=LEAK))
    assert [one.model for one in model.requests] == ["gpt-6-luna"]
    assert answer.reply == "Since when?"
    assert [one.partition(":")[0] for one in answer.degradations] == ["cheaper"]
    await limit(budgets, 0)
    answer = await talk.take(Say(text="Since yesterday."))
    assert len(model.requests) == 1
    assert answer.reply
    assert "the budget of global for this day is spent" in answer.degradations[0]
    assert actions == ["cheaper", "guided"]


async def test_danger_is_met_without_any_money(meter: LedgerMeter, budgets: Budgets) -> None:
    """The advice comes first and costs nothing; the result does not wait for a budget."""
    await limit(budgets, 0)
    model = ScriptedModel()
    failover = FailoverModel([model], meter=meter)
    interviewer = Interviewer({PLAYBOOK.id: RULES}, analyst(model, meter), failover, dict)
    answer = await Talk(interviewer, new_state(PLAYBOOK)).take(Say(text=GAS))
    assert answer.reply.startswith("Open the windows")
    case = told(RULES, GAS, complexity="high")
    result = (await analyst(model, meter).analyse(case, Kept(), may_wait=True)).result
    assert result.urgency.level == "critical"
    assert result.needs_human
    assert model.requests == []


async def test_an_analysis_that_may_wait_waits(meter: LedgerMeter, budgets: Budgets) -> None:
    """Nothing is kept of the refusal, so that once there is money it is made as planned."""
    await limit(budgets, 0)
    model = ScriptedModel()
    steps = Kept()
    case = told(RULES, LEAK, complexity="medium")
    with pytest.raises(NoModelLeft, match="budget of global") as waits:
        await analyst(model, meter).analyse(case, steps, may_wait=True)
    assert waits.value.until_ms is not None
    assert steps.records == {}
    await limit(budgets, 10**9)
    model.enqueue(Script(document=analysis_document()))
    result = (await analyst(model, meter).analyse(case, steps, may_wait=True)).result
    assert result.provenance.strategy == "failover"
    assert result.provenance.cost_nano_usd == 100 * 1_250 + 20 * 10_000


async def test_an_analysis_that_may_not_wait_says_why_it_is_the_rules_alone(
    meter: LedgerMeter, budgets: Budgets
) -> None:
    """The last step down is a refusal with its reason."""
    await limit(budgets, 0, Scope(kind="operation", name="analysis"))
    case = told(RULES, LEAK, complexity="medium")
    result = (await analyst(ScriptedModel(), meter).analyse(case, Kept())).result
    assert result.provenance.strategy == "guided"
    assert result.provenance.degradations[-1] == (
        "refused: the budget of operation:analysis for this day is spent"
    )


async def test_the_analysis_goes_down_to_the_small_model_first(
    meter: LedgerMeter, budgets: Budgets
) -> None:
    """A strong model is too dear, the small one is not."""
    await limit(budgets, 10_000_000)
    model = ScriptedModel()
    model.enqueue(Script(document=analysis_document()))
    case = told(RULES, LEAK, complexity="medium")
    result = (await analyst(model, meter).analyse(case, Kept(), may_wait=True)).result
    assert [one.model for one in model.requests] == ["gpt-6-luna"]
    assert result.provenance.strategy == "simple"
    assert result.provenance.degradations == ("simple: budget",)


async def test_the_cost_of_a_result_is_the_sum_of_its_rows(
    meter: LedgerMeter, ledger: Ledger
) -> None:
    """Also of rows that an earlier worker left behind without keeping its step."""
    case = told(RULES, LEAK, complexity="medium")
    for tokens in (1_000, 2_000):
        model = ScriptedModel()
        model.enqueue(Script(document=analysis_document(), usage=Usage(input=tokens)))
        result = (await analyst(model, meter).analyse(case, Kept())).result
        await meter.written()
    rows = await ledger.rows(case.state.case_id)
    assert [row.cost_nano_usd for row in rows] == [1_250_000, 2_500_000]
    assert {(row.step, row.strategy, row.operation) for row in rows} == {
        ("strong", "failover", "analysis")
    }
    assert result.provenance.cost_nano_usd == 3_750_000


async def test_what_the_cache_spares_is_entered_once(
    meter: LedgerMeter, ledger: Ledger, store: Store
) -> None:
    """At what the kept analysis had cost, as no call, on the arm's account."""
    conversations = ConversationStateManager(store, "test")
    cache = SimilarAnalyses(KeptAnalyses(store), "exact")
    model = ScriptedModel()
    model.enqueue(Script(document=analysis_document()))
    serving = Analyst({PLAYBOOK.id: RULES}, FailoverModel([model], meter=meter), dict, cache=cache)
    given = Assignment(experiment="greeting", variation="warm", person="p", flags="f")
    for name in ("first", "second", "second"):
        case = told(RULES, LEAK, complexity="medium")
        state = replace(case.state, case_id=name, assignment=given)
        await conversations.start(state, token_hash="t", cap=9, ttl=600)
        await serving.analyse(replace(case, state=state), Kept())
        await meter.written()
    (row,) = await ledger.rows("second")
    (paid,) = await ledger.rows("first")
    assert (row.outcome, row.source, row.cost_nano_usd) == ("cached", "free", 0)
    assert row.saved_nano_usd == paid.cost_nano_usd
    assert (row.arm, row.latency_ms, len(model.requests)) == ("greeting:warm", 0, 1)


@pytest.fixture
async def leases(empty_valkey: EmbeddedValkey) -> AsyncIterator[LeaseKeeper]:
    """Who keeps leases."""
    made = LeaseKeeper(empty_valkey.url)
    made.start()
    yield made
    made.close()


async def test_a_background_analysis_waits_for_its_budget(
    meter: LedgerMeter, budgets: Budgets, store: Store, leases: LeaseKeeper
) -> None:
    """It goes back into the queue with the reason, wears out no worker, and is made in the end."""
    conversations = ConversationStateManager(store, "test")
    state = replace(new_state(PLAYBOOK), case_id=uuid4().hex)
    await conversations.start(state, token_hash=TOKEN_HASH, cap=100, ttl=600)
    receipt = await post(conversations, state.case_id, LEAK, claim=True)
    assert receipt.claim is not None
    now = time.time_ns() // 1_000_000
    job = Job(
        case_id=state.case_id,
        turn=receipt.turn,
        queue="standard",
        planned="failover",
        created_at=now,
    )
    assessed = replace(state.assessment, complexity="medium")
    await conversations.finish(
        receipt.claim,
        turn_of(receipt.claim, "Thank you."),
        state=replace(state, status="completed", assessment=assessed, completed_at=now),
        result=None,
        ttl=600,
        log_ttl=60,
        events=[],
        job=job,
    )
    await limit(budgets, 0)
    model = ScriptedModel()
    metrics = Metrics()
    jobs = Jobs(store, "worker")
    runner = AnalysisRunner(
        jobs, leases, analyst(model, meter), {PLAYBOOK.id: PLAYBOOK}, conversations, metrics=metrics
    )
    assert await runner.run(state.case_id, job.turn)
    key = f"tri:{{{state.case_id}}}:j:{job.turn}"
    status, attempts, error, due = await store.command("HMGET", key, "st", "a", "err", "nb")
    assert (status, attempts) == (b"queued", b"0")
    sealing = await key_of(store, state.case_id)
    assert codec.ERROR.open(sealing, error) == b"the budget of global for this day is spent"
    assert now < int(due) <= now + 120_000
    assert (
        metrics.registry.get_sample_value("triage_budget_actions_total", {"action": "queued"})
        == 1.0
    )
    await limit(budgets, 10**9)
    await store.command("HSET", key, "nb", 0)
    model.enqueue(Script(document=analysis_document()))
    assert await runner.run(state.case_id, job.turn)
    assert await store.command("HGET", key, "st") == b"done"
    assert [one.model for one in model.requests] == ["gpt-5"]
