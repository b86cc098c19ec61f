"""The outbox: made with the turn, held by one sender, each result kept once, gone with the case."""

import asyncio

import pytest
from msgspec.structs import replace

from app.domain.delivery import Delivery, Due, Outgoing, PushSubscription, WebhookEndpoint
from app.domain.errors import CaseNotFound, InvalidInput, WebhookNotFound
from app.domain.notification import Notification
from app.state import keys
from app.state.conversations import ConversationStateManager
from app.state.indexes import now_ms
from app.state.keys import CaseKeys
from app.state.outbox import SUBSCRIPTIONS_PER_CASE, Outbox
from app.state.store import Store
from app.state.webhooks import MOST_ENDPOINTS, Webhooks
from tests.support.cases import opened
from tests.support.outboxes import told
from tests.support.valkey import Wire

FAR = 2**50


@pytest.fixture
def outbox(store: Store, wire: Wire) -> Outbox:
    """The outboxes of an otherwise empty server."""
    wire.call("FLUSHALL")
    return Outbox(store)


@pytest.fixture
def webhooks(store: Store, wire: Wire) -> Webhooks:
    """The endpoints of an otherwise empty server."""
    wire.call("FLUSHALL")
    return Webhooks(store)


def due_delivery(notification: Notification, target: str = "wh_one") -> Delivery:
    """Return a new delivery."""
    return Delivery(notification=notification, channel="webhook", target=target, at=1, next_at=1)


def browser(name: str = "b") -> PushSubscription:
    """Return a subscription."""
    return PushSubscription(id=name, endpoint="https://push.example.com/x", p256dh="p", auth="a")


async def taken(outbox: Outbox, case_id: str) -> Outgoing:
    """Take an outbox that must be free."""
    found = await outbox.take(case_id)
    assert isinstance(found, Outgoing)
    return found


async def only_due(outbox: Outbox) -> Due:
    """Return the one case that is due."""
    (found,) = await outbox.due(FAR, 10)
    return found


async def test_a_turn_leaves_its_notification_with_its_result(
    outbox: Outbox, conversations: ConversationStateManager
) -> None:
    """Once a turn is committed its case is due, and the outbox holds what is to be told."""
    notification = await told(conversations)
    due = await only_due(outbox)
    assert (due.case_id, due.last_look) == (notification.case_id, False)
    assert due.score <= now_ms()
    assert (await taken(outbox, notification.case_id)).fresh == (notification,)


async def test_cases_come_when_they_are_due(
    outbox: Outbox, conversations: ConversationStateManager
) -> None:
    """Not earlier, the longest waiting first, and no more than asked for."""
    first, second = await told(conversations), await told(conversations)
    one = next(x for x in await outbox.due(FAR, 10) if x.case_id == first.case_id)
    await outbox.settle(one, now_ms() + 60_000)
    assert [x.case_id for x in await outbox.due(now_ms(), 10)] == [second.case_id]
    assert [x.case_id for x in await outbox.due(FAR, 10)] == [second.case_id, first.case_id]
    assert len(await outbox.due(FAR, 1)) == 1


async def test_an_outbox_is_held_by_one_sender(
    outbox: Outbox, conversations: ConversationStateManager
) -> None:
    """Another learns how long to wait; a lease that is let go is free at once."""
    case_id = (await told(conversations)).case_id
    held = await taken(outbox, case_id)
    left = await outbox.take(case_id)
    assert isinstance(left, int)
    assert 0 < left <= 5_000
    assert await outbox.renew(held)
    await outbox.release(held)
    other = await taken(outbox, case_id)
    assert not await outbox.renew(held)
    await outbox.release(held)
    assert isinstance(await outbox.take(case_id), int)
    await outbox.release(other)


async def test_a_lease_runs_out(store: Store, conversations: ConversationStateManager) -> None:
    """A sender that died holds nobody up for longer than its lease."""
    outbox = Outbox(store, lease_ms=50)
    case_id = (await told(conversations)).case_id
    held = await taken(outbox, case_id)
    async with asyncio.timeout(10):
        while not isinstance(await outbox.take(case_id), Outgoing):
            pass
    assert not await outbox.renew(held)


