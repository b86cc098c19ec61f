"""Everybody who should know is told, at least once, under one id, and nobody else."""

import asyncio
import json
import threading
from collections.abc import Callable, Sequence

import pytest
from msgspec.structs import replace

from app.domain.delivery import Delivery, PushSubscription
from app.domain.notification import NotificationKind
from app.embedded import EmbeddedValkey
from app.notify.notifier import Notifier
from app.notify.push import VapidKeys, new_private_key
from app.notify.retrying import JITTER
from app.notify.webhooks import new_secret
from app.state.conversations import ConversationStateManager
from app.state.indexes import now_ms
from app.state.outbox import Outbox
from app.state.store import Store
from app.state.webhooks import Webhooks
from tests.support.browsers import Browser, claims_of
from tests.support.outboxes import Clock, endpoint_at, notifier_on, told
from tests.support.receivers import Received, Receiver, Reply, receiving
from tests.support.sealed import store_at


def in_turn(*replies: Reply) -> Callable[[Received], Reply]:
    """Return what gives these answers, and the last of them for ever."""
    left = list(replies)
    return lambda _: left.pop(0) if len(left) > 1 else left[0]


async def state_of(outbox: Outbox, case_id: str) -> Delivery:
    """Return a case's only delivery."""
    (found,) = await outbox.deliveries(case_id)
    return found


async def until(holds: Callable[[], bool]) -> None:
    """Wait until something holds, while everything else goes on."""
    async with asyncio.timeout(30):
        while not holds():  # noqa: ASYNC110 - another thread, or a server, has no event of ours
            await asyncio.sleep(0.002)


async def exhausted(notifier: Notifier, case_id: str, clock: Clock) -> list[int]:
    """Deliver until there is nothing left, moving the clock; returns the times in between."""
    times = []
    while (at := await notifier.deliver(case_id)) is not None:
        times.append(at)
        clock.now = at
    return times


@pytest.mark.parametrize("kind", ["analysis.completed", "analysis.failed", "handoff.requested"])
async def test_an_endpoint_is_told(
    store: Store,
    conversations: ConversationStateManager,
    outbox: Outbox,
    receiver: Receiver,
    kind: NotificationKind,
) -> None:
    """One signed message with the notification's id, which the independent library verifies."""
    endpoint = await endpoint_at(store, receiver.url)
    note = await told(conversations, kind)
    async with notifier_on(store) as notifier:
        assert await notifier.deliver(note.case_id) is None
        assert await notifier.deliver(note.case_id) is None
    (request,) = receiver.requests
    payload = request.verified(endpoint.secrets[0])
    assert payload["type"] == kind
    assert payload["data"]["case_id"] == note.case_id
    assert set(payload["data"]) == {"case_id", "turn", "status"}
    assert (request.id, request.path) == (note.id, "/hook")
    assert request.headers["content-type"] == "application/json"
    done = await state_of(outbox, note.case_id)
    assert (done.state, done.attempts, done.status) == ("delivered", 1, 204)


async def test_every_enabled_endpoint_is_told(
    store: Store, conversations: ConversationStateManager, receiver: Receiver
) -> None:
    """Each under its own secret; one that is disabled, or comes later, is not."""
    with receiving() as second, receiving() as off, receiving() as late:
        endpoints = [
            await endpoint_at(store, one.url, name)
            for one, name in ((receiver, "wh_a"), (second, "wh_b"), (off, "wh_c"))
        ]
        await Webhooks(store).replace(endpoints[2], replace(endpoints[2], disabled="by hand"))
        note = await told(conversations)
        async with notifier_on(store) as notifier:
            await notifier.deliver(note.case_id)
            await endpoint_at(store, late.url, "wh_d")
            await notifier.deliver(note.case_id)
        assert not off.requests
        assert not late.requests
        for one, endpoint in ((receiver, endpoints[0]), (second, endpoints[1])):
            (request,) = one.requests
            request.verified(endpoint.secrets[0])


