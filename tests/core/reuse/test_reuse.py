"""An analysis serves another case only where it is right, and never with anybody else's data."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any
from uuid import uuid4

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from app.core.analysis.analyst import Analysed, Analyst, CaseInHand
from app.core.analysis.memo import Steps, Unkept
from app.core.reuse.serving import LARGEST_DOCUMENT, SimilarAnalyses, analysis_cache
from app.core.rules import Rules
from app.domain.assessment import SlotValue
from app.domain.cached import CacheCounts, CacheMode
from app.embedded import EmbeddedValkey
from app.llm.errors import ProviderFailed
from app.llm.failover import FailoverModel
from app.llm.scripted import Script, ScriptedModel
from app.state.cache import KeptAnalyses
from app.state.conversations import ConversationStateManager
from app.state.store import Store
from tests.support.kept import Kept, told
from tests.support.playbooks import tiny_playbook
from tests.support.replies import analysis_document
from tests.support.sealed import store_at

PLAYBOOK = tiny_playbook()
RULES = Rules(PLAYBOOK)
STORY = "Water has been dripping from my bathroom ceiling since 3 March."


class Office:
    """Analysts of one office, who share a cache; each case is a new one."""

    def __init__(self, store: Store, mode: CacheMode = "exact") -> None:
        """Put the parts together."""
        self.model = ScriptedModel("openai")
        self.now_ms = 1_000_000
        self.kept = KeptAnalyses(store)
        self.conversations = ConversationStateManager(store, "test")
        cache = SimilarAnalyses(self.kept, mode, now_ms=lambda: self.now_ms)
        self.analyst = Analyst(
            {PLAYBOOK.id: RULES}, FailoverModel((self.model,)), dict, cache=cache
        )

    async def analyse(
        self, case: CaseInHand, steps: Steps | None = None, **document: Any
    ) -> Analysed:
        """Open the case and analyse it; a model, if asked, answers with this document."""
        case = await self.opened(case)
        self.model = self.model_with(analysis_document(**document))
        return await self.analyst.analyse(case, steps or Unkept())

    async def opened(self, case: CaseInHand) -> CaseInHand:
        """Open the case under an id of its own."""
        case = replace(case, state=replace(case.state, case_id=uuid4().hex))
        await self.conversations.start(case.state, token_hash="t", cap=9, ttl=600)
        return case

    def model_with(self, document: dict[str, Any]) -> ScriptedModel:
        """Let the model answer once more."""
        while self.model.pending:
            self.model._scripts.pop()
        self.model.enqueue(Script(document=document))
        return self.model

    async def counts(self) -> CacheCounts:
        """Return what the cache did."""
        return (await self.kept.report(1)).by_strategy.get("simple", CacheCounts())

    def shown(self) -> str:
        """Return everything that models were shown."""
        return "\n".join(
            message.content for request in self.model.requests for message in request.messages
        )


@pytest.fixture
async def store(empty_valkey: EmbeddedValkey) -> AsyncIterator[Store]:
    """Storage with nothing in it."""
    made = store_at(empty_valkey.url)
    yield made
    await made.close()


@pytest.fixture
def office(store: Store) -> Office:
    """An office that serves equal tellings."""
    return Office(store)


def case_of(*messages: str, name: str | None = None) -> CaseInHand:
    """Return a case in which this was said, by somebody of this name."""
    case = told(RULES, *messages)
    if name is None:
        return case
    assessment = case.state.assessment
    slots = {**assessment.slots, "name": SlotValue(value=name, turn=1, source="rules")}
    return replace(case, state=replace(case.state, assessment=replace(assessment, slots=slots)))


async def test_models_never_see_who_it_is(office: Office) -> None:
    """Neither the transcript nor the draft has a name or a number; the result has them again."""
    case = case_of(
        f"I am José Silva, 529.982.247-25. {STORY}", "call 11 98765-4321", name="José Silva"
    )
    found = await office.analyse(case, plain="[NAME_1], we call [PHONE_1].", documents=["[CPF_1]"])
    shown = office.shown()
    for value in ("José", "Silva", "529.982", "98765"):
        assert value not in shown
    assert "[NAME_1], [CPF_1]" in shown
    assert found.result.summary.plain == "José Silva, we call 11 98765-4321."
    assert found.result.documents.mentioned == ("529.982.247-25",)


async def test_an_equal_telling_is_served_with_its_own_values(office: Office) -> None:
    """At no cost and without a call; who gets it reads their own name and number."""
    ana = case_of(f"{STORY} I am Ana Prado, 11 98765-4321.", name="Ana Prado")
    rui = case_of(f"{STORY} I am Rui, 21 91234-5678.".upper(), name="Rui")
    first = await office.analyse(ana, plain="[NAME_1] may be called at [PHONE_1].")
    second = await office.analyse(rui, plain="Nobody asks me.")
    assert not first.result.provenance.cached
    assert len(office.model.requests) == 1
    assert second.result.summary.plain == "RUI may be called at 21 91234-5678."
    assert second.attempts == ()
    provenance = second.result.provenance
    assert (provenance.cached, provenance.cost_nano_usd) == (True, 0)
    assert provenance.models == first.result.provenance.models == ("gpt-tiny",)
    assert provenance.prompts == ("analysis.v1",)
    assert provenance.strategy == "simple"
    counts = await office.counts()
    assert (counts.hits, counts.misses, counts.kept, counts.saved_calls) == (1, 1, 1, 1)
    assert "Ana" not in msgspec.json.encode(second.result).decode()


async def test_what_speaks_of_more_than_the_case_has_is_not_served(office: Office) -> None:
    """A document with a name serves nobody whose name is not known."""
    await office.analyse(case_of(STORY, "My name is Ana", name="Ana"), plain="Dear [NAME_1]")
    other = await office.analyse(case_of(STORY), plain="Dear person")
    assert not other.result.provenance.cached
    third = await office.analyse(case_of(STORY, "My name is Bia", name="Bia"))
    assert third.result.provenance.cached
    assert third.result.summary.plain == "Dear person"


async def test_danger_is_always_looked_at(office: Office) -> None:
    """A critical case is neither served nor kept."""
    for _ in range(2):
        found = await office.analyse(case_of("I smell gas in my kitchen since 3 March."))
        assert not found.result.provenance.cached
    assert len(office.model.requests) == 2
    counts = await office.counts()
    assert (counts.barred, counts.kept, counts.misses) == (2, 0, 0)


@pytest.mark.parametrize(
    "document",
    [
        {"urgency": "critical"},
        {"plain": "Call 11 91111-2222."},
        {"plain": "Dear [NAME_7]"},
        {"plain": "x" * LARGEST_DOCUMENT},
    ],
    ids=["danger", "a number of somebody", "a made-up placeholder", "too large"],
)
async def test_unfit_analyses_are_not_kept(office: Office, document: dict[str, Any]) -> None:
    """They serve the case they were made for, and no other."""
    await office.analyse(case_of(STORY), **document)
    again = await office.analyse(case_of(STORY))
    assert not again.result.provenance.cached
    assert (await office.counts()).refused == 1


async def test_an_analysis_serves_for_its_time(office: Office) -> None:
    """After that it is made anew."""
    seconds = PLAYBOOK.analysis.cache_seconds.simple
    await office.analyse(case_of(STORY))
    office.now_ms += seconds * 1_000 - 1
    assert (await office.analyse(case_of(STORY))).result.provenance.cached
    office.now_ms += 1
    assert not (await office.analyse(case_of(STORY))).result.provenance.cached


async def test_a_failed_analysis_is_not_kept(office: Office) -> None:
    """What rules made for want of a model is no analysis to share."""
    case = await office.opened(case_of(STORY))
    office.model.fail(ProviderFailed)
    found = await office.analyst.analyse(case, Unkept())
    assert found.result.provenance.strategy == "guided"
    assert not (await office.analyse(case_of(STORY))).result.provenance.cached


async def test_an_analysis_begun_anew_does_not_serve_itself(office: Office) -> None:
    """A worker that dies after it kept the analysis leaves the next one what it cost."""
    steps = Kept()
    case = await office.opened(case_of(STORY))
    office.model_with(analysis_document())
    first = await office.analyst.analyse(case, steps)
    second = await office.analyst.analyse(case, steps)
    assert first.result.provenance.cached is second.result.provenance.cached is False
    assert first.attempts == second.attempts != ()
    assert steps.done == ["recall", "simple"]
    assert steps.expected[-1] == 2


async def test_a_served_analysis_begun_anew_is_the_same(office: Office) -> None:
    """Even if the cache has been emptied in between."""
    await office.analyse(case_of(STORY), plain="It drips.")
    steps = Kept()
    case = await office.opened(case_of(STORY))
    first = await office.analyst.analyse(case, steps)
    await office.kept.clear()
    second = await office.analyst.analyse(case, steps)
    assert first.result.provenance.cached
    assert replace(first.result.provenance, duration_ms=0.0) == replace(
        second.result.provenance, duration_ms=0.0
    )
    assert first.result.summary == second.result.summary


async def test_storage_that_fails_costs_a_call_and_no_case(
    own_valkey: EmbeddedValkey,
) -> None:
    """Without the cache's storage the analysis is made."""
    store = store_at(own_valkey.url)
    office = Office(store)
    case = await office.opened(case_of(STORY))
    own_valkey.stop()
    office.model_with(analysis_document())
    found = await office.analyst.analyse(case, Unkept())
    assert found.result.provenance.strategy == "simple"
    assert not found.result.provenance.cached
    await store.close()