async def test_many_ask_and_one_gets_it(
    outbox: Outbox, conversations: ConversationStateManager
) -> None:
    """Fifty at once: one holds the outbox."""
    case_id = (await told(conversations)).case_id
    found = await asyncio.gather(*(outbox.take(case_id) for _ in range(50)))
    assert sum(isinstance(one, Outgoing) for one in found) == 1


async def test_a_notification_is_fanned_out_once(
    outbox: Outbox, conversations: ConversationStateManager
) -> None:
    """The second time changes nothing, whoever is there to be told by then."""
    notification = await told(conversations)
    deliveries = [due_delivery(notification, one) for one in ("wh_one", "wh_two")]
    assert await outbox.fan_out(notification, deliveries)
    assert not await outbox.fan_out(notification, [due_delivery(notification, "wh_three")])
    found = await taken(outbox, notification.case_id)
    assert found.fresh == ()
    assert list(found.deliveries) == deliveries


async def test_each_result_is_kept_once(
    outbox: Outbox, conversations: ConversationStateManager
) -> None:
    """Of two who sent the same, the first to record counts."""
    notification = await told(conversations)
    before = due_delivery(notification)
    await outbox.fan_out(notification, [before])
    first = replace(before, attempts=1, state="delivered", at=5)
    second = replace(before, attempts=1, error="no answer", next_at=99)
    kept = await asyncio.gather(outbox.record(before, first), outbox.record(before, second))
    assert sorted(kept) == [False, True]
    winner = first if kept[0] else second
    assert await outbox.deliveries(notification.case_id) == (winner,)


async def test_nothing_comes_back_once_a_case_is_erased(
    outbox: Outbox, conversations: ConversationStateManager, wire: Wire
) -> None:
    """No late sender, subscriber or record leaves a trace of it."""
    notification = await told(conversations)
    case_id, before = notification.case_id, due_delivery(notification)
    await outbox.subscribe(case_id, browser())
    await outbox.fan_out(notification, [before])
    held = await taken(outbox, case_id)
    await conversations.delete_conversation_state(case_id)
    assert await outbox.take(case_id) is None
    assert not await outbox.fan_out(notification, [before])
    assert not await outbox.record(before, replace(before, attempts=1))
    assert not await outbox.renew(held)
    await outbox.release(held)
    await outbox.forget(case_id, browser())
    await outbox.unsubscribe(case_id, None)
    with pytest.raises(CaseNotFound):
        await outbox.subscribe(case_id, browser())
    assert wire.call("EXISTS", CaseKeys(case_id).outbox) == b"0"
    assert await outbox.deliveries(case_id) == ()


async def test_the_outbox_lives_as_long_as_the_case(
    outbox: Outbox, conversations: ConversationStateManager, wire: Wire
) -> None:
    """Every write leaves it a time to live, from the first subscription on."""
    case_id = (await opened(conversations, ttl=600)).case_id
    await outbox.subscribe(case_id, browser())
    key = CaseKeys(case_id).outbox
    assert 0 < int(wire.call("TTL", key) or 0) <= 600
    await taken(outbox, case_id)
    assert 0 < int(wire.call("TTL", key) or 0) <= 600


async def test_every_index_has_a_time_to_live(
    outbox: Outbox, conversations: ConversationStateManager, wire: Wire
) -> None:
    """What expires leaves at most its name, and not for ever."""
    for state in ("delivered", "failed"):
        notification = await told(conversations)
        before = due_delivery(notification)
        await outbox.fan_out(notification, [before])
        await outbox.record(before, replace(before, state=state))
    await outbox.settle((await outbox.due(FAR, 1))[0], None)
    for index in (keys.OUTBOX, keys.OUTBOX_SETTLING, keys.OUTBOX_TOLD, keys.OUTBOX_FAILED):
        assert int(wire.call("TTL", index) or 0) > 0, index