async def test_with_nobody_to_tell_there_is_nothing_left(
    store: Store, conversations: ConversationStateManager, outbox: Outbox
) -> None:
    """A notification is done with where there is no endpoint and no browser."""
    note = await told(conversations)
    async with notifier_on(store) as notifier:
        assert await notifier.deliver(note.case_id) is None
        assert await notifier.deliver("0" * 32) is None
    assert await outbox.deliveries(note.case_id) == ()


async def test_failures_are_repeated_until_they_succeed(
    store: Store, conversations: ConversationStateManager, outbox: Outbox, receiver: Receiver
) -> None:
    """The same bytes under the same id, after the pauses of the schedule."""
    endpoint = await endpoint_at(store, receiver.url)
    receiver.answer = in_turn(500, 503, 301, 404, 200)
    note = await told(conversations)
    clock, delays = Clock(now_ms()), (1.0, 2.0, 3.0, 4.0)
    began = clock.now
    async with notifier_on(store, webhook_delays=delays, now=clock) as notifier:
        times = await exhausted(notifier, note.case_id, clock)
    pauses = [after - before for before, after in zip([began, *times], times, strict=False)]
    for pause, seconds in zip(pauses, delays, strict=True):
        assert seconds * 1_000 <= pause <= seconds * 1_000 * (1 + JITTER) + 1
    assert len(receiver.requests) == 5
    assert {(one.id, one.body) for one in receiver.requests} == {
        (note.id, receiver.requests[0].body)
    }
    receiver.requests[0].verified(endpoint.secrets[0])
    stamps = [int(one.headers["webhook-timestamp"]) for one in receiver.requests]
    assert stamps == sorted(set(stamps))
    assert (await state_of(outbox, note.case_id)).state == "delivered"


async def test_nothing_is_sent_before_its_time(
    store: Store, conversations: ConversationStateManager, receiver: Receiver
) -> None:
    """Looking again early changes nothing."""
    await endpoint_at(store, receiver.url)
    receiver.answer = in_turn(500)
    note = await told(conversations)
    clock = Clock(now_ms())
    async with notifier_on(store, webhook_delays=(60.0,), now=clock) as notifier:
        first = await notifier.deliver(note.case_id)
        assert first is not None
        clock.now = first - 1
        assert await notifier.deliver(note.case_id) == first
    assert len(receiver.requests) == 1


async def test_a_receiver_may_ask_for_more_time(
    store: Store, conversations: ConversationStateManager, receiver: Receiver
) -> None:
    """Retry-After puts the next attempt off beyond the schedule."""
    await endpoint_at(store, receiver.url)
    receiver.answer = in_turn((429, {"Retry-After": "3600"}), 200)
    note = await told(conversations)
    clock = Clock(now_ms())
    began = clock.now
    async with notifier_on(store, webhook_delays=(1.0,), now=clock) as notifier:
        assert await notifier.deliver(note.case_id) == began + 3_600_000


async def test_after_the_last_attempt_it_is_kept_as_failed(
    store: Store, conversations: ConversationStateManager, outbox: Outbox
) -> None:
    """Visible with its reason; nobody listens at that address."""
    with receiving() as closed:
        url = closed.url
    await endpoint_at(store, url)
    note = await told(conversations)
    clock = Clock(now_ms())
    async with notifier_on(store, webhook_delays=(1.0, 1.0), now=clock) as notifier:
        await exhausted(notifier, note.case_id, clock)
    (failed,) = await outbox.ended(10, failed=True)
    assert (failed.state, failed.attempts, failed.status) == ("failed", 3, None)
    assert failed.error
    assert failed.notification == note


