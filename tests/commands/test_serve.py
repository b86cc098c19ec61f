"""`triage serve` as a process: how an instance comes to its end, and where it finds its storage."""

import signal
import socket
import time
from pathlib import Path

import pytest

from app.embedded import EmbeddedValkey
from tests.support.api import BASE
from tests.support.processes import (
    Instance,
    StartInstance,
    environment,
    free_port,
    get,
    triage,
)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_an_instance_that_is_asked_to_end_ends_well(
    start_instance: StartInstance, number: signal.Signals
) -> None:
    """It drains, says that it has stopped, and its status is 0: nobody has to look into it."""
    instance = start_instance()
    assert instance.terminate(number) == 0
    told = instance.output()
    assert told.index("instance.draining") < told.index("instance.stopped")
    assert "Traceback" not in told


def test_a_second_ctrl_c_waits_for_nobody(start_instance: StartInstance) -> None:
    """A client whose request never becomes complete has five seconds, unless asked twice."""
    # A machine that runs tests may stand still for seconds, but not each time.
    assert min(ended_after_two(start_instance()) for _ in range(2)) < 4


def ended_after_two(instance: Instance) -> float:
    """Interrupt an instance twice while a request is never complete; returns how long it took."""
    head = f"POST {BASE}/start HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
    with socket.create_connection(("127.0.0.1", instance.port)) as client:
        client.sendall(f"{head}Content-Length: 100\r\n\r\n{{".encode())
        # A request that came later is answered, so that one has been taken up.
        assert get(instance.port, "/health/ready")[0] == 200
        instance.process.send_signal(signal.SIGINT)
        instance.wait_until(lambda: "instance.draining" in instance.output())
        began = time.monotonic()
        assert instance.terminate(signal.SIGINT, timeout=60) == 0
        took = time.monotonic() - began
    assert "instance.stopped" in instance.output()
    return took


def serving(var: Path, log: Path) -> Instance:
    """Start an instance that is told of no storage but its data folder."""
    port = free_port()
    env = environment(TRIAGE_VAR=str(var), TRIAGE_PORT=str(port))
    return Instance(port, triage("serve"), env, log)


def test_without_a_url_the_embedded_storage_of_the_folder_is_used(tmp_path: Path) -> None:
    """A further instance joins a running `triage up` by its data folder alone."""
    with EmbeddedValkey(tmp_path / "var"):
        instance = serving(tmp_path / "var", tmp_path / "api.log")
        try:
            instance.wait_ready()
            assert instance.terminate() == 0
        finally:
            instance.close()


def test_without_any_storage_it_says_how_to_get_some(tmp_path: Path) -> None:
    """One line, and status 1."""
    instance = serving(tmp_path / "var", tmp_path / "api.log")
    try:
        assert instance.wait_ended() == 1
        (line,) = instance.output().splitlines()
        assert line.startswith("triage: storage is unavailable: no embedded Valkey runs in")
        assert "triage up" in line
        assert "TRIAGE_REDIS_URL" in line
    finally:
        instance.close()