async def test_it_can_be_turned_off(store: Store) -> None:
    """Then nothing is looked for, kept or counted."""
    assert analysis_cache(store, "off") is None
    office = Office(store, "off")
    for _ in range(2):
        assert not (await office.analyse(case_of(STORY))).result.provenance.cached
    assert (await office.kept.report(1)).entries == 0
    assert await office.counts() == CacheCounts()


async def test_near_tellings_are_served_where_that_is_wanted(store: Store) -> None:
    """With filling words apart; not by default."""
    long = (
        f"{STORY} The drops come down slowly over the old grey stone floor all day and all night."
    )
    near = long.replace("slowly", "rather slowly")
    office = Office(store, "near")
    await office.analyse(case_of(long), plain="It drips.")
    found = await office.analyse(case_of(near))
    assert found.result.provenance.cached
    assert (await office.counts()).near == 1
    exact = Office(store, "exact")
    assert not (await exact.analyse(case_of(near))).result.provenance.cached


async def test_near_analyses_speak_only_of_what_was_said(store: Store) -> None:
    """A document that uses a word which the other did not say serves nobody else."""
    long = f"{STORY} Zyxor came down slowly over the old grey stone floor all day and all night."
    office = Office(store, "near")
    await office.analyse(case_of(long), plain="It is Zyxor.")
    found = await office.analyse(case_of(long.replace("Zyxor", "Vuvu")))
    assert not found.result.provenance.cached


