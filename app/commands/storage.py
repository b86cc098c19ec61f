"""Which storage a process uses: the one the settings name, or the embedded one that runs here."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from urllib.parse import quote

from app.core.privacy.masters import sealer
from app.datafolder import holder, socket_path
from app.domain.errors import StateUnavailable
from app.settings import Settings
from app.state.masters import MasterBook
from app.state.store import Store


def storage_url(settings: Settings) -> str:
    """Return the storage's address.

    Raises:
        StateUnavailable: if none is set and no embedded server runs here.
    """
    if settings.redis_url is not None:
        return settings.redis_url
    if holder(settings.var) is None:
        raise StateUnavailable(
            f"no embedded Valkey runs in {settings.var}; start it with `triage up`, or name a "
            "server in TRIAGE_REDIS_URL"
        )
    socket = socket_path(settings.var.absolute() / "valkey")
    return f"unix://{quote(str(socket))}"


@asynccontextmanager
async def opened_store(settings: Settings) -> AsyncIterator[Store]:
    """Give the storage, and the keys of its cases.

    Raises:
        StateUnavailable: if there is none, or it does not answer.
        MasterKeysWrong: if it is used with other master keys than those that are here.
    """
    store = Store(storage_url(settings), replicas=settings.replicas, sealer=sealer(settings))
    try:
        store.sealer.master = await MasterBook(store).check(store.sealer.ring)
        yield store
    finally:
        await store.close()
