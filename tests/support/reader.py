"""A reader of the documents, who types a page's commands into a shell beside an installation."""

import os
import shutil
import signal
import stat
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from app.datafolder import socket_path
from tests.support.pages import ROOT, Page, beyond_folder, missing_lines, ports, script
from tests.support.processes import Program, environment, free_port, triage
from tests.support.valkey import Wire

PAGE_SECONDS = 600
_FOLDERS = ("app/playbooks", "analytics/experiments/declared", "dashboards", "deploy", "docs")
"""What a page finds of the repository where it is run, as copies; besides, the files below."""
_FILES = ("compose.yaml", "Dockerfile", "Makefile", "mkdocs.yml", "pyproject.toml")
_CONFIGURED = ("tri:flags*", "tri:webhooks*", "tri:{tri:facts}:budget*", "tri:cache:*")
"""What a page may have set for everybody."""
_FORGET = "for _, key in ipairs(redis.call('KEYS', ARGV[1])) do redis.call('DEL', key) end"


class Installation:
    """A running `triage up` with a folder and ports of its own."""

    def __init__(self, folder: Path, settings: Mapping[str, str]) -> None:
        """Start it and wait until it is ready."""
        folder.mkdir(parents=True, exist_ok=True)
        self.port, self.metrics = free_port(), free_port()
        self.var = folder / "var"
        self.settings = {
            "TRIAGE_PORT": str(self.port),
            "TRIAGE_VAR": str(self.var),
            "TRIAGE_WEBHOOKS_ALLOW_LOOPBACK": "1",
            **settings,
        }
        env = _environment(**self.settings, TRIAGE_METRICS_PORT=str(self.metrics))
        self._program = Program("triage up", triage("up"), env, folder / "up.log")
        self._program.wait_until(lambda: "triage is ready." in self._program.output())

    def forget_settings(self) -> None:
        """Forget what a page has set for everybody, so that the next one does not find it."""
        with Wire(socket_path(self.var / "valkey")) as wire:
            for pattern in _CONFIGURED:
                wire.call("EVAL", _FORGET, "0", pattern)

    def close(self) -> None:
        """End it."""
        self._program.close()


@contextmanager
def installation(folder: Path, settings: Mapping[str, str]) -> Iterator[Installation]:
    """Run an installation as long as the block takes."""
    started = Installation(folder, settings)
    try:
        yield started
    finally:
        started.close()


def follow(
    page: Page, at: Installation, folder: Path, known_ports: Mapping[str, str] | None = None
) -> None:
    """Do what the page says, in a folder that looks as the repository does to its reader.

    Raises:
        AssertionError: a command ended badly, or did not print what the page shows; or the page
            would touch this machine beyond that folder, in which case none of it is run.
    """
    assert not [one for one in page.blocks if one.runs and beyond_folder(one)], page.path
    _lay_out(folder, at)
    output = folder / ".output"
    output.mkdir()
    real = dict(known_ports or ports(page, free_port))
    real |= {"8000": str(at.port), "9000": str(at.metrics)}
    (folder / ".page.sh").write_text(script(page, real), "utf-8")
    path = [str(folder / ".bin"), str(Path(sys.executable).parent), os.environ["PATH"]]
    env = _environment(
        **at.settings,
        PAGE_OUTPUT=str(output),
        PATH=os.pathsep.join(path),
        HOME=str(folder),
        NO_COLOR="1",
        COLUMNS="200",
    )
    with (folder / ".failure").open("wb") as failure:
        shell = subprocess.Popen(
            ["bash", "-c", "source .bin/begin; source .page.sh"],
            cwd=folder,
            env=env,
            stdin=subprocess.DEVNULL,
            stdout=failure,
            stderr=failure,
            start_new_session=True,
        )
        try:
            status = shell.wait(PAGE_SECONDS)
        finally:
            _end_session(shell)
    said = (folder / ".failure").read_text("utf-8")
    assert status == 0, f"{page.path}{said}\n{_last_output(output)}"
    for block, shown in zip(page.blocks, page.blocks[1:], strict=False):
        if block.runs and shown.kind == "output":
            printed = (output / str(block.line)).read_text("utf-8")
            lost = missing_lines(shown.code, printed)
            assert not lost, f"{page.path}:{shown.line}: {lost[0]!r} did not come:\n{printed}"