_NAMES = st.lists(
    st.text(alphabet="abcdefghijklmnopqrstuvwxyzãéç", min_size=4, max_size=9),
    min_size=1,
    max_size=3,
).map(lambda parts: " ".join(f"Xq{part}" for part in parts))
_PHONES = st.integers(10_000_000, 99_999_999).map(
    lambda number: f"(11) 9{number // 10_000}-{number % 10_000:04d}"
)


@settings(max_examples=25)
@given(_NAMES, _NAMES, _PHONES, _PHONES, st.sampled_from(["exact", "near"]))
def test_nobody_reads_somebody_elses_data(
    valkey: EmbeddedValkey, mine: str, theirs: str, phone: str, other: str, mode: CacheMode
) -> None:
    """Whatever two people are called, a served analysis has nothing of the first one."""

    async def run() -> None:
        store = store_at(valkey.url)
        office = Office(store, mode)
        marker = uuid4().hex[:6]
        text = "{story} Floor {marker}. I am {name}, call {phone}."
        one = case_of(text.format(story=STORY, marker=marker, name=mine, phone=phone), name=mine)
        two = case_of(
            text.format(story=STORY, marker=marker, name=theirs, phone=other), name=theirs
        )
        await office.analyse(one, plain="[NAME_1] at [PHONE_1]", professional="[NAME_1]: [PHONE_1]")
        asked = len(office.model.requests)
        served = await office.analyse(two)
        await store.close()
        assert served.result.provenance.cached
        assert len(office.model.requests) == asked
        text = msgspec.json.encode(served.result).decode()
        if phone != other:
            assert phone not in text
        apart = set(mine.split()) - set(theirs.split())
        assert not [part for part in apart if part in text and part not in theirs]
        assert served.result.summary.plain == f"{theirs} at {other}"

    asyncio.run(run())
