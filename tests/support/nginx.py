"""A real nginx with the configuration that is shipped, in front of instances of a test."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from tests.support.processes import Program, environment, free_port, get

CONFIGURATION = Path(__file__).parents[2] / "deploy" / "nginx"


class Nginx(Program):
    """A running nginx, whose instances may be replaced."""

    def __init__(self, command: str, folder: Path, ports: Sequence[int]) -> None:
        """Start it; what differs from the shipped files is named in the folder's own."""
        self.port = free_port()
        self._folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        text = (CONFIGURATION / "nginx.conf").read_text("utf-8")
        # The shipped paths are of a container, in which nobody else has a /tmp.
        (folder / "nginx.conf").write_text(text.replace("/tmp/", f"{folder}/"), "utf-8")
        listen = (CONFIGURATION / "listen.conf").read_text("utf-8")
        (folder / "listen.conf").write_text(
            listen.replace("listen 8080", f"listen 127.0.0.1:{self.port}"), "utf-8"
        )
        upstream = (CONFIGURATION / "upstream.conf").read_text("utf-8")
        for number, port in enumerate(ports, 1):
            upstream = upstream.replace(f"api-{number}:8000", f"127.0.0.1:{port}")
        (folder / "upstream.conf").write_text(upstream, "utf-8")
        arguments = ["-p", str(folder), "-c", "nginx.conf", "-g", "daemon off;"]
        super().__init__("nginx", [command, *arguments], environment(), folder / "nginx.log")

    def wait_ready(self) -> None:
        """Wait until it answers."""
        self.wait_until(lambda: get(self.port, "/health/live")[0] != 0)


@contextmanager
def running_nginx(command: str, folder: Path, ports: Sequence[int]) -> Iterator[Nginx]:
    """Run one in front of two instances; it ends with the block."""
    program = Nginx(command, folder, ports)
    try:
        program.wait_ready()
        yield program
    finally:
        program.close()
