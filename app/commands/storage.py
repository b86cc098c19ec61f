"""Which storage a process uses: the one the settings name, or the embedded one that runs here."""

from urllib.parse import quote

from app.datafolder import holder, socket_path
from app.domain.errors import StateUnavailable
from app.settings import Settings


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
