"""What a worker lets go by itself: facts by their playbook, and audit entries once exported."""

import datetime as dt
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from msgspec.structs import replace

from analytics.warehouse import open_warehouse
from app.core.audit import AuditFilter, Auditor, verify_lines
from app.domain.access import Hasher
from app.domain.playbook import Playbook, Retention
from app.embedded import EmbeddedValkey
from app.settings import Settings
from app.state import keys
from app.state.audit import AuditTrail
from app.state.store import Store
from jobs import retention
from jobs.retention import cuts
from tests.support.playbooks import tiny_playbook
from tests.support.sealed import store_at
from tests.support.warehouses import rating, rows, turn

DAY = 86_400_000


@pytest.fixture
async def store(own_valkey: EmbeddedValkey) -> AsyncIterator[Store]:
    """A storage with an empty trail."""
    opened = store_at(own_valkey.url)
    yield opened
    await opened.close()


@pytest.fixture
def auditor(store: Store) -> Auditor:
    """What writes the trail."""
    return Auditor(AuditTrail(store), lambda: Hasher(b"a secret of thirty-two bytes or so"))


@pytest.fixture
def playbooks() -> dict[str, Playbook]:
    """One that keeps facts for two months."""
    return {"tiny": replace(tiny_playbook(), retention=Retention(facts_months=2))}


def days_ago(days: int) -> int:
    """Return a moment of another day: Unix time in milliseconds."""
    return time.time_ns() // 1_000_000 - days * DAY


def filled(var: Path) -> None:
    """Keep facts of two playbooks, old and new."""
    warehouse = open_warehouse(var / "warehouse")
    old, new = days_ago(70), days_ago(50)
    with warehouse.writing() as writer:
        writer.append(
            rows(
                turn("old", 1, old),
                rating("old", 9, old),
                turn("new", 1, new),
                turn("gone", 1, old, playbook="retired"),
            )
        )
    warehouse.close()


def cases_in(var: Path) -> list[str]:
    """Return of which cases the warehouse has turns and ratings."""
    warehouse = open_warehouse(var / "warehouse")
    sql = "SELECT case_id FROM turn UNION ALL SELECT case_id FROM rating ORDER BY 1"
    found = [one for (one,) in warehouse.query(sql).rows]
    warehouse.close()
    return found


async def test_once_a_day_old_facts_go_and_an_entry_tells_of_it(
    auditor: Auditor, playbooks: dict[str, Playbook], tmp_path: Path
) -> None:
    """Only those of playbooks that are here; a second time nothing goes, and nothing is told."""
    filled(tmp_path)
    ours = retention.Retention(Settings(var=tmp_path), playbooks, auditor)
    assert await ours.daily()
    assert await ours.daily()
    assert cases_in(tmp_path) == ["gone", "new"]
    page = await auditor.page(AuditFilter(), limit=9, before=None)
    told = [(one.actor, one.action, one.object, one.outcome) for one in page.entries]
    assert told == [("worker", "warehouse.retained", "rows:2", "done")]


async def test_a_warehouse_that_cannot_be_used_is_tried_again(
    auditor: Auditor, playbooks: dict[str, Playbook], tmp_path: Path
) -> None:
    """It stops nothing else, and what it keeps is let go once it can be read."""
    filled(tmp_path)
    listed = tmp_path / "warehouse" / "turn" / "files.json"
    sound = listed.read_bytes()
    listed.write_text("no list")
    ours = retention.Retention(Settings(var=tmp_path), playbooks, auditor)
    assert not await ours.daily()
    listed.write_bytes(sound)
    assert await ours.daily()
    assert cases_in(tmp_path) == ["gone", "new"]


async def test_old_entries_are_exported_before_they_go(
    auditor: Auditor, store: Store, tmp_path: Path
) -> None:
    """After the days of the settings; 0 keeps them for ever, and a broken chain is kept too."""
    for _ in range(3):
        await auditor.allow("terminal", "cache.cleared")
    for days in (0, 1):
        settings = Settings(var=tmp_path, audit_days=days)
        assert await retention.Retention(settings, {}, auditor).entries()
        assert (await auditor.verify()).entries == 3
    head = (await auditor.verify()).head
    path = await auditor.trim(time.time_ns() // 1_000_000 + DAY, tmp_path / "audit")
    assert path is not None
    assert verify_lines(path.read_bytes().splitlines(), head).broken is None
    await auditor.allow("terminal", "cache.cleared")
    await store.command("XDEL", keys.AUDIT, "4-0")
    settings = Settings(var=tmp_path, audit_days=1)
    ours = retention.Retention(settings, {}, auditor)
    await ours.check()
    assert (await AuditTrail(store).state()).broken == 4
    assert await store.command("XLEN", keys.AUDIT) == 1


def test_each_playbook_says_for_how_long(playbooks: dict[str, Playbook]) -> None:
    """Without a word of its own it is two years."""
    plain = replace(tiny_playbook(), id="plain")
    found = cuts({**playbooks, "plain": plain}, dt.date(2026, 11, 26))
    since = {name: dt.datetime.fromtimestamp(at / 1_000, dt.UTC) for name, at in found.items()}
    assert since == {
        "tiny": dt.datetime(2026, 9, 26, tzinfo=dt.UTC),
        "plain": dt.datetime(2024, 11, 26, tzinfo=dt.UTC),
    }
