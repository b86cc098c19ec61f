"""Disks of their own: files with a filesystem, which lose what was not synced, or are full.

A power cut is what filesystems' own tests take for one: the kernel is told to let go of the
filesystem as it stands, without writing what it still holds, and it is mounted anew from what had
reached the disk. `kill -9` loses nothing of that kind, for the kernel lives on.
"""

import fcntl
import os
import shutil
import signal
import struct
import subprocess
import time
from pathlib import Path

_SHUT_DOWN = 0x8004587D
"""FS_IOC_SHUTDOWN of Linux."""
_AT_ONCE = 2
"""Its argument NOLOGFLUSH: not even the filesystem's own journal is written first."""
_BUSY_SECONDS = 20.0
_STEP_SECONDS = 0.05


class NoDisk(Exception):
    """A disk cannot be had here; the text says why."""


class Disk:
    """A mounted file; `path` is where."""

    def __init__(self, folder: Path, megabytes: int = 256) -> None:
        """Make it and mount it.

        Raises:
            NoDisk: without root, loop devices or Debian's e2fsprogs.
        """
        self.path = folder / "disk"
        self._image = folder / "disk.img"
        self._ballast = self.path / "ballast"
        self.path.mkdir()
        with self._image.open("wb") as image:
            image.truncate(megabytes * 1_000_000)
        _run("mkfs.ext4", "-q", "-F", "-m", "0", str(self._image))
        self._mount()

    def cut(self, *, stopping: int) -> None:
        """Take the power away: whatever was not synced is gone, and nothing more gets through.

        Args:
            stopping: the process that writes there. It is stopped first and has to be killed: a
                machine without power answers nobody, whereas the kernel may yet tell a process that
                something was synced in the very moment in which the filesystem goes.
        """
        os.kill(stopping, signal.SIGSTOP)
        while _state(stopping) not in "TtDZX":
            os.sched_yield()
        descriptor = os.open(self.path, os.O_RDONLY)
        try:
            fcntl.ioctl(descriptor, _SHUT_DOWN, struct.pack("I", _AT_ONCE))
        finally:
            os.close(descriptor)

    def restore(self) -> None:
        """Bring it back with what it has; nobody may use it any more."""
        self._unmount()
        self._mount()

    def fill(self, leave: int = 0) -> None:
        """Take all space but so many bytes."""
        free = shutil.disk_usage(self.path).free - leave
        with self._ballast.open("ab") as ballast:
            size = ballast.tell()
            while free > 4_096:
                try:
                    os.posix_fallocate(ballast.fileno(), size, free)
                except OSError:  # what describes the file takes some room as well
                    free //= 2
                else:
                    size += free
                    free = shutil.disk_usage(self.path).free - leave

    def make_room(self) -> None:
        """Give that space back."""
        self._ballast.unlink()

    def close(self) -> None:
        """Take it away."""
        self._unmount()
        self._image.unlink()

    def _mount(self) -> None:
        _run("mount", "-o", "loop", str(self._image), str(self.path))

    def _unmount(self) -> None:
        deadline = time.monotonic() + _BUSY_SECONDS
        while True:
            try:
                _run("umount", str(self.path))
            except NoDisk:
                if time.monotonic() > deadline:
                    raise
                time.sleep(_STEP_SECONDS)
            else:
                return


def _state(pid: int) -> str:
    """Return how a process is; one that waits for the disk does nothing more once it is stopped."""
    return Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2][0]


def _run(*command: str) -> None:
    path = os.pathsep.join([os.environ.get("PATH", os.defpath), "/usr/sbin", "/sbin"])
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, check=False, env={"PATH": path, "LC_ALL": "C"}
        )
    except FileNotFoundError as error:
        raise NoDisk(f"there is no {command[0]}") from error
    if done.returncode:
        raise NoDisk(f"{command[0]}: {done.stderr.strip()}")
