"""The flags as a plugin of Litestar's: builds them, adds their routes, lives as long as the app."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from litestar import Litestar
from litestar.config.app import AppConfig
from litestar.di import Provide
from litestar.plugins import InitPlugin

from app.settings import Settings
from app.state.flags import Flags
from app.state.store import Store
from plugins.flags.evaluation import Evaluator
from plugins.flags.growthbook_source import GrowthBookSource
from plugins.flags.live import LiveFlags
from plugins.flags.payload import shipped
from plugins.flags.routes import flags_router
from plugins.flags.sticky import StickyBuckets


@dataclass(frozen=True, kw_only=True)
class FlagsConfig:
    """What the flags are kept up to date from."""

    host: str = "https://cdn.growthbook.io"
    """Where GrowthBook's API, or its proxy, answers SDKs."""
    client_key: str | None = None
    """The SDK connection's key; None fetches nothing."""
    decryption_key: str | None = None
    """For an SDK connection whose payload is encrypted."""
    webhook_secret: str | None = None
    """The SDK webhook's secret; None lets no webhook in."""
    poll_seconds: float = 60.0
    """Between two looks at GrowthBook."""
    file: Path | None = None
    """Flags in a file, taken up whenever it changes."""

    @classmethod
    def of(cls, settings: Settings) -> "FlagsConfig":
        """Return what the settings say."""
        return cls(
            host=settings.growthbook_host,
            client_key=settings.growthbook_client_key,
            decryption_key=settings.growthbook_decryption_key,
            webhook_secret=settings.growthbook_webhook_secret,
            poll_seconds=settings.growthbook_poll_seconds,
            file=settings.flags_file,
        )

    def build(self, store: Store) -> LiveFlags:
        """Build the flags; they begin with those that ship, and wait for nothing."""
        shared = Flags(store)
        return LiveFlags(
            shared,
            Evaluator(shipped(), StickyBuckets(shared), decryption_key=self.decryption_key),
            source=(
                None if self.client_key is None else GrowthBookSource(self.host, self.client_key)
            ),
            poll_seconds=self.poll_seconds,
            file=self.file,
            webhook_secret=self.webhook_secret,
        )


class FlagsPlugin(InitPlugin):
    """Adds the flags to an application."""

    def __init__(self, flags: LiveFlags, *, path: str) -> None:
        """Take the flags, and the path below which their routes stand."""
        self._flags = flags
        self._path = path

    def on_app_init(self, app_config: AppConfig) -> AppConfig:
        """Add the routes, the dependency and the flags' life."""

        @asynccontextmanager
        async def living(_: Litestar) -> AsyncIterator[None]:
            await self._flags.start()
            try:
                yield
            finally:
                await self._flags.close()

        app_config.route_handlers.append(flags_router(self._path))
        app_config.dependencies["flags"] = Provide(lambda: self._flags, sync_to_thread=False)
        app_config.lifespan.append(living)
        return app_config