async def test_gone_disables_the_endpoint(
    store: Store, conversations: ConversationStateManager, outbox: Outbox, receiver: Receiver
) -> None:
    """After 410 nothing is sent there: neither this message nor the next, until it is enabled."""
    await endpoint_at(store, receiver.url)
    receiver.answer = in_turn(410, 200)
    notes = [await told(conversations) for _ in range(3)]
    async with notifier_on(store) as notifier:
        for note in notes[:2]:
            assert await notifier.deliver(note.case_id) is None
        assert len(receiver.requests) == 1
        (held,) = (await Webhooks(store).all()).values()
        assert held.disabled == "it answered 410 Gone"
        assert (await state_of(outbox, notes[0].case_id)).state == "dropped"
        await Webhooks(store).replace(held, replace(held, disabled=None))
        await notifier.deliver(notes[2].case_id)
    assert [one.id for one in receiver.requests] == [notes[0].id, notes[2].id]


@pytest.mark.parametrize("how", ["removed", "disabled"])
async def test_what_waits_for_an_endpoint_is_dropped_with_it(
    store: Store,
    conversations: ConversationStateManager,
    outbox: Outbox,
    receiver: Receiver,
    how: str,
) -> None:
    """It is recorded why, and nothing is sent."""
    endpoint = await endpoint_at(store, receiver.url)
    receiver.answer = in_turn(500)
    note = await told(conversations)
    clock = Clock(now_ms())
    async with notifier_on(store, webhook_delays=(1.0,) * 5, now=clock) as notifier:
        clock.now = await notifier.deliver(note.case_id) or 0
        if how == "removed":
            await Webhooks(store).remove(endpoint.id)
        else:
            await Webhooks(store).replace(endpoint, replace(endpoint, disabled="by hand"))
        assert await notifier.deliver(note.case_id) is None
    done = await state_of(outbox, note.case_id)
    assert (done.state, done.error) == ("dropped", f"the endpoint was {how}")
    assert len(receiver.requests) == 1


async def test_a_secret_is_rotated_without_a_gap(
    store: Store, conversations: ConversationStateManager, receiver: Receiver
) -> None:
    """Old, both, new: a receiver with either secret accepts what was sent during rotation."""
    endpoint = await endpoint_at(store, receiver.url)
    old, new = endpoint.secrets[0], new_secret()
    both = replace(endpoint, secrets=(new, old))
    stages = (endpoint, both, replace(endpoint, secrets=(new,)))
    async with notifier_on(store) as notifier:
        for before, after in zip((endpoint, *stages), stages, strict=False):
            assert await Webhooks(store).replace(before, after)
            await notifier.deliver((await told(conversations)).case_id)
    first, second, third = receiver.requests
    first.verified(old)
    second.verified(old)
    second.verified(new)
    third.verified(new)
    assert len(second.headers["webhook-signature"].split()) == 2
    for request, wrong in ((first, new), (third, old)):
        with pytest.raises(Exception, match="No matching signature"):
            request.verified(wrong)


async def test_two_workers_do_not_send_the_same(
    store: Store, conversations: ConversationStateManager, receiver: Receiver
) -> None:
    """While one has the outbox, the other learns when to come back."""
    await endpoint_at(store, receiver.url)
    go = threading.Event()

    def hold(_: Received) -> int:
        assert go.wait(30)
        return 204

    receiver.answer = hold
    note = await told(conversations)
    async with notifier_on(store) as one, notifier_on(store) as two:
        first = asyncio.create_task(one.deliver(note.case_id))
        await until(lambda: bool(receiver.requests))
        at = await two.deliver(note.case_id)
        assert at is not None
        assert now_ms() < at <= now_ms() + 5_000
        go.set()
        assert await first is None
    assert len(receiver.requests) == 1


async def test_a_lease_is_kept_while_a_receiver_takes_its_time(
    store: Store, conversations: ConversationStateManager, outbox: Outbox, receiver: Receiver
) -> None:
    """A slow answer is not a dead sender: nobody else sends it meanwhile."""
    await endpoint_at(store, receiver.url)
    go = threading.Event()

    def hold(_: Received) -> int:
        assert go.wait(30)
        return 204

    receiver.answer = hold
    note = await told(conversations)
    async with notifier_on(store, lease_ms=300) as notifier:
        sending = asyncio.create_task(notifier.deliver(note.case_id))
        await until(lambda: bool(receiver.requests))
        ends = now_ms() + 1_500
        while now_ms() < ends:
            assert isinstance(await outbox.take(note.case_id), int)
        go.set()
        await sending
    assert len(receiver.requests) == 1