def _environment(**settings: str) -> dict[str, str]:
    """Return an environment in which no coverage is measured, which would double the time."""
    found = environment(**settings)
    for name in ("TRIAGE_ACCESS_SECRET", "TRIAGE_MASTER_KEYS"):
        del found[name]  # a reader has none either: the first start makes them
    return {name: text for name, text in found.items() if not name.startswith("COVERAGE_")}


def _lay_out(folder: Path, at: Installation) -> None:
    folder.mkdir(parents=True)
    for name in _FOLDERS:
        ignored = shutil.ignore_patterns("node_modules", "__pycache__")
        shutil.copytree(ROOT / name, folder / name, ignore=ignored)
    for name in _FILES:
        shutil.copy(ROOT / name, folder / name)
    (folder / "var").symlink_to(at.var)
    (folder / ".venv").symlink_to(Path(sys.prefix))
    programs = folder / ".bin"
    programs.mkdir()
    for name, text in _PROGRAMS.items():
        path = programs / name
        path.write_text(text.replace("ROOT", str(ROOT)).replace("PYTHON", sys.executable), "utf-8")
        path.chmod(path.stat().st_mode | stat.S_IXUSR)


def _end_session(shell: "subprocess.Popen[bytes]") -> None:
    """End whatever the page has left running in the background."""
    try:
        os.killpg(shell.pid, signal.SIGKILL)
    except ProcessLookupError:
        return
    finally:
        shell.wait()


def _last_output(output: Path) -> str:
    written = sorted((int(one.name), one) for one in output.iterdir())
    return written[-1][1].read_text("utf-8", errors="replace") if written else ""


_BEGIN = """
set -Eeuo pipefail
exec 3>&2
trap 'echo ":$LINENO: this ended with $?: $BASH_COMMAND" >&3' ERR
"""
_MAKE = """#!/bin/sh
# What is needed is installed and runs already, and proofs take minutes: make says what it would do.
exec env -u MAKEFLAGS PATH=/usr/local/bin:/usr/bin:/bin make -n -C ROOT "$@"
"""
_CURL = """#!/bin/sh
# An HTTP error is an error, unless its status is asked for.
case " $*" in
    *http_code* | *" -f"* | *" -sf"* | *" -i"* | *" -si"*) ;;
    *) set -- --fail-with-body "$@" ;;
esac
exec env PATH=/usr/local/bin:/usr/bin:/bin curl --noproxy '*' --max-time 60 "$@"
"""
_HEAD = """#!/bin/sh
# It reads on to the end, since whoever writes into a pipe that is cut ends badly, at times.
env PATH=/usr/local/bin:/usr/bin:/bin head "$@" && exec cat > /dev/null
"""
_RUN_UNTIL = """#!PYTHON
# Runs a script until it says something, then presses Ctrl-C.
import os, signal, subprocess, sys, threading
shell = subprocess.Popen(["bash", "-ec", sys.stdin.read()], stdin=subprocess.DEVNULL,
    stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True)
limit = threading.Timer(60, lambda: os.killpg(shell.pid, signal.SIGKILL))
limit.start()
said = False
for line in shell.stdout:
    print(line, end="", flush=True)
    if not said and sys.argv[1] in line:
        said = True
        os.killpg(shell.pid, signal.SIGINT)
status = shell.wait()
limit.cancel()
sys.exit(0 if said and status in (0, 130, -signal.SIGINT) else 1)
"""
_PROGRAMS = {"begin": _BEGIN, "make": _MAKE, "curl": _CURL, "head": _HEAD, "run_until": _RUN_UNTIL}
