"""Links to another device: kept for ten minutes, under a digest of their code, and used once."""

from app.state import keys
from app.state.store import Store


class Links:
    """What codes stand for; nobody can read it here who has not the code."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def keep(self, name: str, sealed: bytes, *, seconds: int) -> None:
        """Keep what a code stands for."""
        await self._store.command("SET", keys.link(name), sealed, "EX", seconds)

    async def take(self, name: str, attempt: str, *, seconds: int) -> bytes | None:
        """Return what a code stands for, once; None where it was used, is over, or never was.

        Args:
            name: the digest of the code.
            attempt: names the attempt. The same one is answered again, for whoever lost the
                answer on the way.
            seconds: for how long it is.
        """
        again = keys.link(f"{name}:{attempt}")
        taken: bytes | None = await self._store.command("GETDEL", keys.link(name))
        if taken is None:
            taken = await self._store.command("GET", again)
        else:
            await self._store.command("SET", again, taken, "EX", seconds)
        return taken
