"""Drains that die at a chosen point: before or after any change of a file, or any word to Valkey.

As a script this reads lines `<point> <url> <folder>` and forks a drain for each, which kills itself
with SIGKILL when it comes to that point. It answers `killed`, or `done` where the drain came to its
end before.
"""

import asyncio
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import duckdb  # noqa: F401 - loaded once instead of in every fork

from analytics.warehouse import open_warehouse
from app.state.facts import FactStream
from app.state.store import Store
from jobs.warehouse import Drain
from tests.support.sealed import store_at

AT_ONCE = 40


def main() -> None:
    """Obey until there are no more orders."""
    for line in sys.stdin:
        point, url, folder = line.split()
        pid = os.fork()
        if pid == 0:
            _die_at(int(point))
            status = 1
            try:
                asyncio.run(_drain(url, Path(folder)))
                status = 0
            finally:
                os._exit(status)
        _, status = os.waitpid(pid, 0)
        killed = os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL
        if not killed and os.waitstatus_to_exitcode(status):
            raise SystemExit(f"a drain failed at point {point}")
        print("killed" if killed else "done", flush=True)


async def _drain(url: str, folder: Path) -> None:
    store = store_at(url)
    warehouse = open_warehouse(folder)
    await Drain(FactStream(store), warehouse, at_once=AT_ONCE).all()
    with warehouse.writing() as writer:
        writer.compact()
    await store.close()


def _die_at(point: int) -> None:
    """Count every change this process makes outside of itself; die before that one."""
    left = point

    def passing(change: Callable[..., Any]) -> Callable[..., Any]:
        def changed(*args: Any, **kwargs: Any) -> Any:
            nonlocal left
            if left == 0:
                os.kill(os.getpid(), signal.SIGKILL)
            left -= 1
            return change(*args, **kwargs)

        return changed

    os.fsync = passing(os.fsync)
    for owner, names in (
        (Path, ("rename", "unlink", "write_bytes", "mkdir", "rmdir")),
        (Store, ("command", "commands")),
    ):
        for name in names:
            setattr(owner, name, passing(getattr(owner, name)))


if __name__ == "__main__":
    main()
