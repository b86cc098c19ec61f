"""Browsers that want to be told of a case: who they are, and by which key they know us."""

import hashlib

from app.domain.delivery import PushSubscription
from app.domain.errors import PushOff
from app.notify.guard import Guard
from app.notify.push import VapidKeys, check_browser_keys
from app.state.outbox import Outbox


class Subscriptions:
    """What a person can do about Web Push."""

    def __init__(self, outbox: Outbox, guard: Guard, keys: VapidKeys | None) -> None:
        self._outbox = outbox
        self._guard = guard
        self._keys = keys

    def public_key(self) -> str:
        """Return the key that a browser subscribes with.

        Raises:
            PushOff: if this instance has none.
        """
        if self._keys is None:
            raise PushOff("this instance has no keys for Web Push: `triage keys vapid` makes them")
        return self._keys.public_key

    async def subscribe(self, case_id: str, *, endpoint: str, p256dh: str, auth: str) -> str:
        """Let a browser be told of a case; returns the subscription's id, the same for the same.

        Raises:
            PushOff: if this instance has no keys.
            AddressRefused: if nothing may be sent to the endpoint.
            InvalidInput: if a key cannot be used, or the case has as many browsers as it may have.
            CaseNotFound: if there is no such case.
        """
        self.public_key()
        self._guard.check(endpoint)
        check_browser_keys(p256dh, auth)
        name = hashlib.sha256(endpoint.encode()).hexdigest()[:32]
        await self._outbox.subscribe(
            case_id, PushSubscription(id=name, endpoint=endpoint, p256dh=p256dh, auth=auth)
        )
        return name

    async def unsubscribe(self, case_id: str, subscription: str | None) -> None:
        """Tell one browser, or with None all of them, no more."""
        await self._outbox.unsubscribe(case_id, subscription)
