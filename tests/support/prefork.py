"""Runs API instances and workers that begin at once: forks of a process that has read the rules.

Each is what `triage serve` or `triage worker` runs, in a process of its own; only imports and
compiled rules come from the parent. So a proof can kill hundreds without waiting minutes for their
successors. As a script this is the parent: it reads orders from its standard input, one JSON line
each, answers with process ids, and kills what it started when the orders end, however that came to
be.
"""

import contextlib
import json
import os
import signal
import sys
import traceback
from collections.abc import Mapping

import anthropic  # noqa: F401 - importing it takes a second, once instead of in every fork
import openai  # noqa: F401
import uvloop

from app.commands.serve import run
from app.core.rules import Rules
from app.engine import load_rules
from app.logging import set_up_logging
from app.settings import read_settings
from app.tether import tie_by_kernel
from jobs.worker import SLOTS, run_worker


def main() -> None:
    """Obey until there are no more orders."""
    rules = load_rules(read_settings(os.environ))
    print("ready", flush=True)
    started: list[int] = []
    try:
        for line in sys.stdin:
            order = json.loads(line)
            pid = os.fork()
            if pid == 0:
                _become(order["role"], rules, order["env"], order["log"])
            started.append(pid)
            print(pid, flush=True)
    finally:
        # Nobody waits for them before, so these ids are still theirs.
        for pid in started:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)


def _become(role: str, rules: Mapping[str, Rules], env: Mapping[str, str], log: str) -> None:
    status = 1
    try:
        os.setsid()
        if sys.platform.startswith("linux"):
            tie_by_kernel()  # also where this parent is killed with `kill -9`
        nothing = os.open(os.devnull, os.O_RDONLY)
        output = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        os.dup2(nothing, 0)
        os.dup2(output, 1)
        os.dup2(output, 2)
        os.environ.update(env)
        settings = read_settings(os.environ)
        if role == "worker":
            set_up_logging(settings, "worker")
            uvloop.run(run_worker(settings, rules, str(settings.redis_url), SLOTS))
        else:
            set_up_logging(settings, f"api:{settings.port}")
            uvloop.run(run(settings, rules))
        status = 0
    except BaseException:
        traceback.print_exc()  # nobody else would say it
        raise
    finally:
        os._exit(status)


if __name__ == "__main__":
    main()
