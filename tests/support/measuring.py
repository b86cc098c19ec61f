"""Where coverage is measured: in the rooms of tests whose code nobody else runs.

The tracer makes what it follows two to three times as dear, and every process that is started under
it as well. The floors in the Makefile hold for what is measured, so what is left out here can only
lower the figure that has to reach them.
"""

import os

import pytest
from coverage import Coverage

UNTRACED = frozenset(
    {
        *("analytics", "browser", "dashboards", "deploy", "docs", "experiments", "faults", "web"),
        "core/evaluation/test_kept.py",  # thousands of turns through the same code
    }
)
"""Rooms, and files, that run nothing measured in the tests' own process, or only what others do."""
PROCESSES = frozenset({"api", "commands", "jobs"})
"""Rooms that are about what `triage` commands do; so are the tests beside the rooms."""
_CONFIG = "COVERAGE_PROCESS_CONFIG"
"""What coverage looks for where a process begins."""


class Measuring:
    """Follows the test process, and those that it starts, in some rooms and not in others."""

    def __init__(self) -> None:
        """Find out whether anything is measured."""
        self._coverage = Coverage.current()
        self._config = os.environ.get(_CONFIG)
        self._traces = self._coverage is not None

    def enter(self, item: pytest.Item) -> None:
        """Begin or cease to measure, as it is right for the room of a test."""
        if self._coverage is None:
            return
        where = item.path.relative_to(item.config.rootpath).parts
        room = where[1] if len(where) > 2 else None
        wanted = not UNTRACED & {room, "/".join(where[1:])}
        if wanted and not self._traces:
            self._coverage.start()
        elif self._traces and not wanted:
            self._coverage.stop()
        self._traces = wanted
        if self._config is not None and (room is None or room in PROCESSES):
            os.environ[_CONFIG] = self._config
        else:
            os.environ.pop(_CONFIG, None)
