"""What a case has to tell the world: who sends it, to whom, and what became of it.

Everything about a case stands in one hash of its own slot and ends with the case. A lease keeps two
senders from doing the same work; should it run out on a slow one, each result is still recorded
once, by comparing what was seen, and what is sent twice carries the same id.
"""

import secrets
from collections.abc import Sequence
from typing import Any

from app.domain.delivery import Delivery, Due, Outgoing, PushSubscription
from app.domain.errors import CaseNotFound, CaseUnreadable, InvalidInput
from app.domain.notification import Notification
from app.domain.sealing import CaseKey
from app.state import codec, keys
from app.state.indexes import listed, now_ms, outbox_listed, pairs, scored
from app.state.keys import CaseKeys
from app.state.looking import read
from app.state.sealing import KEY, case_key, key_to_write, run_sealed
from app.state.store import Store

LEASE_MS = 5_000
SETTLE_MS = 5_000
"""After so long a write that was announced has happened, or never will."""
SUBSCRIPTIONS_PER_CASE = 8
_LISTED_CASES = 1_000


class Outbox:
    """The outboxes of all cases."""

    def __init__(
        self, store: Store, *, lease_ms: int = LEASE_MS, settle_ms: int = SETTLE_MS
    ) -> None:
        self._store = store
        self._lease_ms = lease_ms
        self._settle_ms = settle_ms

    @property
    def lease_seconds(self) -> float:
        """How long an outbox stays taken by somebody who shows no life."""
        return self._lease_ms / 1_000

    # The cases that have something to send.

    async def due(self, now: int, limit: int) -> list[Due]:
        """Return cases to look at, those that have waited longest first."""
        indexes = (keys.OUTBOX, keys.OUTBOX_SETTLING)
        pages = await self._store.commands(
            ("ZRANGE", index, "-inf", now, "BYSCORE", "LIMIT", 0, limit, "WITHSCORES")
            for index in indexes
        )
        found = [
            Due(case_id=case_id, score=score, last_look=index is keys.OUTBOX_SETTLING)
            for index, page in zip(indexes, pages, strict=True)
            for case_id, score in scored(page)
        ]
        return sorted(found, key=lambda one: one.score)

    async def settle(self, due: Due, next_at: int | None) -> None:
        """Put a case off until `next_at`, or, with nothing left, off the list.

        Nothing is changed where the case was listed again since it was looked at.
        """
        case_id, seen = due.case_id, due.score
        if due.last_look:
            if next_at is not None:
                await self._store.commands([("ZADD", keys.OUTBOX, "LT", next_at, case_id)])
            await self._store.run("unlist", [keys.OUTBOX_SETTLING], [case_id, seen])
        elif next_at is not None:
            await self._store.run("move", [keys.OUTBOX], [case_id, seen, next_at])
        else:
            await self._store.run(
                "unlist",
                [keys.OUTBOX],
                [case_id, seen],
                before=listed(now_ms() + self._settle_ms, case_id, keys.OUTBOX_SETTLING),
            )

    # One case.

    async def take(self, case_id: str) -> Outgoing | int | None:
        """Take a case's outbox to send what is in it.

        Returns:
            What is in it; or after how many milliseconds to ask again, since somebody else has it;
            or None where there is none.
        """
        lease = secrets.token_hex(8)
        key = CaseKeys(case_id).outbox
        match await self._store.run("outbox_take", [key], [lease, self._lease_ms]):
            case [b"TAKEN", fields]:
                try:
                    return _outgoing(case_id, lease, fields, await case_key(self._store, case_id))
                except CaseUnreadable:
                    await self._store.run("outbox_hold", [key], [lease, 0])
                    raise
            case [b"HELD", left]:
                return int(left)
            case _:
                return None

    async def renew(self, taken: Outgoing) -> bool:
        """Keep an outbox that is taken; False if it was lost."""
        return await self._hold(taken, self._lease_ms)

    async def release(self, taken: Outgoing) -> None:
        """Let an outbox go."""
        await self._hold(taken, 0)

    async def fan_out(self, notification: Notification, deliveries: Sequence[Delivery]) -> bool:
        """Make the deliveries of a notification; False if somebody has, or the case is gone."""
        case_id = notification.case_id
        if (sealing := await key_to_write(self._store, case_id)) is None:
            return False
        args: list[str | bytes] = [notification.id]
        for one in deliveries:
            args += [_field(one), codec.DELIVERY.seal(sealing, one)]
        key = CaseKeys(case_id).outbox
        return bool(await self._store.run("outbox_fan_out", [key], args))

    async def record(self, before: Delivery, after: Delivery) -> bool:
        """Keep what became of a delivery; False if somebody else has, or the case is gone."""
        case_id = before.notification.case_id
        indexes = [keys.OUTBOX_TOLD] * (after.state == "delivered")
        indexes += [keys.OUTBOX_FAILED] * (after.state == "failed")
        key, outbox = await key_to_write(self._store, case_id), CaseKeys(case_id).outbox
        seen = await self._store.command("HGET", outbox, _field(before))
        if key is None or seen is None or codec.DELIVERY.open(key, seen) != before:
            return False
        swapped = await self._store.run(
            "swap",
            [outbox],
            [_field(before), seen, codec.DELIVERY.seal(key, after)],
            before=[
                *listed(after.at, case_id, *indexes),
                *(("ZREMRANGEBYRANK", index, 0, -_LISTED_CASES - 1) for index in indexes),
            ],
        )
        return bool(swapped)

    async def deliveries(self, case_id: str) -> tuple[Delivery, ...]:
        """Return everything that became of a case's notifications, without taking anything."""
        return (await self.look(case_id)).deliveries

    async def look(self, case_id: str) -> Outgoing:
        """Return everything in a case's outbox, without taking anything."""
        fields, wrapped = await self._store.commands(_looks(case_id))
        return _outgoing(case_id, "", fields, self._store.sealer.key(case_id, wrapped))

    # Browsers.

    async def subscribe(self, case_id: str, subscription: PushSubscription) -> None:
        """Let a browser be told of a case, for as long as the case lives.

        Raises:
            CaseNotFound: if there is no such case.
            InvalidInput: if it has as many browsers as it may have.
        """

        def args(key: CaseKey) -> list[Any]:
            sealed = codec.SUBSCRIPTION.seal(key, subscription)
            return [f"s:{subscription.id}", sealed, SUBSCRIPTIONS_PER_CASE]

        match await run_sealed(self._store, "subscribe", case_id, args):
            case b"OK":
                return
            case b"FULL":
                raise InvalidInput(f"a case tells at most {SUBSCRIPTIONS_PER_CASE} browsers")
            case _:
                raise CaseNotFound(case_id)

    async def unsubscribe(self, case_id: str, subscription: str | None) -> None:
        """Forget one browser of a case, or all of them."""
        key = CaseKeys(case_id).outbox
        fields = [b"s:" + subscription.encode()] if subscription is not None else []
        if subscription is None:
            held = await self._store.command("HKEYS", key)
            fields = [one for one in held if one.startswith(b"s:")]
        if fields:
            await self._store.command("HDEL", key, *fields)

    async def forget(self, case_id: str, subscription: PushSubscription) -> None:
        """Delete a subscription that its push service has ended, unless it was renewed since."""
        key, outbox = await case_key(self._store, case_id), CaseKeys(case_id).outbox
        seen = await self._store.command("HGET", outbox, f"s:{subscription.id}")
        if seen is not None and codec.SUBSCRIPTION.open(key, seen) == subscription:
            await self._store.run("swap", [outbox], [f"s:{subscription.id}", seen, ""])

    # For operators.

    async def waiting(self, limit: int) -> list[Delivery]:
        """Return deliveries that are still to be made, the next ones first."""
        found = [one for one in await self._of(keys.OUTBOX, limit) if one.state == "due"]
        return sorted(found, key=lambda one: one.next_at)[:limit]

    async def ended(self, limit: int, *, failed: bool) -> list[Delivery]:
        """Return deliveries that were made, or with `failed` given up; the latest first."""
        index, state = (keys.OUTBOX_FAILED, "failed") if failed else (keys.OUTBOX_TOLD, "delivered")
        found = [one for one in await self._of(index, limit, "REV") if one.state == state]
        return sorted(found, key=lambda one: -one.at)[:limit]

    async def list_again(self, case_id: str) -> None:
        """Say that a case has something to send, now."""
        await self._store.commands(outbox_listed(case_id))

    async def _of(self, index: str, limit: int, *order: str) -> list[Delivery]:
        """Return the deliveries of listed cases; those that are gone leave the list."""
        rows = await self._store.command("ZRANGE", index, 0, limit - 1, *order)
        names = [one.decode() for one in rows]
        answers = await self._store.commands(look for one in names for look in _looks(one))
        outboxes, wrapped = answers[::2], answers[1::2]
        gone = [one for one, fields in zip(names, outboxes, strict=True) if not fields]
        if gone and index != keys.OUTBOX:  # there it may only be listed a moment ahead
            await self._store.command("ZREM", index, *gone)
        return [
            delivery
            for found in zip(names, outboxes, wrapped, strict=True)
            for delivery in self._readable(*found)
        ]

    def _readable(self, case_id: str, fields: Any, wrapped: bytes | None) -> tuple[Delivery, ...]:
        """Return a case's deliveries; none where the case cannot be read."""
        found = read(
            self._store,
            case_id,
            wrapped,
            lambda key: _outgoing(case_id, "", fields, key).deliveries,
        )
        return () if isinstance(found, CaseUnreadable) else found

    async def _hold(self, taken: Outgoing, ms: int) -> bool:
        key = CaseKeys(taken.case_id).outbox
        return bool(await self._store.run("outbox_hold", [key], [taken.lease, ms]))


def _field(delivery: Delivery) -> str:
    return f"d:{delivery.name}"


def _looks(case_id: str) -> list[tuple[str, ...]]:
    """Return the commands that read an outbox and the key of its case."""
    case = CaseKeys(case_id)
    return [("HGETALL", case.outbox), ("HGET", case.meta, KEY)]


def _outgoing(
    case_id: str,
    lease: str,
    answer: dict[bytes, bytes] | Sequence[bytes],
    key: CaseKey | None,
) -> Outgoing:
    fields = pairs(answer)
    told = {name.removeprefix(b"f:") for name in fields if name.startswith(b"f:")}
    fresh, deliveries, subscriptions = [], [], []
    for name, data in sorted(fields.items()):
        if name.startswith(b"d:"):
            deliveries.append(codec.DELIVERY.open(key, data))
        elif name.startswith(b"s:"):
            subscriptions.append(codec.SUBSCRIPTION.open(key, data))
        elif name.startswith(b"msg_") and name not in told:
            fresh.append(codec.NOTIFICATION.open(key, data))
    return Outgoing(
        case_id=case_id,
        lease=lease,
        fresh=tuple(fresh),
        deliveries=tuple(deliveries),
        subscriptions=tuple(subscriptions),
    )
