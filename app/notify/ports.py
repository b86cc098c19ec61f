"""What the notifier needs of the state room, which it does not know."""

from collections.abc import Mapping, Sequence
from typing import Protocol

from app.domain.delivery import Delivery, Due, Outgoing, PushSubscription, WebhookEndpoint
from app.domain.notification import Notification


class OutboxPort(Protocol):
    """The outboxes of all cases; `app.state.outbox` says what each method promises."""

    @property
    def lease_seconds(self) -> float:
        """How long an outbox stays taken by somebody who shows no life."""
        ...

    async def due(self, now: int, limit: int) -> list[Due]:
        """Return cases to look at."""
        ...

    async def settle(self, due: Due, next_at: int | None) -> None:
        """Put a case off, or off the list."""
        ...

    async def take(self, case_id: str) -> Outgoing | int | None:
        """Take a case's outbox."""
        ...

    async def renew(self, taken: Outgoing) -> bool:
        """Keep it; False if it was lost."""
        ...

    async def release(self, taken: Outgoing) -> None:
        """Let it go."""
        ...

    async def fan_out(self, notification: Notification, deliveries: Sequence[Delivery]) -> bool:
        """Make the deliveries of a notification, once."""
        ...

    async def record(self, before: Delivery, after: Delivery) -> bool:
        """Keep what became of a delivery, once."""
        ...

    async def forget(self, case_id: str, subscription: PushSubscription) -> None:
        """Delete a browser's subscription."""
        ...


class EndpointsPort(Protocol):
    """The webhook endpoints; `app.state.webhooks` says what each method promises."""

    async def all(self) -> Mapping[str, WebhookEndpoint]:
        """Return every endpoint by its id."""
        ...

    async def replace(self, before: WebhookEndpoint, after: WebhookEndpoint) -> bool:
        """Change one, unless somebody else has."""
        ...
