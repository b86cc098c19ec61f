"""The framework without its support for libraries that nothing of ours goes through."""

from litestar import Litestar
from litestar.plugins import PluginProtocol
from litestar.plugins.core import MsgspecDIPlugin


class Application(Litestar):
    """Litestar for values of msgspec.

    By default it also loads what reads and writes pydantic's models and those of attrs wherever
    these are installed, as they are for the SDKs of models: 8 MB, and 0.15 s of a start.
    """

    @staticmethod
    def _get_default_plugins(plugins: list[PluginProtocol]) -> list[PluginProtocol]:
        """Return the plugins asked for and that of msgspec."""
        return [*plugins, MsgspecDIPlugin()]
