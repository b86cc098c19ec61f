"""Cases that have something to tell, and what tells it, on this machine and without long waits."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from app.domain.delivery import WebhookEndpoint
from app.domain.notification import Notification, NotificationKind, notification_id
from app.notify.client import GuardedClient
from app.notify.guard import Guard
from app.notify.notifier import Notifier
from app.notify.push import VapidKeys
from app.notify.retrying import Delays
from app.notify.sending import Sender
from app.notify.webhooks import new_secret
from app.state.conversations import ConversationStateManager
from app.state.indexes import now_ms
from app.state.outbox import Outbox
from app.state.store import Store
from app.state.webhooks import Webhooks
from tests.support.cases import claimed, finished, opened, post

NOON = 1_772_366_400_000


async def told(
    conversations: ConversationStateManager, kind: NotificationKind = "analysis.completed"
) -> Notification:
    """Open a case and finish a turn that leaves a notification; returns it."""
    case_id = (await opened(conversations)).case_id
    await post(conversations, case_id)
    claim = await claimed(conversations, case_id)
    notification = Notification(
        id=notification_id(kind, case_id, claim.turn),
        kind=kind,
        case_id=case_id,
        turn=claim.turn,
        at=NOON,
    )
    await finished(conversations, claim, notifications=(notification,))
    return notification


async def endpoint_at(store: Store, url: str, name: str = "wh_one") -> WebhookEndpoint:
    """Keep an endpoint with a new secret."""
    endpoint = WebhookEndpoint(id=name, url=url, secrets=(new_secret(),), created_at=1)
    await Webhooks(store).add(endpoint)
    return endpoint


class Clock:
    """A clock that only a test moves."""

    def __init__(self, now: int) -> None:
        """Begin at a Unix time in milliseconds."""
        self.now = now

    def __call__(self) -> int:
        """Return the time."""
        return self.now


@asynccontextmanager
async def notifier_on(
    store: Store,
    *,
    webhook_delays: Delays = (0.01,) * 20,
    push_delays: Delays = (0.01,) * 20,
    vapid: VapidKeys | None = None,
    now: Callable[[], int] = now_ms,
    per_target: int = 8,
    lease_ms: int = 5_000,
    seconds: float = 10.0,
) -> AsyncIterator[Notifier]:
    """Give a notifier that may send to this machine."""
    guard = Guard(allow_loopback=True)
    sender = Sender(
        guard,
        webhooks=GuardedClient(guard, seconds=seconds),
        browsers=GuardedClient(guard, seconds=seconds),
        vapid=vapid,
    )
    notifier = Notifier(
        Outbox(store, lease_ms=lease_ms, settle_ms=100),
        Webhooks(store),
        sender,
        webhook_delays=webhook_delays,
        push_delays=push_delays,
        per_target=per_target,
        now=now,
    )
    yield notifier
    await notifier.aclose()
