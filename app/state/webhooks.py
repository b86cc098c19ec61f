"""The webhook endpoints of operators: configuration that lives beside the cases."""

from app.domain.delivery import WebhookEndpoint
from app.domain.errors import InvalidInput, WebhookNotFound
from app.domain.sealing import is_sealed
from app.state import codec, keys
from app.state.sealing import Installation
from app.state.store import Store

MOST_ENDPOINTS = 16


class Webhooks:
    """The endpoints that are told of every case."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._installation = Installation(store)

    async def all(self) -> dict[str, WebhookEndpoint]:
        """Return every endpoint by its id, the oldest first."""
        fields = await self._store.command("HGETALL", keys.WEBHOOKS)
        opened = [await self._opened(data) for data in fields.values()]
        found = sorted(opened, key=lambda one: one.created_at)
        return {one.id: one for one in found}

    async def get(self, endpoint_id: str) -> WebhookEndpoint:
        """Return an endpoint.

        Raises:
            WebhookNotFound: if there is none of that id.
        """
        data = await self._store.command("HGET", keys.WEBHOOKS, endpoint_id)
        if data is None:
            raise WebhookNotFound(f"there is no webhook {endpoint_id}; see: triage webhooks list")
        return await self._opened(data)

    async def add(self, endpoint: WebhookEndpoint) -> None:
        """Keep a new endpoint.

        Raises:
            InvalidInput: if its address is there already, or there are as many as may be.
        """
        held = await self.all()
        for one in held.values():
            if one.url == endpoint.url:
                raise InvalidInput(f"{one.url} is there already, as {one.id}")
        if len(held) >= MOST_ENDPOINTS:
            raise InvalidInput(f"there are {MOST_ENDPOINTS} webhooks, which is the most")
        await self.seed(endpoint)

    async def seed(self, endpoint: WebhookEndpoint) -> None:
        """Keep an endpoint unless there is one of its id."""
        data = codec.ENDPOINT.seal(await self._installation.key(), endpoint)
        await self._store.command("HSETNX", keys.WEBHOOKS, endpoint.id, data)

    async def replace(self, before: WebhookEndpoint, after: WebhookEndpoint) -> bool:
        """Change an endpoint; False if somebody else has changed or removed it meanwhile."""
        seen = await self._store.command("HGET", keys.WEBHOOKS, before.id)
        if seen is None or await self._opened(seen) != before:
            return False
        args = [before.id, seen, codec.ENDPOINT.seal(await self._installation.key(), after)]
        return bool(await self._store.run("swap", [keys.WEBHOOKS], args))

    async def remove(self, endpoint_id: str) -> None:
        """Forget an endpoint; what is still due for it is dropped.

        Raises:
            WebhookNotFound: if there is none of that id.
        """
        if not await self._store.command("HDEL", keys.WEBHOOKS, endpoint_id):
            raise WebhookNotFound(f"there is no webhook {endpoint_id}; see: triage webhooks list")

    async def _opened(self, data: bytes) -> WebhookEndpoint:
        """Read an endpoint; an earlier version kept it plain."""
        key = await self._installation.key() if is_sealed(data) else None
        return codec.ENDPOINT.open(key, data)
