"""`triage audit`, and what the other commands leave in the trail that it shows."""

import json
import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from analytics.warehouse import open_warehouse
from app.cli import main
from app.embedded import EmbeddedValkey
from app.state import keys
from tests.support.processes import ACCESS_SECRET
from tests.support.valkey import Wire
from tests.support.warehouses import rows, turn

CASE = "0123456789abcdef0123456789abcdef"
WEBHOOK = "http://127.0.0.1:9/hook"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedValkey]:
    """A storage whose trail nobody else writes to."""
    with EmbeddedValkey(tmp_path_factory.mktemp("audited")) as running:
        yield running


@pytest.fixture
def wire(server: EmbeddedValkey) -> Iterator[Wire]:
    """A connection past everything that is ours; the trail is empty."""
    with Wire(server.socket) as opened:
        opened.call("FLUSHALL")
        yield opened


class Terminal:
    """Somebody's terminal."""

    def __init__(self, url: str, var: Path) -> None:
        self._env = {
            "TRIAGE_REDIS_URL": url,
            "TRIAGE_VAR": str(var),
            "TRIAGE_ACCESS_SECRET": ACCESS_SECRET,
            "TRIAGE_WEBHOOKS_ALLOW_LOOPBACK": "1",
            "TRIAGE_WEBHOOK_PORTS": "9,443",
            "COLUMNS": "200",
        }

    def run(self, *args: str, status: int = 0) -> Result:
        """Run `triage` to its end."""
        done = CliRunner().invoke(main, list(args), env=self._env)
        assert done.exit_code == status, (args, done.output, done.exception)
        return done

    def entries(self, *args: str) -> list[dict[str, Any]]:
        """Read the trail, the oldest first."""
        found: list[dict[str, Any]] = json.loads(self.run("audit", "list", "--json", *args).stdout)
        return found[::-1]


@pytest.fixture
def terminal(server: EmbeddedValkey, wire: Wire, tmp_path: Path) -> Terminal:
    """A terminal beside the storage."""
    del wire
    return Terminal(server.url, tmp_path)


def test_commands_that_change_something_are_written_down(terminal: Terminal) -> None:
    """Keys, budgets, flags, endpoints, kept analyses and the warehouse: each by whom, and what."""
    terminal.run("keys", "create", "Mathilda", "--scope", "admin")
    key = json.loads(terminal.run("keys", "list", "--json").stdout)[0]["id"]
    terminal.run("keys", "rotate", "Mathilda")
    terminal.run("keys", "revoke", key)
    terminal.run("budget", "set", "global", "day", "1.00")
    terminal.run("budget", "remove", "global", "day")
    terminal.run("budget", "remove", "global", "day", status=1)
    terminal.run("flags", "reset")
    added = terminal.run("webhooks", "add", WEBHOOK).output
    endpoint = re.findall(r"added (wh_[0-9a-f]+)", added)[0]
    terminal.run("webhooks", "rotate", endpoint)
    terminal.run("webhooks", "remove", endpoint)
    terminal.run("cache", "clear", "--yes")
    terminal.run("warehouse", "erase", "--case", CASE, "--user-ref", "Wanda", "--yes")
    entries = terminal.entries()
    assert {one["actor"] for one in entries} == {"terminal"}
    flags = next(one["object"] for one in entries if one["action"] == "flags.set")
    erased = next(one["object"] for one in entries if one["action"] == "warehouse.erased")
    assert [(one["action"], one["object"], one["outcome"]) for one in entries] == [
        ("key.created", "", "allowed"),
        ("key.created", f"key:{key}", "done"),
        ("key.rotated", f"key:{key}", "allowed"),
        ("key.revoked", f"key:{key}", "allowed"),
        ("budget.set", "budget:global/day", "allowed"),
        ("budget.removed", "budget:global/day", "allowed"),
        ("budget.removed", "budget:global/day", "allowed"),
        ("flags.set", flags, "allowed"),
        ("webhook.added", f"webhook:{endpoint}", "allowed"),
        ("webhook.changed", f"webhook:{endpoint}", "allowed"),
        ("webhook.removed", f"webhook:{endpoint}", "allowed"),
        ("cache.cleared", "", "allowed"),
        ("warehouse.erased", erased, "allowed"),
        ("warehouse.erased", "persons:1", "allowed"),
    ]
    assert re.fullmatch(r"flags:[0-9a-f]+", flags)
    assert [one["n"] for one in terminal.entries("--case", CASE)] == [13]
    assert "Mathilda" not in str(entries)
    assert "Wanda" not in str(entries)


def test_what_fails_is_told_and_names_what_it_was(terminal: Terminal) -> None:
    """An act of which nothing came leaves two entries."""
    terminal.run("jobs", "retry", f"{CASE}.1", status=1)
    terminal.run("handoff", "show", CASE, status=1)
    found = [(one["action"], one["outcome"], one["of"]) for one in terminal.entries()]
    assert found == [
        ("job.retried", "allowed", None),
        ("job.retried", "failed", 1),
        ("case.read", "allowed", None),
        ("case.read", "failed", 3),
    ]
    assert len(terminal.entries("--case", CASE)) == 2


