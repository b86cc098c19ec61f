"""Releases side by side: nobody is given a case that they could not work on."""

import pytest

from app.domain.errors import CaseForOthers
from app.state import release
from app.state.conversations import ConversationStateManager
from app.state.jobs import JobClaim, Jobs
from app.state.keys import CaseKeys
from app.state.records import Claim
from app.state.store import Store
from tests.support.cases import claimed, finished, opened, post, queued
from tests.support.valkey import Wire


@pytest.fixture
def without(store: Store) -> ConversationStateManager:
    """The cases as an instance sees them that lacks their playbook."""
    return ConversationStateManager(store, "without", playbooks=["tin", "y", "tiny2"])


@pytest.fixture
def having(store: Store) -> ConversationStateManager:
    """The cases as an instance sees them that has their playbook, among others."""
    return ConversationStateManager(store, "having", playbooks=["other", "tiny"])


def newer(wire: Wire, case_id: str) -> None:
    """Let a release write to a case whose values this one cannot read."""
    wire.call("HSET", CaseKeys(case_id).meta, "lv", str(release.LEVEL + 1))


async def attempt_of(having: ConversationStateManager, case_id: str) -> tuple[int, int]:
    """Claim a case; returns the turn, and how often it has been begun with."""
    claim = await claimed(having, case_id)
    return claim.turn, claim.attempt


async def test_a_message_is_taken_in_and_left_to_whoever_has_the_playbook(
    without: ConversationStateManager, having: ConversationStateManager
) -> None:
    """It is not claimed, so that nobody is told that an answer begins anew."""
    case_id = (await opened(having)).case_id
    receipt = await post(without, case_id, claim=True)
    assert (receipt.new, receipt.claim) == (True, None)
    with pytest.raises(CaseForOthers):
        await without.claim(case_id)
    with pytest.raises(CaseForOthers):
        await without.claim(case_id, turn=1, opening="cancel")
    assert await attempt_of(having, case_id) == (1, 1)
    receipt = await post(having, (await opened(without)).case_id, claim=True)
    assert receipt.claim is not None


async def test_a_living_owner_is_not_robbed_by_one_that_cannot_go_on(
    without: ConversationStateManager, having: ConversationStateManager
) -> None:
    """Not even to cancel: the owner's words still count."""
    case_id = (await opened(having)).case_id
    receipt = await post(having, case_id, claim=True)
    assert receipt.claim is not None
    with pytest.raises(CaseForOthers):
        await without.claim(case_id, turn=1, opening="cancel")
    assert await finished(having, receipt.claim) == 0


async def test_what_a_newer_release_wrote_is_left_to_it(
    having: ConversationStateManager, wire: Wire
) -> None:
    """By accepting, by looking for work and by cancelling; the words are kept."""
    case_id = (await opened(having)).case_id
    newer(wire, case_id)
    receipt = await post(having, case_id, claim=True)
    assert (receipt.new, receipt.claim) == (True, None)
    for opening in ("run", "cancel"):
        with pytest.raises(CaseForOthers):
            await having.claim(case_id, opening=opening)
    assert [one.command for one in await having.waiting(case_id)] != []
    wire.call("HSET", CaseKeys(case_id).meta, "lv", str(release.LEVEL))
    assert await attempt_of(having, case_id) == (1, 1)


async def test_whoever_writes_leaves_their_level_and_lowers_none(
    conversations: ConversationStateManager, wire: Wire, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A newer release's note stays when an older one takes a message in."""
    case_id = (await opened(conversations)).case_id
    meta = CaseKeys(case_id).meta
    assert wire.call("HGET", meta, "lv") == str(release.LEVEL).encode()
    assert wire.call("HGET", meta, "pb") == b"tiny"
    newer(wire, case_id)
    await post(conversations, case_id)
    assert wire.call("HGET", meta, "lv") == str(release.LEVEL + 1).encode()
    case_id = (await opened(conversations)).case_id
    monkeypatch.setattr(release, "LEVEL", release.LEVEL + 1)
    later = ConversationStateManager(conversations._store, "later")
    await post(later, case_id)
    assert wire.call("HGET", CaseKeys(case_id).meta, "lv") == str(release.LEVEL).encode()


async def test_a_case_of_an_earlier_release_is_anybodys(
    having: ConversationStateManager, without: ConversationStateManager, wire: Wire
) -> None:
    """It notes neither level nor playbook: whoever cannot go on finds out, and hands it on."""
    case_id = (await opened(having)).case_id
    wire.call("HDEL", CaseKeys(case_id).meta, "lv", "pb")
    receipt = await post(without, case_id, claim=True)
    assert isinstance(receipt.claim, Claim)


async def test_a_job_is_left_to_whoever_can_do_it(
    store: Store, having: ConversationStateManager, wire: Wire
) -> None:
    """A worker that cannot is given none of its attempts."""
    job = await queued(having)
    with pytest.raises(CaseForOthers):
        await Jobs(store, "old", playbooks=["other"]).claim(job.case_id, job.turn, most_attempts=2)
    newer(wire, job.case_id)
    with pytest.raises(CaseForOthers):
        await Jobs(store, "one", playbooks=["tiny"]).claim(job.case_id, job.turn, most_attempts=2)
    wire.call("HDEL", CaseKeys(job.case_id).meta, "lv")
    found = await Jobs(store, "one", playbooks=["tiny"]).claim(
        job.case_id, job.turn, most_attempts=2
    )
    assert isinstance(found, JobClaim)
    assert found.attempt == 1
