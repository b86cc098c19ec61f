"""What a newer version wrote is left to it, whole."""

from collections.abc import AsyncIterator

import msgspec
import pytest

from app.domain.errors import (
    StateTooNew,
)
from app.state.codec import encode
from app.state.conversations import ConversationStateManager
from app.state.keys import CaseKeys
from tests.support.cases import (
    TOKEN_HASH,
    opened,
    post,
)
from tests.support.valkey import Wire

Cases = ConversationStateManager


@pytest.fixture
async def newer(conversations: Cases, wire: Wire) -> AsyncIterator[str]:
    """A case whose state a newer version has written."""
    state = await opened(conversations)
    document = msgspec.msgpack.decode(encode(state)) | {"type": "case/2", "mood": "calm"}
    wire.call("HSET", CaseKeys(state.case_id).meta, "s", msgspec.msgpack.encode(document))
    yield state.case_id
    await conversations.delete_conversation_state(state.case_id)


async def test_a_newer_state_is_refused(conversations: Cases, newer: str) -> None:
    """What this version cannot read whole it does not read at all."""
    with pytest.raises(StateTooNew):
        await conversations.open(newer, TOKEN_HASH)
    with pytest.raises(StateTooNew):
        await conversations.get_conversation_state(newer)


async def test_a_case_of_a_newer_version_is_left_to_it(
    conversations: Cases, rival: Cases, newer: str
) -> None:
    """An owner that cannot read its claim gives it back at once, and loses no message."""
    with pytest.raises(StateTooNew):
        await post(conversations, newer, "a", key="a", claim=True)
    assert (await post(conversations, newer, "a", key="a")).turn == 1
    with pytest.raises(StateTooNew):
        await conversations.claim(newer)
    with pytest.raises(StateTooNew):
        await rival.claim(newer)
    assert await conversations.lease_ttls([newer]) == [-2]


@pytest.mark.parametrize(
    "path", [(), ("assessment",), ("assessment", "slots", "name"), ("assessment", "candidates", 0)]
)
async def test_an_unknown_field_is_refused_at_any_depth(
    conversations: Cases, wire: Wire, path: tuple[str | int, ...]
) -> None:
    """A field of a newer version is not dropped, wherever it stands."""
    state = await opened(conversations)
    document = msgspec.msgpack.decode(encode(state))
    document["assessment"] = {
        "slots": {"name": {"value": "x", "turn": 1, "source": "rules"}},
        "candidates": [{"code": "a.b", "confidence": 0.5}],
    }
    place = document
    for step in path:
        place = place[step]
    for unknown, readable in ((False, True), (True, False)):
        if unknown:
            place["new"] = 1
        wire.call("HSET", CaseKeys(state.case_id).meta, "s", msgspec.msgpack.encode(document))
        if readable:
            assert await conversations.get_conversation_state(state.case_id) is not None
        else:
            with pytest.raises(StateTooNew):
                await conversations.get_conversation_state(state.case_id)
