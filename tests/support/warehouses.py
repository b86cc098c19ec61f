"""Facts as tests write them, and a PostgreSQL of their own for the second engine."""

import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from app.domain.facts import (
    About,
    AiCall,
    AnalysisDone,
    Exposure,
    Fact,
    Rating,
    Review,
    TriageAbandoned,
    TriageCompleted,
    TriageStarted,
    TurnEnded,
    encode,
    flattened,
)
from app.domain.ledger import LedgerRow
from app.domain.playbook import UrgencyLevel
from app.state.keys import FACT_CASES, FACTS
from tests.support.valkey import Wire

MIDNIGHT = 1_764_115_200_000
"""2025-11-26 00:00 UTC, in milliseconds."""
HOUR = 3_600_000
_SERVER = "/usr/lib/postgresql/*/bin/postgres"


def about(case_id: str, **fields: Any) -> About:
    """Return whose case it is: somebody's whose name is the case's unless told otherwise."""
    known: dict[str, Any] = {
        "case_id": case_id,
        "person": f"person-of-{case_id}",
        "playbook": "tiny",
        "playbook_version": "1.0.0",
        "locale": "en",
        "variant": "v2",
    }
    return About(**{**known, **fields})


def exposure(
    case_id: str, variation: str, at: int = MIDNIGHT, *, experiment: str = "greeting", **who: Any
) -> Exposure:
    """Return that somebody was treated."""
    return Exposure(
        id=f"exposure:{case_id}.{experiment}",
        occurred_ms=at,
        about=about(case_id, experiment=experiment, variation=variation, **who),
        experiment_id=experiment,
        variation_id=variation,
        flags="f",
    )


def started(case_id: str, at: int = MIDNIGHT, **who: Any) -> TriageStarted:
    """Return that a case began."""
    return TriageStarted(
        id=f"started:{case_id}", occurred_ms=at, about=about(case_id, **who), opened_ms=at - 5_000
    )


def turn(case_id: str, number: int = 1, at: int = MIDNIGHT, **who: Any) -> TurnEnded:
    """Return that a turn ended."""
    return TurnEnded(
        id=f"turn:{case_id}.{number}",
        occurred_ms=at,
        about=about(case_id, **who),
        turn=number,
        command="say",
        outcome="completed",
        accepted_ms=at - 900,
        duration_ms=900,
        said_chars=40,
        reply_chars=80,
        questions=number,
        missing=2,
        complexity="low",
        confidence=0.7,
        red_flags=0,
        model=None,
        model_calls=0,
        degraded=False,
    )


def completed(case_id: str, at: int = MIDNIGHT, took_ms: int = 60_000, **who: Any) -> Fact:
    """Return that an interview came to its end."""
    return TriageCompleted(
        id=f"completed:{case_id}",
        occurred_ms=at,
        about=about(case_id, **who),
        turn=3,
        duration_ms=took_ms,
        turns=3,
        questions=2,
        complexity="low",
        confidence=0.8,
        red_flags=0,
        handoff=False,
        background=False,
    )


def abandoned(case_id: str, at: int = MIDNIGHT, **who: Any) -> TriageAbandoned:
    """Return that a case counts as abandoned."""
    return TriageAbandoned(
        id=f"abandoned:{case_id}",
        occurred_ms=at,
        about=about(case_id, **who),
        turns=1,
        idle_ms=24 * HOUR,
        questions=1,
        missing=3,
    )


def analysed(
    case_id: str, number: int = 3, code: str | None = "leak", at: int = MIDNIGHT, **who: Any
) -> AnalysisDone:
    """Return that a case has a result."""
    return AnalysisDone(
        id=f"analysis:{case_id}.{number}",
        occurred_ms=at,
        about=about(case_id, **who),
        turn=number,
        outcome="done",
        background=False,
        since_opened_ms=61_000 + number,
        waited_ms=0,
        attempts=1,
        code=code,
        code_confidence=None if code is None else 0.9,
        urgency="medium",
        complexity="low",
        needs_human=False,
        red_flags=0,
        strategy="guided",
        planned="guided",
        cached=False,
        duration_ms=3,
        cost_nano_usd=0,
    )