async def test_a_case_with_nothing_left_is_looked_at_once_more(
    store: Store, conversations: ConversationStateManager, wire: Wire
) -> None:
    """It is listed before its notification is there: a look in between must not lose it."""
    wire.call("FLUSHALL")
    outbox = Outbox(store, settle_ms=1_000)
    case_id = (await opened(conversations)).case_id
    await outbox.list_again(case_id)
    await outbox.settle(await only_due(outbox), None)
    last = await only_due(outbox)
    assert last.last_look
    assert last.score > now_ms()
    await outbox.settle(last, None)
    assert await outbox.due(FAR, 10) == []


async def test_a_last_look_that_finds_something_lists_it(
    outbox: Outbox, conversations: ConversationStateManager
) -> None:
    """What came late is due like anything else."""
    case_id = (await told(conversations)).case_id
    await outbox.settle(await only_due(outbox), None)
    await outbox.settle(await only_due(outbox), 77)
    assert await only_due(outbox) == Due(case_id=case_id, score=77, last_look=False)


@pytest.mark.parametrize("next_at", [None, FAR - 1])
async def test_what_is_listed_meanwhile_stays_listed(
    outbox: Outbox, conversations: ConversationStateManager, wire: Wire, next_at: int | None
) -> None:
    """A notification that comes while another is sent is not put off with it."""
    case_id = (await told(conversations)).case_id
    seen = await only_due(outbox)
    wire.call("ZADD", keys.OUTBOX, str(seen.score + 1), case_id)
    await outbox.settle(seen, next_at)
    first = (await outbox.due(FAR, 10))[0]
    assert (first.score, first.last_look) == (seen.score + 1, False)


async def test_a_case_tells_a_bounded_number_of_browsers(
    outbox: Outbox, conversations: ConversationStateManager
) -> None:
    """One more is refused; one that is known may come again, and one that left makes room."""
    case_id = (await opened(conversations)).case_id
    for number in range(SUBSCRIPTIONS_PER_CASE):
        await outbox.subscribe(case_id, browser(f"b{number}"))
    with pytest.raises(InvalidInput, match="at most 8 browsers"):
        await outbox.subscribe(case_id, browser("more"))
    await outbox.subscribe(case_id, replace(browser("b0"), auth="new"))
    await outbox.unsubscribe(case_id, "b1")
    await outbox.subscribe(case_id, browser("more"))
    assert {one.id for one in (await taken(outbox, case_id)).subscriptions} == {
        "b0", "b2", "b3", "b4", "b5", "b6", "b7", "more",
    }  # fmt: skip


async def test_a_subscription_that_was_renewed_is_not_forgotten(
    outbox: Outbox, conversations: ConversationStateManager
) -> None:
    """Only the very subscription that the push service ended is deleted."""
    case_id = (await opened(conversations)).case_id
    ended, renewed = browser(), replace(browser(), auth="new")
    await outbox.subscribe(case_id, renewed)
    await outbox.forget(case_id, ended)
    held = await taken(outbox, case_id)
    assert held.subscriptions == (renewed,)
    await outbox.forget(case_id, renewed)
    await outbox.release(held)
    found = await outbox.take(case_id)
    assert found is None or (isinstance(found, Outgoing) and found.subscriptions == ())


async def test_all_browsers_of_a_case_are_taken_off(
    outbox: Outbox, conversations: ConversationStateManager
) -> None:
    """And nothing else with them."""
    notification = await told(conversations)
    for name in ("one", "two"):
        await outbox.subscribe(notification.case_id, browser(name))
    await outbox.unsubscribe(notification.case_id, None)
    found = await taken(outbox, notification.case_id)
    assert (found.subscriptions, found.fresh) == ((), (notification,))


