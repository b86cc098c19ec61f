"""How many wait before the door."""

import socket
import sys
from contextlib import ExitStack

import pytest

from app.api.door import MOST_WAITING, Door

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells how many wait")


def test_a_door_is_crowded_while_too_many_wait() -> None:
    """As long as nobody takes them in; and a door that is closed lets the socket go."""
    door = Door()
    with ExitStack() as stack:
        listener = stack.enter_context(socket.create_server(("127.0.0.1", 0), backlog=1_024))
        place = listener.getsockname()
        door.watch([listener.fileno()])
        for _ in range(MOST_WAITING):
            stack.enter_context(socket.create_connection(place))
        assert not door.is_crowded
        stack.enter_context(socket.create_connection(place))
        assert door.is_crowded
        stack.enter_context(listener.accept()[0])
        assert not door.is_crowded
        door.close()
        listener.close()
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(place)
        assert not door.is_crowded


def test_a_socket_that_does_not_tell_is_never_crowded() -> None:
    """A kernel may not know the question: then nobody is refused for its sake."""
    door = Door()
    ours, theirs = socket.socketpair()
    with ours, theirs:
        door.watch([ours.fileno()])
        assert not door.is_crowded
        door.close()