async def test_one_that_hangs_does_not_hold_up_the_others(
    store: Store, conversations: ConversationStateManager, receiver: Receiver
) -> None:
    """Twenty cases, one endpoint that takes every message and never answers."""
    await endpoint_at(store, receiver.url, "wh_good")
    go = threading.Event()
    with receiving() as hanging:
        hanging.answer = lambda _: 204 if go.wait(60) else 500
        await endpoint_at(store, hanging.url, "wh_hangs")
        notes = [await told(conversations) for _ in range(20)]
        stopping = asyncio.Event()
        async with notifier_on(store, per_target=2) as notifier:
            running = asyncio.create_task(notifier.run(stopping))
            await until(lambda: len(receiver.requests) == len(notes))
            assert len(hanging.requests) <= 2
            go.set()
            stopping.set()
            await running


async def test_the_loop_delivers_and_forgets(
    store: Store, conversations: ConversationStateManager, outbox: Outbox, receiver: Receiver
) -> None:
    """What is due is sent without being asked for; afterwards no index names the cases."""
    endpoint = await endpoint_at(store, receiver.url)
    receiver.answer = lambda _: 204 if len(receiver.requests) > 5 else 503
    notes = [await told(conversations) for _ in range(10)]
    stopping = asyncio.Event()
    async with notifier_on(store) as notifier:
        running = asyncio.create_task(notifier.run(stopping))
        async with asyncio.timeout(30):
            while await outbox.due(2**50, 100):
                pass
        stopping.set()
        await running
    for note in notes:
        assert (await state_of(outbox, note.case_id)).state == "delivered"
    for request in receiver.requests:
        request.verified(endpoint.secrets[0])
    assert {one.id for one in receiver.requests} == {one.id for one in notes}


