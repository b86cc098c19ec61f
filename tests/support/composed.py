"""The services of compose.yaml, started without Docker: the same commands, files and variables.

What a container finds at a place of its own is put at a place of the test's instead: secrets,
mounted files, data, and the names of other services. Nothing else is changed.
"""

import re
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec

from tests.support.processes import Program, environment, free_port

ROOT = Path(__file__).parents[2]
_SECRETS = "/run/secrets"
_ADDRESS = re.compile(r"\b([a-z]+(?:-\w+)?):(\d{4,5})\b")


def described() -> dict[str, Any]:
    """Return compose.yaml as it is written, with its anchors merged."""
    found: dict[str, Any] = msgspec.yaml.decode((ROOT / "compose.yaml").read_bytes())
    return found


def make_secrets(folder: Path) -> list[str]:
    """Run the script that makes the secrets; returns what it said."""
    done = subprocess.run(
        ["sh", str(ROOT / "deploy" / "secrets.sh")],
        cwd=folder,
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.splitlines()


class Composed:
    """An installation in a folder."""

    def __init__(self, folder: Path) -> None:
        """Make its secrets."""
        self._folder = folder
        self._services: Mapping[str, Any] = described()["services"]
        self._ports: dict[str, int] = {}
        make_secrets(folder)

    def port(self, service: str, inside: int) -> int:
        """Return the port of the loopback that stands for a service's own."""
        return self._ports.setdefault(f"{service}:{inside}", free_port())

    def replace_secret(self, name: str, text: str) -> None:
        """Put another value into a secret: the address of a server of the test."""
        path = self._folder / "secrets" / name
        path.unlink()
        path.write_text(text, "utf-8")

    def start(self, name: str, command: Sequence[str], *more: str, **settings: str) -> Program:
        """Start a service.

        Args:
            name: Its name.
            command: What stands for the program of its image.
            more: Arguments, where a server would listen to or write what the test must not.
            settings: Variables, likewise.
        """
        one = self._services[name]
        arguments = [self._here(name, text) for text in one["command"]]
        if one["image"].startswith(("valkey", "nginx")):
            arguments = arguments[1:]  # the program's own name, which these images want
        named = {
            "TRIAGE_ACCESS_SECRET": "",
            "TRIAGE_MASTER_KEYS": "",
            **self._variables(name),
            **settings,
        }
        env = environment(**named)
        return Program(name, [*command, *arguments, *more], env, self._folder / f"{name}.log")

    def is_healthy(self, name: str, inside: int) -> bool:
        """Run a service's own health check; `inside` is the port that it asks."""
        kind, *check = self._services[name]["healthcheck"]["test"]
        port = str(self.port(name, inside))
        command = [one.replace(str(inside), port) for one in check]
        if kind == "CMD-SHELL":
            client = f"redis-cli -p {port}"  # Debian's name for it, and not the usual port
            command = ["sh", "-c", command[0].replace("valkey-cli", client)]
        return subprocess.run(command, capture_output=True, timeout=30, check=False).returncode == 0

    def _variables(self, name: str) -> dict[str, str]:
        found = {}
        for variable, value in self._services[name].get("environment", {}).items():
            if value.startswith("${"):  # what compose puts in where the shell says nothing
                found[variable] = value.removesuffix("}").partition(":-")[2]
            elif variable.endswith("_FILE"):
                found[variable] = str(self._copied(name, self._secret(value)))
            else:
                found[variable] = self._here(name, value)
        return found

    def _secret(self, path: str) -> Path:
        return self._folder / "secrets" / Path(path).name

    def _copied(self, name: str, path: Path) -> Path:
        """Copy a file for a service, with the places in it put right."""
        copy = self._folder / name / path.name
        copy.parent.mkdir(exist_ok=True)
        copy.write_text(self._here(name, path.read_text("utf-8")), "utf-8")
        return copy

    def _here(self, name: str, text: str) -> str:
        for mount in self._services[name].get("volumes", ()):
            source, target = mount.split(":")[:2]
            place = re.compile(rf"(?<![\w/]){re.escape(target)}(?![\w-])")
            if place.search(text):
                text = place.sub(str(self._mounted(name, source)), text)
        text = text.replace(_SECRETS, str(self._folder / "secrets"))
        return _ADDRESS.sub(self._address, text)

    def _mounted(self, name: str, source: str) -> Path:
        path = ROOT / source
        if not source.startswith("./"):
            path = self._folder / "volumes" / source
            path.mkdir(parents=True, exist_ok=True)
        return self._copied(name, path) if path.is_file() else path

    def _address(self, found: "re.Match[str]") -> str:
        service, inside = found[1], int(found[2])
        return f"127.0.0.1:{self.port(service, inside)}" if service in self._services else found[0]
