"""How many connections stand before an instance that have not been looked at.

The event loop takes them in one at a time between everything else it does. Where more come than it
can serve, they wait in the kernel and not in here: nothing that counts what is being done sees it.
"""

import socket
import struct
import sys
from collections.abc import Iterable

MOST_WAITING = 256
"""More than a burst of people who come at once; the last of so many is looked at within about a
second."""
_WAITING_AT = 24
"""Where `struct tcp_info` has `tcpi_unacked`: of a listening socket, how many wait to come in."""
_INFO_BYTES = 32


class Door:
    """The sockets that an instance listens on. Only Linux tells how many wait; others say none."""

    def __init__(self) -> None:
        self._listeners: list[socket.socket] = []

    def watch(self, descriptors: Iterable[int]) -> None:
        """Look at these listening TCP sockets from now on."""
        if sys.platform != "linux":
            return
        for one in descriptors:
            listener = socket.fromfd(one, socket.AF_INET, socket.SOCK_STREAM)
            try:
                _waiting(listener)
            except (OSError, struct.error):  # a kernel that only resembles Linux
                listener.close()
            else:
                self._listeners.append(listener)

    def close(self) -> None:
        """Look at none any more: while a copy is open, a socket goes on taking connections."""
        for one in self._listeners:
            one.close()
        self._listeners = []

    @property
    def is_crowded(self) -> bool:
        """Whether more wait than can be served in good time."""
        return any(_waiting(one) > MOST_WAITING for one in self._listeners)


def _waiting(listener: socket.socket) -> int:
    """Return how many connections wait to be accepted; costs a microsecond."""
    info = listener.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, _INFO_BYTES)
    (waiting,) = struct.unpack_from("=I", info, _WAITING_AT)
    return int(waiting)