def rating(case_id: str, score: int, at: int = MIDNIGHT, *, name: str = "1", **who: Any) -> Rating:
    """Return how somebody liked it."""
    return Rating(
        id=f"rating:{case_id}.{name}",
        occurred_ms=at,
        about=about(case_id, **who),
        score=score,
        comment_chars=0,
    )


def review(
    case_id: str,
    code: str | None,
    at: int = MIDNIGHT,
    *,
    reviewer: str = "Ana",
    urgency: UrgencyLevel | None = None,
    settles: bool = False,
    **who: Any,
) -> Review:
    """Return what a reviewer says of a result that found a leak."""
    return Review(
        id=f"review:{case_id}.{reviewer}.{at}",
        occurred_ms=at,
        about=about(case_id, **who),
        reviewer=reviewer,
        code=code,
        predicted="leak",
        correct=code == "leak",
        urgency=urgency,
        settles=settles,
    )


def call(case_id: str, name: str, nano: int | None, at: int = MIDNIGHT, **fields: Any) -> AiCall:
    """Return a row of the ledger."""
    known: dict[str, Any] = {
        "id": name,
        "case_id": case_id,
        "turn": 1,
        "step": "",
        "playbook": "tiny",
        "strategy": "",
        "arm": "",
        "provider": "openai",
        "model": "gpt-5",
        "operation": "interview",
        "outcome": "completed",
        "cost_nano_usd": nano,
        "source": "unpriced" if nano is None else "catalogue",
        "started_ms": at - 700,
        "completed_ms": at,
        "latency_ms": 700.25,
    }
    return AiCall(row=LedgerRow(**{**known, **fields}))


def row(fact: Fact) -> dict[str, Any]:
    """Return a fact as it arrives in the warehouse."""
    return flattened(encode(fact))


def rows(*facts: Fact) -> list[dict[str, Any]]:
    """Return facts as they arrive in the warehouse."""
    return [row(one) for one in facts]


def postgres_binaries() -> Path | None:
    """Return the folder of PostgreSQL's programs; None where it is not installed."""
    found = sorted(Path("/").glob(_SERVER[1:]), key=lambda one: int(one.parts[-3]))
    if found:
        return found[-1].parent
    named = shutil.which("postgres")
    return None if named is None else Path(named).parent


@contextmanager
def postgres_server(binaries: Path) -> Iterator[str]:
    """Run a PostgreSQL server on a socket of its own; gives its address and ends it.

    It refuses to run as root, so where the tests do, it runs as Debian's user for it.
    """
    user = pwd.getpwnam("postgres") if os.geteuid() == 0 else None
    with tempfile.TemporaryDirectory(prefix="pg-", ignore_cleanup_errors=True) as named:
        folder = Path(named)
        if user is not None:
            os.chown(folder, user.pw_uid, user.pw_gid)
        run = _runner(user)
        data = folder / "data"
        _check(run, [binaries / "initdb", "-D", data, "-U", "triage", "-A", "trust", "-N"])
        options = f"-c listen_addresses= -c unix_socket_directories={folder} -c fsync=off"
        log = folder / "log"
        control = [binaries / "pg_ctl", "-D", data, "-l", log, "-o", options, "-w", "-t", "60"]
        _check(run, [*control, "start"])
        try:
            yield f"postgresql://triage@/postgres?host={folder}"
        finally:
            _check(run, [binaries / "pg_ctl", "-D", data, "-m", "immediate", "-w", "stop"])


def _runner(user: pwd.struct_passwd | None) -> Mapping[str, Any]:
    if user is None:
        return {}
    return {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}


def _check(run: Mapping[str, Any], command: list[Any]) -> None:
    done = subprocess.run(
        list(map(str, command)),
        cwd="/",
        check=False,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        env={"PATH": os.defpath, "LC_ALL": "C.UTF-8"},
        timeout=120,
        **run,
    )
    assert done.returncode == 0, done.stderr.decode(errors="replace")


def waiting(wire: Wire) -> int:
    """Return how many facts wait, whichever way they leave."""
    lists = (
        "local n = 0 for _, case in ipairs(redis.call('ZRANGE', KEYS[1], 0, -1)) do"
        " n = n + redis.call('LLEN', 'tri:{' .. case .. '}:f') end return n"
    )
    of_cases = wire.call("EVAL", lists, "1", FACT_CASES)
    return int(wire.call("XLEN", FACTS) or 0) + int(of_cases or 0)
