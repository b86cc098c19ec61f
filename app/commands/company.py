"""A human in the terminal conversation: heard in a thread, since the terminal waits for input."""

import threading
from collections.abc import Callable

import httpx2

from app.commands.remote import Refused, RemoteCase, ServerUnreachable
from app.domain.event import HandoffEvent, HandoffMessage, HandoffReturned


class Company(threading.Thread):
    """Follows a case's events and tells of what a human does in it; it ends with the process."""

    def __init__(
        self, case: RemoteCase, known: int, told: Callable[[HandoffEvent, str], None]
    ) -> None:
        """Take the case, the last turn that is shown already, and whom to tell.

        `told` gets the event and the words of its turn, and is called in the thread.
        """
        super().__init__(name="company", daemon=True)
        self._case = case
        self._known = known
        self._told = told

    def run(self) -> None:
        """Follow until the case, the server or the connection is gone for good."""
        try:
            for event in self._case.life():
                if isinstance(event, HandoffEvent) and event.turn > self._known:
                    speaks = isinstance(event, HandoffMessage | HandoffReturned)
                    self._told(event, self._case.text(event.turn) if speaks else "")
        except (Refused, ServerUnreachable):
            return
        except (RuntimeError, httpx2.TransportError):
            return  # the conversation ends, and its client is closed under this thread
