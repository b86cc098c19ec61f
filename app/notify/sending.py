"""One attempt at one delivery: make the request, send it through the guard, say how it went."""

from collections.abc import Mapping

from msgspec.structs import replace

from app.domain.delivery import PushSubscription, WebhookEndpoint
from app.domain.errors import InvalidInput
from app.domain.notification import Notification
from app.notify.client import GuardedClient, NotSent
from app.notify.guard import Guard
from app.notify.ports import EndpointsPort
from app.notify.push import VapidKeys, push_body, push_headers
from app.notify.retrying import Outcome
from app.notify.webhooks import body_of, signed_headers

GONE = 410


class Sender:
    """Sends single messages; it keeps nothing and retries nothing.

    Endpoints are operators' and browsers are anybody's: each has a pool of its own, so that whoever
    subscribes with addresses that hang takes no connection from webhooks.
    """

    def __init__(
        self,
        guard: Guard,
        *,
        webhooks: GuardedClient,
        browsers: GuardedClient,
        vapid: VapidKeys | None,
    ) -> None:
        self._guard = guard
        self._webhooks = webhooks
        self._browsers = browsers
        self.vapid = vapid

    async def aclose(self) -> None:
        """Close what is open."""
        await self._webhooks.aclose()
        await self._browsers.aclose()

    async def webhook(
        self, endpoint: WebhookEndpoint, message_id: str, content: bytes, *, seconds: int
    ) -> Outcome:
        """Send a body to an endpoint, signed at this Unix time."""
        headers = signed_headers(message_id, endpoint.secrets, content, seconds=seconds)
        return await _post(self._webhooks, endpoint.url, headers, content)

    async def notify_endpoint(
        self, endpoint: WebhookEndpoint, notification: Notification, *, seconds: int
    ) -> Outcome:
        """Tell an endpoint what happened."""
        content = body_of(notification)
        return await self.webhook(endpoint, notification.id, content, seconds=seconds)

    async def notify_browser(
        self, subscription: PushSubscription, notification: Notification
    ) -> Outcome:
        """Tell a browser what happened."""
        if self.vapid is None:
            return Outcome(error="this worker has no keys for Web Push")
        try:
            origin = self._guard.check(subscription.endpoint).origin
            headers = push_headers(self.vapid, origin)
        except InvalidInput as error:
            return Outcome(error=str(error))
        content = push_body(notification, subscription)
        return await _post(self._browsers, subscription.endpoint, headers, content)


async def disable(endpoints: EndpointsPort, endpoint: WebhookEndpoint, reason: str) -> bool:
    """Send an endpoint nothing more; False if somebody has changed it meanwhile."""
    return await endpoints.replace(endpoint, replace(endpoint, disabled=reason))


async def _post(
    client: GuardedClient, url: str, headers: Mapping[str, str], content: bytes
) -> Outcome:
    try:
        answer = await client.post(url, headers, content)
    except (InvalidInput, NotSent) as error:
        return Outcome(error=str(error))
    return Outcome(status=answer.status, retry_after=answer.retry_after)
