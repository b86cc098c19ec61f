"""How long to wait for a provider. Apart from what waits, so that naming a limit loads no SDK."""

from msgspec import Struct

from app.llm.patience import Patience

UNHURRIED = 4.0
"""How many times as long a request may take for whose answer nobody waits."""


class Timeouts(Struct, frozen=True, kw_only=True):
    """How long to wait for a provider, in seconds."""

    connect: float = 2.0
    first_token: float = 8.0
    """From the request to the first words, connecting included."""
    read: float = 5.0
    """Between two pieces of an answer that has begun."""
    total: float = 120.0
    """For the whole answer, so that one that drips cannot go on for ever."""
    rest: float = 5.0
    """For the rest of an answer that was given up, which is read on for its usage."""
    gather: float = 0.0
    """The least time between two pieces that are shown; what comes sooner is shown together."""
    settle: float = 0.25
    """After the finish event, for the usage and for the connection to become free again."""

    def patience(self, *, unhurried: bool = False) -> Patience:
        """Begin to wait for an answer."""
        times = UNHURRIED if unhurried else 1.0
        return Patience(
            first=self.first_token * times, between=self.read * times, total=self.total * times
        )
