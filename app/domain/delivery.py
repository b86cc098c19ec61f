"""What becomes of a notification: one delivery for each of those who are to be told.

A delivery is named after the notification and its target, so that it exists once however often a
notification is fanned out.
"""

from typing import Literal

from msgspec import Struct

from app.domain.notification import Notification

Channel = Literal["webhook", "push"]
DeliveryState = Literal["due", "delivered", "failed", "dropped"]
"""`failed`: given up after the last attempt, or refused for good. `dropped`: its target is gone."""


class Delivery(
    Struct,
    frozen=True,
    kw_only=True,
    forbid_unknown_fields=True,
    tag_field="schema",
    tag="delivery/1",
):
    """A notification on its way to one target."""

    notification: Notification
    channel: Channel
    target: str
    """Id of the webhook endpoint, or of the browser's subscription."""
    state: DeliveryState = "due"
    attempts: int = 0
    at: int
    """When this was written: Unix time in milliseconds, as all times here."""
    next_at: int
    """When it is tried (again); meaningful while it is due."""
    status: int | None = None
    """HTTP status of the last answer, if one came."""
    error: str | None = None
    """Why the last attempt failed, in words."""

    @property
    def name(self) -> str:
        """The notification's id and the target's."""
        return delivery_name(self.notification.id, self.target)


class WebhookEndpoint(
    Struct,
    frozen=True,
    kw_only=True,
    forbid_unknown_fields=True,
    tag_field="schema",
    tag="webhook/1",
):
    """An operator's address that is told of every case."""

    id: str
    url: str
    secrets: tuple[str, ...]
    """The newest first; each signs. Two while a secret is being rotated."""
    created_at: int
    disabled: str | None = None
    """Why nothing is sent to it; None while it is enabled."""


class PushSubscription(
    Struct,
    frozen=True,
    kw_only=True,
    forbid_unknown_fields=True,
    tag_field="schema",
    tag="push/1",
):
    """A browser that wants to be told of one case."""

    id: str
    endpoint: str
    p256dh: str
    auth: str


class Outgoing(Struct, frozen=True, kw_only=True):
    """Everything that a case has to tell, and to whom, held by one sender for a while."""

    case_id: str
    lease: str
    fresh: tuple[Notification, ...]
    """Not fanned out yet."""
    deliveries: tuple[Delivery, ...]
    subscriptions: tuple[PushSubscription, ...]


class Due(Struct, frozen=True, kw_only=True):
    """A case whose outbox should be looked at."""

    case_id: str
    score: int
    """As it stands in the index, so that a later one is noticed."""
    last_look: bool
    """It looked done before; this is the look after which it is forgotten."""


def delivery_name(notification_id: str, target: str) -> str:
    """Return the name of the one delivery of a notification to a target.

    >>> delivery_name("msg_c_3_analysis.completed", "wh_1")
    'msg_c_3_analysis.completed>wh_1'
    """
    return f"{notification_id}>{target}"
