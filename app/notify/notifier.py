"""Empties outboxes: tells endpoints and browsers what happened, at least once, under stable ids.

Whatever is sent is recorded afterwards, so a sender that dies in between sends again, with the same
id. Nothing is held in memory that matters: the outbox says what is due, and any worker may go on.
"""

import asyncio
import contextlib
import random
from collections.abc import AsyncIterator, Callable, Mapping

import structlog

from app.domain.clock import now_ms
from app.domain.delivery import Delivery, Due, Outgoing, WebhookEndpoint
from app.domain.errors import StateUnavailable
from app.domain.notification import Notification
from app.notify.ports import EndpointsPort, OutboxPort
from app.notify.retrying import PUSH_DELAYS, WEBHOOK_DELAYS, Delays, Outcome, after, dropped
from app.notify.sending import GONE, Sender, disable
from app.notify.slots import TargetSlots

POLL_SECONDS = 0.25
_CASES_AT_ONCE = 128
_PER_TARGET = 8
_AWAY_SECONDS = 1.0
_UNABLE_MS = 60_000
_GRACE_SECONDS = 5.0

_log = structlog.get_logger(__name__)


class Notifier:
    """Delivers what cases have to tell."""

    def __init__(
        self,
        outbox: OutboxPort,
        endpoints: EndpointsPort,
        sender: Sender,
        *,
        webhook_delays: Delays = WEBHOOK_DELAYS,
        push_delays: Delays = PUSH_DELAYS,
        cases_at_once: int = _CASES_AT_ONCE,
        per_target: int = _PER_TARGET,
        now: Callable[[], int] = now_ms,
        on_done: Callable[[Delivery], None] = lambda _: None,
    ) -> None:
        """Take the collaborators and the limits.

        Args:
            outbox: what is to be told.
            endpoints: the operators who are told.
            sender: makes single attempts.
            webhook_delays: seconds between attempts at an endpoint.
            push_delays: seconds between attempts at a browser.
            cases_at_once: at most so many cases are worked on.
            per_target: at most so many requests wait for one target, so that one that hangs does
                not hold up the others.
            now: Unix time in milliseconds.
            on_done: is told of every attempt that is recorded, as it stands afterwards.
        """
        self._on_done = on_done
        self._outbox = outbox
        self._endpoints = endpoints
        self._sender = sender
        self._delays: dict[str, Delays] = {"webhook": webhook_delays, "push": push_delays}
        self._cases_at_once = cases_at_once
        self._now = now
        self._slots = TargetSlots(per_target)
        self._works: dict[str, asyncio.Task[None]] = {}

    async def aclose(self) -> None:
        """Close what is open."""
        await self._sender.aclose()

    # One case.

    async def deliver(self, case_id: str) -> int | None:
        """Do everything that is due for a case.

        Returns:
            When there is more to do: Unix time in milliseconds; None if there is nothing left.

        Raises:
            StateUnavailable: if the storage is away; whatever was not recorded is done again.
        """
        taken = await self._outbox.take(case_id)
        if taken is None:
            return None
        if isinstance(taken, int):
            return self._now() + taken
        async with self._holding(taken):
            return await self._deliver(taken)

    async def _deliver(self, taken: Outgoing) -> int | None:
        endpoints = await self._endpoints.all()
        deliveries = [one for one in taken.deliveries if one.state == "due"]
        for notification in taken.fresh:
            fanned = self._fan(notification, taken, endpoints)
            if not await self._outbox.fan_out(notification, fanned):
                return self._now()  # somebody else holds the outbox by now: look again
            deliveries += fanned
        now = self._now()
        ready = [one for one in deliveries if one.next_at <= now]
        results = await asyncio.gather(
            *(self._attempt(one, taken, endpoints) for one in ready), return_exceptions=True
        )
        times = [one.next_at for one in deliveries if one.next_at > now]
        for result in results:
            if isinstance(result, BaseException):
                raise result
            if result is not None:
                times.append(result)
        return min(times, default=None)

    def _fan(
        self,
        notification: Notification,
        taken: Outgoing,
        endpoints: Mapping[str, WebhookEndpoint],
    ) -> list[Delivery]:
        now = self._now()
        webhooks = [
            Delivery(
                notification=notification, channel="webhook", target=one.id, at=now, next_at=now
            )
            for one in endpoints.values()
            if one.disabled is None
        ]
        if self._sender.vapid is None:
            return webhooks
        return webhooks + [
            Delivery(notification=notification, channel="push", target=one.id, at=now, next_at=now)
            for one in taken.subscriptions
        ]

    async def _attempt(
        self, delivery: Delivery, taken: Outgoing, endpoints: Mapping[str, WebhookEndpoint]
    ) -> int | None:
        """Make an attempt and record it; returns when the next one is due."""
        async with self._slots.one(delivery.target) as free:
            if not free:
                return self._now()  # it is taken up again behind those that wait
            done = await self._sent(delivery, taken, endpoints)
        kept = await self._outbox.record(delivery, done)
        _log.log(
            _LEVELS[done.state],
            f"{done.channel}.{done.state}",
            id=done.notification.id,
            target=done.target,
            attempts=done.attempts,
            status=done.status,
            reason=done.error,
        )
        if not kept:
            return self._now()  # somebody else has recorded it: what stands there counts
        self._on_done(done)
        return done.next_at if done.state == "due" else None

    async def _sent(
        self, delivery: Delivery, taken: Outgoing, endpoints: Mapping[str, WebhookEndpoint]
    ) -> Delivery:
        notification = delivery.notification
        outcome: Outcome
        if delivery.channel == "webhook":
            endpoint = endpoints.get(delivery.target)
            if endpoint is None or endpoint.disabled is not None:
                state = "removed" if endpoint is None else "disabled"
                return dropped(delivery, f"the endpoint was {state}", now=self._now())
            seconds = self._now() // 1_000
            outcome = await self._sender.notify_endpoint(endpoint, notification, seconds=seconds)
            if outcome.status == GONE:
                await disable(self._endpoints, endpoint, "it answered 410 Gone")
                _log.warning("webhook.disabled", endpoint=endpoint.id, reason="410 Gone")
        else:
            subscription = next(
                (one for one in taken.subscriptions if one.id == delivery.target), None
            )
            if subscription is None:
                return dropped(delivery, "the browser was taken off", now=self._now())
            outcome = await self._sender.notify_browser(subscription, notification)
            if outcome.status in {404, GONE}:
                await self._outbox.forget(taken.case_id, subscription)
        return after(
            delivery,
            outcome,
            self._delays[delivery.channel],
            now=self._now(),
            chance=random.random(),  # noqa: S311 - spreads load
        )

    @contextlib.asynccontextmanager
    async def _holding(self, taken: Outgoing) -> AsyncIterator[None]:
        """Keep the outbox while the block runs. Losing it does no harm: records are compared."""
        renewing = asyncio.create_task(self._renew(taken), name="outbox lease")
        try:
            yield
        finally:
            renewing.cancel()
            await asyncio.gather(renewing, return_exceptions=True)
            with contextlib.suppress(StateUnavailable):
                await self._outbox.release(taken)

    async def _renew(self, taken: Outgoing) -> None:
        held = True
        while held:
            await asyncio.sleep(self._outbox.lease_seconds / 3)
            with contextlib.suppress(StateUnavailable):
                held = await self._outbox.renew(taken)

    # All cases.

    async def run(self, stopping: asyncio.Event, doorbell: asyncio.Event | None = None) -> None:
        """Look after all cases until told to stop.

        Args:
            stopping: ends it; what is under way is given a moment to finish.
            doorbell: set by whoever knows of something new; it is cleared here.
        """
        try:
            while not stopping.is_set():
                backlog, pause = False, POLL_SECONDS
                try:
                    backlog = await self._begin()
                except StateUnavailable as error:
                    _log.warning("notifier.waiting", reason=str(error))
                    pause = _AWAY_SECONDS
                await self._pause(stopping, doorbell, pause, backlog=backlog)
        finally:
            await self._finish()

    async def _begin(self) -> bool:
        """Begin with cases that are due; True if some are left over."""
        room = self._cases_at_once - len(self._works)
        if room <= 0:
            return True
        found = await self._outbox.due(self._now(), self._cases_at_once * 2)
        waiting = {one.case_id: one for one in reversed(found) if one.case_id not in self._works}
        for due in list(reversed(waiting.values()))[:room]:
            self._works[due.case_id] = asyncio.create_task(self._work(due), name="outbox")
        return len(waiting) > room

    async def _work(self, due: Due) -> None:
        try:
            await self._outbox.settle(due, await self.deliver(due.case_id))
        except StateUnavailable as error:
            _log.warning("notifier.waiting", case=due.case_id, reason=str(error))
            await self._put_off(due, round(error.retry_after * 1_000))
        except Exception:  # noqa: BLE001
            # Whatever is wrong with one case, all others go on.
            _log.exception("outbox.failed", case=due.case_id)
            await self._put_off(due, _UNABLE_MS)
        finally:
            del self._works[due.case_id]

    async def _put_off(self, due: Due, ms: int) -> None:
        with contextlib.suppress(StateUnavailable):
            await self._outbox.settle(due, self._now() + ms)

    async def _pause(
        self,
        stopping: asyncio.Event,
        doorbell: asyncio.Event | None,
        seconds: float,
        *,
        backlog: bool,
    ) -> None:
        waits = [asyncio.create_task(one.wait()) for one in (stopping, doorbell) if one is not None]
        others = list(self._works.values()) if backlog else []
        try:
            await asyncio.wait(
                [*waits, *others], timeout=seconds, return_when=asyncio.FIRST_COMPLETED
            )
        finally:
            for one in waits:
                one.cancel()
            await asyncio.gather(*waits, return_exceptions=True)
        if doorbell is not None:
            doorbell.clear()

    async def _finish(self) -> None:
        works = list(self._works.values())
        try:
            if works:
                await asyncio.wait(works, timeout=_GRACE_SECONDS)
        finally:
            for one in works:
                one.cancel()
            await asyncio.gather(*works, return_exceptions=True)


_LEVELS = {"due": 30, "delivered": 20, "dropped": 20, "failed": 40}
"""Levels of the log, as the standard library counts them."""