async def test_a_doorbell_is_answered_at_once(
    store: Store,
    conversations: ConversationStateManager,
    receiver: Receiver,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """With the clock of the loop standing still, the bell alone wakes it."""
    monkeypatch.setattr("app.notify.notifier.POLL_SECONDS", 3_600.0)
    await endpoint_at(store, receiver.url)
    stopping, bell = asyncio.Event(), asyncio.Event()
    async with notifier_on(store) as notifier:
        running = asyncio.create_task(notifier.run(stopping, bell))
        await told(conversations)
        bell.set()
        await until(lambda: len(receiver.requests) == 1)
        assert not bell.is_set()
        stopping.set()
        await running


async def test_the_loop_outlives_its_storage(
    own_valkey: EmbeddedValkey, receiver: Receiver
) -> None:
    """Valkey is killed and comes back; what was due before and after is delivered."""
    store = store_at(own_valkey.url)
    conversations = ConversationStateManager(store, "one")
    await endpoint_at(store, receiver.url)
    stopping = asyncio.Event()
    async with notifier_on(store) as notifier:
        running = asyncio.create_task(notifier.run(stopping))
        first = await told(conversations)
        await until(lambda: len(receiver.requests) == 1)
        await asyncio.to_thread(own_valkey.kill)
        await asyncio.to_thread(own_valkey.start)
        second = await told(conversations)
        await until(lambda: second.id in {one.id for one in receiver.requests})
        stopping.set()
        await running
    assert first.id == receiver.requests[0].id
    await store.close()


async def test_a_case_that_cannot_be_read_does_not_stop_the_others(
    store: Store, conversations: ConversationStateManager, receiver: Receiver
) -> None:
    """Damage, or a newer version's value, is left alone and everything else goes on."""
    await endpoint_at(store, receiver.url)
    broken = [await told(conversations) for _ in range(2)]
    for note, data in zip(broken, (b"\xc1", b"\x81\xa6schema\xa6note/9"), strict=True):
        await store.command("HSET", f"tri:{{{note.case_id}}}:o", note.id, data)
    good = await told(conversations)
    stopping = asyncio.Event()
    async with notifier_on(store) as notifier:
        running = asyncio.create_task(notifier.run(stopping))
        await until(lambda: bool(receiver.requests))
        stopping.set()
        await running
    assert {one.id for one in receiver.requests} == {good.id}


# Browsers.


async def subscribed(
    outbox: Outbox, case_id: str, url: str, names: Sequence[str] = ("b",)
) -> list[Browser]:
    """Let browsers be told of a case, at this push service."""
    made = [Browser() for _ in names]
    for name, browser in zip(names, made, strict=True):
        await outbox.subscribe(
            case_id, PushSubscription(id=name, endpoint=f"{url}/{name}", **browser.keys)
        )
    return made


async def test_a_browser_is_told(
    store: Store, conversations: ConversationStateManager, outbox: Outbox, receiver: Receiver
) -> None:
    """Its push service gets a message that only the browser reads, and knows who sent it."""
    keys = VapidKeys(new_private_key(), "mailto:operator@example.org")
    note = await told(conversations)
    (browser,) = await subscribed(outbox, note.case_id, receiver.url)
    async with notifier_on(store, vapid=keys) as notifier:
        assert await notifier.deliver(note.case_id) is None
    (request,) = receiver.requests
    assert json.loads(browser.read(request.body)) == {
        "case_id": note.case_id,
        "kind": "analysis.completed",
    }
    claims = claims_of(request.headers["authorization"], keys.public_key)
    assert claims["aud"] == f"http://127.0.0.1:{receiver.port}"
    assert request.headers["content-encoding"] == "aes128gcm"
    assert request.path == "/hook/b"
    assert (await state_of(outbox, note.case_id)).state == "delivered"


@pytest.mark.parametrize("status", [404, 410])
async def test_a_dead_subscription_is_deleted(
    store: Store,
    conversations: ConversationStateManager,
    outbox: Outbox,
    receiver: Receiver,
    status: int,
) -> None:
    """And only that one: the case's other browser is told."""
    keys = VapidKeys(new_private_key(), "mailto:operator@example.org")
    receiver.answer = lambda one: status if one.path.endswith("dead") else 201
    note = await told(conversations)
    await subscribed(outbox, note.case_id, receiver.url, ["alive", "dead"])
    async with notifier_on(store, vapid=keys) as notifier:
        assert await notifier.deliver(note.case_id) is None
    held = await outbox.take(note.case_id)
    assert held is not None
    assert not isinstance(held, int)
    assert [one.id for one in held.subscriptions] == ["alive"]
    states = {one.target: one.state for one in held.deliveries}
    assert states == {"alive": "delivered", "dead": "dropped"}


async def test_a_browser_that_was_taken_off_is_told_no_more(
    store: Store, conversations: ConversationStateManager, outbox: Outbox, receiver: Receiver
) -> None:
    """Also where a message was on its way."""
    keys = VapidKeys(new_private_key(), "mailto:operator@example.org")
    receiver.answer = in_turn(503)
    note = await told(conversations)
    await subscribed(outbox, note.case_id, receiver.url)
    clock = Clock(now_ms())
    async with notifier_on(store, vapid=keys, now=clock) as notifier:
        clock.now = await notifier.deliver(note.case_id) or 0
        await outbox.unsubscribe(note.case_id, "b")
        assert await notifier.deliver(note.case_id) is None
    assert len(receiver.requests) == 1
    assert (await state_of(outbox, note.case_id)).state == "dropped"


async def test_without_keys_no_browser_is_told(
    store: Store, conversations: ConversationStateManager, outbox: Outbox, receiver: Receiver
) -> None:
    """Endpoints are told all the same."""
    await endpoint_at(store, receiver.url)
    note = await told(conversations)
    await subscribed(outbox, note.case_id, receiver.url)
    async with notifier_on(store) as notifier:
        assert await notifier.deliver(note.case_id) is None
    assert [one.path for one in receiver.requests] == ["/hook"]