def test_what_cannot_be_written_down_is_not_done(terminal: Terminal, wire: Wire) -> None:
    """A trail that takes no entry stops the command before it changes anything."""
    wire.call("SET", keys.AUDIT, "no stream")
    assert "audit" in terminal.run("budget", "set", "global", "day", "1.00", status=1).output
    assert "No budget" in terminal.run("budget", "show").output
    wire.call("DEL", keys.AUDIT)
    terminal.run("budget", "set", "global", "day", "1.00")
    assert "global" in terminal.run("budget", "show").output


def test_entries_are_listed_by_time_actor_and_action(terminal: Terminal) -> None:
    """As a table for people and as JSON for machines; a span that cannot be read is explained."""
    assert terminal.run("audit", "list").output.strip() == "No entries."
    terminal.run("cache", "clear", "--yes")
    terminal.run("flags", "reset")
    shown = terminal.run("audit", "list").output
    assert re.search(r"2 .* terminal +flags\.set +flags:", shown)
    assert re.search(r"1 .* terminal +cache\.cleared", shown)
    assert [one["n"] for one in terminal.entries("--since", "1h")] == [1, 2]
    assert terminal.entries("--until", "2026-01-01") == []
    assert terminal.entries("--actor", "worker") == []
    assert [one["n"] for one in terminal.entries("--action", "flags")] == [2]
    assert [one["n"] for one in terminal.entries("--limit", "1")] == [2]
    assert "how long ago" in terminal.run("audit", "list", "--since", "soon", status=1).output


def test_the_trail_verifies_until_somebody_changes_it(
    terminal: Terminal, wire: Wire, tmp_path: Path
) -> None:
    """In the storage and as a file; the first broken entry is named, and the exit status is 1."""
    for _ in range(4):
        terminal.run("cache", "clear", "--yes")
    head = re.findall(r"^head (\S+)$", terminal.run("audit", "verify").output, re.MULTILINE)[0]
    file = tmp_path / "trail.jsonl"
    assert f"head {head}" in terminal.run("audit", "export", str(file)).output
    assert "there already" in terminal.run("audit", "export", str(file), status=1).output
    terminal.run("cache", "clear", "--yes")
    assert "the one that was noted" in terminal.run("audit", "verify", "--head", head).output
    assert terminal.run("audit", "verify", "--file", str(file), "--head", head).exit_code == 0
    file.write_bytes(file.read_bytes().replace(b'"n":3', b'"n":9', 1))
    told = terminal.run("audit", "verify", "--file", str(file), status=1).output
    assert "entry 3: removed" in told
    wire.call("XDEL", keys.AUDIT, "2-0")
    assert "entry 2: removed" in terminal.run("audit", "verify", status=1).output
    raw = json.loads(terminal.run("audit", "verify", "--json", status=1).stdout.splitlines()[0])
    assert (raw["holds"], raw["broken"]["n"]) == (False, 2)
    assert "a number, a colon" in terminal.run("audit", "verify", "--head", "7", status=1).output


def kept(var: Path) -> list[str]:
    """Return the cases of which the warehouse has turns."""
    warehouse = open_warehouse(var / "warehouse")
    found = [one for (one,) in warehouse.query("SELECT case_id FROM turn ORDER BY 1").rows]
    warehouse.close()
    return found


def test_what_is_too_old_is_told_beforehand_and_goes(terminal: Terminal, tmp_path: Path) -> None:
    """By table and playbook; what is of no playbook here stays until somebody says for how long."""
    at = {days: time.time_ns() // 1_000_000 - days * 86_400_000 for days in (10, 400, 800)}
    warehouse = open_warehouse(tmp_path / "warehouse")
    with warehouse.writing() as writer:
        writer.append(
            rows(
                turn("young", 1, at[10], playbook="it_support"),
                turn("a year", 1, at[400], playbook="it_support"),
                turn("a year too", 1, at[400], playbook="legal_br"),
                turn("old", 1, at[800], playbook="legal_br"),
                turn("retired", 1, at[800], playbook="retired"),
            )
        )
    warehouse.close()
    everything = ["a year", "a year too", "old", "retired", "young"]
    told = terminal.run("warehouse", "retain", "--dry-run").output
    assert re.search(r"turn +it_support +1 ", told)
    assert re.search(r"turn +legal_br +1 ", told)
    assert "2 rows would go" in told
    assert "retired: no playbook of that name is here" in told
    raw = json.loads(terminal.run("warehouse", "retain", "--dry-run", "--json").stdout)
    assert (raw["removed"], sum(one["rows"] for one in raw["rows"])) == (False, 2)
    assert kept(tmp_path) == everything
    terminal.run("warehouse", "retain", status=1)  # nobody said yes
    assert kept(tmp_path) == everything
    assert "2 rows went" in terminal.run("warehouse", "retain", "--yes").output
    assert kept(tmp_path) == ["a year too", "retired", "young"]
    assert "Nothing is older" in terminal.run("warehouse", "retain", "--yes").output
    asked = ("warehouse", "retain", "--playbook")
    assert "go together" in terminal.run(*asked, "retired", status=1).output
    assert "is here" in terminal.run(*asked, "legal_br", "--months", "1", status=1).output
    terminal.run(*asked, "retired", "--months", "3", "--yes")
    assert kept(tmp_path) == ["a year too", "young"]
    told_of = [(one["action"], one["object"]) for one in terminal.entries("--action", "warehouse")]
    assert told_of == [("warehouse.retained", "rows:2"), ("warehouse.retained", "rows:1")]
