"""Children that die with their parent, also where the parent is killed with `kill -9`.

This file is two things. Imported, it is `Tether`, which turns a command into one that starts
through this file. Run as a script, it ties its own process to the parent and then becomes the
command, so the process id stays that of the command. On Linux the kernel delivers the death
signal; elsewhere a small watcher process waits for the parent's end of a pipe to close. It imports
nothing of the project: it is started anew for every child and has to be quick.
"""

import ctypes
import os
import select
import signal
import sys
from collections.abc import Sequence

_PR_SET_PDEATHSIG = 1
_WATCH_SECONDS = 0.5


class Tether:
    """What ties children to this process; lives as long as they should.

    On Linux the children end with the *thread* that started them, so start them from the main
    thread.
    """

    def __init__(self, *, watch: bool = not sys.platform.startswith("linux")) -> None:
        """Tie by a watcher process rather than by the kernel if `watch` is set."""
        self._pipe = os.pipe() if watch else None

    @property
    def fds(self) -> tuple[int, ...]:
        """What a child must inherit (`pass_fds`)."""
        return self._pipe[:1] if self._pipe else ()

    def command(self, command: Sequence[str]) -> list[str]:
        """Return the command line that ties itself to this process and becomes `command`."""
        watched = str(self._pipe[0]) if self._pipe else "-"
        script = [sys.executable, "-I", "-S", __file__, str(os.getpid()), watched]
        return [*script, *command]

    def close(self) -> None:
        """Let go of the pipe, which ends watched children that still run."""
        if self._pipe:
            for fd in self._pipe:
                os.close(fd)
            self._pipe = None


def tie_by_kernel() -> None:
    """Let the kernel kill this process when the thread that started it ends; Linux alone can."""
    if ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "prctl(PR_SET_PDEATHSIG)")


def _tie_by_watcher(pipe: int) -> None:
    target = os.getpid()
    if os.fork() != 0:
        os.close(pipe)
        return
    os.setsid()
    os.dup2(pipe, 0)
    os.closerange(1, 256)  # above all the data folder's lock, which lives as long as its holders
    while os.getppid() == target:
        if select.select([0], [], [], _WATCH_SECONDS)[0]:
            if os.getppid() == target:
                os.kill(target, signal.SIGKILL)
            break
    os._exit(0)


def _become(parent: int, pipe: str, command: list[str]) -> None:
    if pipe == "-":
        tie_by_kernel()
    else:
        _tie_by_watcher(int(pipe))
    if os.getppid() != parent:  # it died before the tie held
        os._exit(1)
    os.execvp(command[0], command)  # noqa: S606 - becoming the command is the purpose


if __name__ == "__main__":
    _become(int(sys.argv[1]), sys.argv[2], sys.argv[3:])