async def test_no_list_names_a_case_that_is_gone(
    outbox: Outbox, conversations: ConversationStateManager, wire: Wire
) -> None:
    """Erasing takes it off at once; where it expired, or was told too late, looking does."""
    notes = [await told(conversations) for _ in range(2)]
    for note in notes:
        one, other = due_delivery(note), due_delivery(note, target="wh_2")
        await outbox.fan_out(note, [one, other])
        assert await outbox.record(one, replace(one, state="delivered"))
        assert await outbox.record(other, replace(other, state="failed"))
    await conversations.delete_conversation_state(notes[0].case_id)
    for index in keys.OUTBOXES:
        assert wire.call("ZSCORE", index, notes[0].case_id) is None
    wire.call("DEL", CaseKeys(notes[1].case_id).outbox)
    for index, failed in ((keys.OUTBOX_TOLD, False), (keys.OUTBOX_FAILED, True)):
        assert wire.call("ZSCORE", index, notes[1].case_id) is not None
        assert await outbox.ended(10, failed=failed) == []
        assert wire.call("ZSCORE", index, notes[1].case_id) is None


async def test_operators_see_what_waits_and_what_became_of_the_rest(
    outbox: Outbox, conversations: ConversationStateManager
) -> None:
    """Waiting by the time of the next attempt; delivered and failed with the latest first."""
    notes = [await told(conversations) for _ in range(3)]
    for number, note in enumerate(notes):
        made = [due_delivery(note, one) for one in ("wait", "good", "bad")]
        await outbox.fan_out(note, made)
        await outbox.record(made[0], replace(made[0], attempts=1, next_at=900 - number))
        await outbox.record(made[1], replace(made[1], state="delivered", at=10 + number))
        await outbox.record(made[2], replace(made[2], state="failed", at=20 + number))
    waiting = await outbox.waiting(10)
    assert [one.next_at for one in waiting] == [898, 899, 900]
    delivered, failed = [await outbox.ended(10, failed=one) for one in (False, True)]
    assert [(one.at, one.state) for one in delivered] == [(x, "delivered") for x in (12, 11, 10)]
    assert [(one.at, one.state) for one in failed] == [(x, "failed") for x in (22, 21, 20)]
    assert len(await outbox.ended(2, failed=True)) == 2


def endpoint(name: str) -> WebhookEndpoint:
    """Return an endpoint at an address of its own."""
    return WebhookEndpoint(
        id=name, url=f"https://{name}.example.com/", secrets=("s",), created_at=int(name[1:])
    )


async def test_endpoints_are_kept_without_end(webhooks: Webhooks, wire: Wire) -> None:
    """They are configuration, the oldest first."""
    for name in ("e2", "e1"):
        await webhooks.add(endpoint(name))
    assert list(await webhooks.all()) == ["e1", "e2"]
    assert await webhooks.get("e1") == endpoint("e1")
    assert wire.call("TTL", keys.WEBHOOKS) == b"-1"


async def test_an_address_is_told_once(webhooks: Webhooks) -> None:
    """The same address twice, or more endpoints than may be, are refused."""
    for number in range(MOST_ENDPOINTS):
        await webhooks.add(endpoint(f"e{number}"))
    with pytest.raises(InvalidInput, match="there already, as e3"):
        await webhooks.add(replace(endpoint("e3"), id="e99"))
    with pytest.raises(InvalidInput, match="which is the most"):
        await webhooks.add(endpoint("e77"))


async def test_an_endpoint_changes_only_from_what_was_seen(webhooks: Webhooks) -> None:
    """Of two who change it at once, one is told to look again; a removed one stays removed."""
    held = endpoint("e1")
    await webhooks.add(held)
    disabled = replace(held, disabled="410")
    assert await webhooks.replace(held, disabled)
    assert not await webhooks.replace(held, replace(held, secrets=("n", "s")))
    await webhooks.remove("e1")
    assert not await webhooks.replace(disabled, held)
    for action in (webhooks.remove, webhooks.get):
        with pytest.raises(WebhookNotFound, match="e1"):
            await action("e1")
