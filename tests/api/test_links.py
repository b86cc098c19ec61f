"""A case on another device: a code opens it once, soon, and says nothing to whoever reads along."""

from http import HTTPStatus
from uuid import uuid4

import pytest

from app.core.links import LinkDesk
from app.domain.access import plain_digest
from app.domain.errors import LinkNotFound
from app.embedded import EmbeddedValkey
from app.state.conversations import ConversationStateManager
from app.state.links import Links
from tests.support.api import Answer, Api, Case
from tests.support.cases import case_state
from tests.support.sealed import store_at
from tests.support.valkey import Wire
from tests.support.waiting import until


def made(api: Api, case: Case) -> str:
    """Return a code for a case."""
    answer = api.post(f"/cases/{case.id}/links", None, case.token)
    assert answer.status == HTTPStatus.CREATED, answer
    return str(answer.json()["code"])


def opened(api: Api, code: str, key: str | None = None) -> Answer:
    """Open a link."""
    return api.post("/open-link", {"code": code}, key=key or uuid4().hex)


def test_a_code_opens_its_case_on_another_device(api: Api, case: Case) -> None:
    """Whoever has the code gets the case's own token."""
    answer = opened(api, made(api, case))
    assert answer.status == HTTPStatus.OK
    assert answer.json() == {"case_id": case.id, "case_token": case.token}


def test_a_code_is_used_once(api: Api, case: Case) -> None:
    """A second device finds nothing, and cannot tell a used code from one that never was."""
    code = made(api, case)
    assert opened(api, code).status == HTTPStatus.OK
    used, wrong = opened(api, code), opened(api, "A" * 22)
    assert used.status == wrong.status == HTTPStatus.NOT_FOUND
    assert used.json()["type"] == "urn:triage:problem:link-not-found"
    assert used.body == wrong.body


def test_an_answer_that_got_lost_can_be_had_again(api: Api, case: Case) -> None:
    """The same attempt is answered alike, and no other one."""
    code, key = made(api, case), uuid4().hex
    first, again = opened(api, code, key), opened(api, code, key)
    assert first.status == again.status == HTTPStatus.OK
    assert first.body == again.body
    assert opened(api, code).status == HTTPStatus.NOT_FOUND


def test_an_erased_case_is_not_opened(api: Api, case: Case) -> None:
    """A link does not outlive its case."""
    code = made(api, case)
    api.call("DELETE", f"/api/v2/triage/cases/{case.id}", token=case.token)
    assert opened(api, code).json()["type"] == "urn:triage:problem:link-not-found"


@pytest.mark.parametrize("body", [{}, {"code": ""}, {"code": "x" * 101}, {"code": 5}])
def test_what_is_no_code_is_refused(api: Api, body: dict[str, object]) -> None:
    """It is a problem, and says what is wrong."""
    answer = api.post("/open-link", body, key="k")
    assert answer.status == HTTPStatus.BAD_REQUEST
    assert answer.json()["type"] == "urn:triage:problem:invalid-input"


def test_a_code_has_128_random_bits(api: Api, case: Case) -> None:
    """Codes cannot be guessed, and no two are alike."""
    codes = {made(api, case) for _ in range(5)}
    assert len(codes) == 5
    assert all(len(one) == 22 for one in codes)


def test_the_storage_knows_neither_code_nor_token(
    api: Api, case: Case, valkey: EmbeddedValkey
) -> None:
    """Who reads along in the storage can open nothing; everything about it ends by itself."""
    code = made(api, case)
    opened(api, made(api, case))
    with Wire(valkey.socket) as wire:
        names = [one for one in keys(wire) if one.startswith(b"tri:link:")]
        assert len(names) >= 2
        for name in names:
            held = wire.call("GET", name) or b""
            for secret in (code, case.token, case.id):
                assert secret.encode() not in name + held
            assert 0 < int(wire.call("TTL", name) or 0) <= 600


async def test_a_code_is_over_after_its_time(own_valkey: EmbeddedValkey) -> None:
    """A code that nobody used opens nothing once its time is over."""
    store = store_at(own_valkey.url)
    conversations = ConversationStateManager(store, "test")
    await conversations.start(case_state("a" * 32), token_hash=plain_digest("t"), cap=9, ttl=60)
    link = await LinkDesk(conversations, Links(store), digest=plain_digest, seconds=1).make(
        "a" * 32, "t"
    )
    with Wire(own_valkey.socket) as wire:
        until(lambda: not any(b"tri:link:" in one for one in keys(wire)), "the code is kept")
    with pytest.raises(LinkNotFound):
        await LinkDesk(conversations, Links(store), digest=plain_digest).open(
            link.code, attempt="one"
        )
    await store.close()


def keys(wire: Wire) -> list[bytes]:
    """Return the names of everything that is kept."""
    script = "return table.concat(redis.call('KEYS', '*'), ' ')"
    return (wire.call("EVAL", script, "0") or b"").split()
