"""Interviews that nobody goes on with are counted by the worker that finds them, once."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from msgspec.structs import replace
from prometheus_client import generate_latest
from prometheus_client.parser import text_string_to_metric_families as parse_text

from app.domain.assignment import Assignment
from app.embedded import EmbeddedValkey
from app.state.conversations import ConversationStateManager
from app.state.keys import CaseKeys
from app.state.store import Store
from app.telemetry.labels import Known
from app.telemetry.metrics import Metrics
from jobs.tasks import abandon
from tests.support.cases import TOKEN_HASH, case_state, claimed, finished, post
from tests.support.scrapes import Scrape
from tests.support.sealed import store_at


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Store]:
    """A storage in which nothing else is abandoned."""
    with EmbeddedValkey(tmp_path / "var") as valkey:
        made = store_at(valkey.url)
        yield made
        await made.close()


async def test_an_abandoned_case_is_counted_once(store: Store) -> None:
    """By its playbook and arm; looking again finds nothing new."""
    conversations = ConversationStateManager(store, "test")
    given = Assignment(experiment="tone", variation="warm", person="p", flags="f")
    state = replace(case_state(), assignment=given)
    await conversations.start(state, token_hash=TOKEN_HASH, cap=10, ttl=600)
    await post(conversations, state.case_id)
    await finished(conversations, await claimed(conversations, state.case_id), state=state)
    metrics = Metrics(known=Known(playbooks=("tiny",)))
    ctx = {"store": store, "metrics": metrics}
    assert await abandon(ctx) == 0
    await store.command("HSET", CaseKeys(state.case_id).meta, "x", 0)  # its life is short
    assert [await abandon(ctx), await abandon(ctx)] == [1, 0]
    page = Scrape(parse_text(generate_latest(metrics.registry).decode()))
    where = {"status": "abandoned", "playbook": "tiny", "arm": "tone:warm"}
    assert page.value("triage_cases_total", **where) == 1
