"""The state of a case saved and read by the mission's names, and the list of active ones."""

from uuid import uuid4

import pytest
from msgspec.structs import replace

from app.domain.errors import (
    CaseNotFound,
    TurnBusy,
)
from app.state import keys
from app.state.conversations import ConversationStateManager
from tests.support.cases import (
    case_state,
    finished,
    opened,
    post,
)
from tests.support.valkey import Wire

Cases = ConversationStateManager


async def test_a_state_is_saved_while_nobody_works(conversations: Cases) -> None:
    """A state is replaced between turns, refused during one, and never brings a case back."""
    state = await opened(conversations)
    moved = replace(state, questions=2)
    await conversations.save_conversation_state(state.case_id, moved, ttl=60)
    assert await conversations.get_conversation_state(state.case_id) == moved
    claim = (await post(conversations, state.case_id, claim=True)).claim
    assert claim is not None
    assert claim.state == moved
    with pytest.raises(TurnBusy):
        await conversations.save_conversation_state(state.case_id, state, ttl=60)
    with pytest.raises(CaseNotFound):
        await conversations.save_conversation_state(uuid4().hex, case_state(), ttl=60)


async def test_active_conversations_are_listed_latest_first(
    conversations: Cases, clean: Wire
) -> None:
    """The list is ordered by activity, pages by its cursor, and leaves out what is completed."""
    states = [await opened(conversations) for _ in range(7)]
    for at, state in enumerate(states):
        clean.call("ZADD", keys.live(state.case_id), str(1_000 + at), state.case_id)
    ended = replace(states[3], status="completed")
    await conversations.save_conversation_state(ended.case_id, ended, ttl=60)
    expected = [one.case_id for one in reversed(states) if one is not states[3]]
    pages: list[str] = []
    cursor = None
    while page := await conversations.list_active_conversations(limit=2, before_ms=cursor):
        pages += [one.case_id for one in page]
        cursor = page[-1].last_activity_ms
    assert pages == expected
    assert (await conversations.list_active_conversations(limit=1))[0].state == states[6]


async def test_what_is_over_hides_nothing_behind_it(conversations: Cases, clean: Wire) -> None:
    """However many ended in this moment: the next page begins below the last that was shown."""
    states = [await opened(conversations)]
    while len(states) < 5:  # one list holds them all
        state = await opened(conversations)
        if keys.live(state.case_id) == keys.live(states[0].case_id):
            states.append(state)
        else:
            clean.call("ZREM", keys.live(state.case_id), state.case_id)
    for at, state in enumerate(states):
        clean.call("ZADD", keys.live(state.case_id), str(1_000 + at), state.case_id)
    for state in states[1:4]:
        ended = replace(state, status="completed")
        await conversations.save_conversation_state(state.case_id, ended, ttl=60)
        clean.call("ZADD", keys.live(state.case_id), "1002", state.case_id)
    (latest,) = await conversations.list_active_conversations(limit=1)
    (other,) = await conversations.list_active_conversations(limit=1, before_ms=1_004)
    assert (latest.case_id, other.case_id) == (states[4].case_id, states[0].case_id)
    assert await conversations.list_active_conversations(limit=1, before_ms=1_000) == []


async def test_a_completed_case_leaves_the_list(conversations: Cases, clean: Wire) -> None:
    """The finish that ends an interview takes the case off the list of active ones."""
    state = await opened(conversations)
    claim = (await post(conversations, state.case_id, claim=True)).claim
    assert claim is not None
    await finished(conversations, claim, state=replace(state, status="completed"))
    assert clean.call("ZSCORE", keys.live(state.case_id), state.case_id) is None
