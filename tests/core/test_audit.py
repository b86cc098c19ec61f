"""The audit trail's chain: whatever is done to it shows, at the entry where it was done."""

import asyncio
import json
from collections.abc import AsyncIterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.core.audit import AuditBroken, AuditFilter, Auditor, Verified, verify_lines
from app.domain.access import Hasher
from app.domain.audit import NOTHING, AuditEntry, Link, Mark, encode_entry, exported, hash_of
from app.domain.errors import InvalidInput
from app.embedded import EmbeddedValkey
from app.state import keys
from app.state.audit import AuditTrail
from app.state.store import Store
from tests.support.sealed import store_at

HASHER = Hasher(b"a secret of thirty-two bytes or so")
CASE = "0123456789abcdef0123456789abcdef"


def chain(count: int) -> list[Link]:
    """Return a sound chain of so many entries."""
    links, before = [], NOTHING
    for n in range(1, count + 1):
        data = encode_entry(
            AuditEntry(
                n=n,
                at=1_790_000_000_000 + 7 * n,
                actor="key:0123456789ab" if n % 3 else "terminal",
                action="case.read",
                object=f"case:{HASHER.audit(str(n % 4))}",
                outcome="allowed",
            )
        )
        before = hash_of(before, data)
        links.append(Link(data, before))
    return links


def file_of(links: list[Link]) -> list[bytes]:
    """Return a chain as it is exported."""
    head = Mark(len(links), links[-1].hash)
    return [
        f'{{"after":"0:{NOTHING}"}}'.encode(),
        *map(exported, links),
        f'{{"head":"{head}"}}'.encode(),
    ]


WHOLE = file_of(chain(12))
HEAD = Mark.parse(json.loads(WHOLE[-1])["head"])


def test_an_exported_chain_verifies_by_itself() -> None:
    """Every entry is counted, and the head is the one that the last line names."""
    found = verify_lines(WHOLE, HEAD)
    assert (found.broken, found.entries, found.head) == (None, 12, HEAD)


def test_it_verifies_with_tools_of_anybodys_own() -> None:
    """The hash is SHA-256 over the hash before it and the line without its last member."""
    import hashlib

    before = NOTHING
    for line in WHOLE[1:-1]:
        entry, made = line.decode().rsplit(',"hash":"', 1)
        before = hashlib.sha256(f"{before}{entry}}}".encode()).hexdigest()
        assert made == f'{before}"}}'
        assert json.loads(line)["hash"] == before


@st.composite
def mutations(draw: st.DrawFn) -> list[bytes]:
    """Change a byte, or remove, repeat, swap, put in or cut off lines."""
    lines = list(WHOLE)
    at = draw(st.integers(0, len(lines) - 1))
    match draw(st.sampled_from(["byte", "remove", "repeat", "swap", "insert", "cut", "hash"])):
        case "byte":
            place = draw(st.integers(0, len(lines[at]) - 1))
            byte = draw(st.integers(0, 255).filter(lambda one: one != lines[at][place]))
            lines[at] = lines[at][:place] + bytes([byte]) + lines[at][place + 1 :]
        case "remove":
            del lines[at]
        case "repeat":
            lines.insert(draw(st.integers(0, len(lines))), lines[at])
        case "swap":
            other = draw(st.integers(0, len(lines) - 1).filter(lambda one: one != at))
            lines[at], lines[other] = lines[other], lines[at]
        case "insert":
            lines.insert(draw(st.integers(1, len(lines) - 1)), exported(draw(forged())))
        case "cut":
            lines = lines[:at]
        case "hash":  # whoever made it continues the chain with hashes of their own
            lines = remade(lines, draw(st.integers(1, 12)))
    return lines


@st.composite
def forged(draw: st.DrawFn) -> Link:
    """An entry that nobody wrote, with a hash that fits some place."""
    n = draw(st.integers(1, 14))
    before = NOTHING if n == 1 else chain(14)[n - 2].hash
    data = chain(14)[n - 1].data.replace(b"case.read", b"case.seen")
    return Link(data, hash_of(before, data))


def remade(lines: list[bytes], at: int) -> list[bytes]:
    """Return the chain with one entry changed and every later hash made to fit."""
    links = chain(12)
    before = NOTHING if at == 1 else links[at - 2].hash
    for place in range(at - 1, 12):
        data = links[place].data
        if place == at - 1:
            data = data.replace(b'"allowed"', b'"done"')
        before = hash_of(before, data)
        links[place] = Link(data, before)
    return [lines[0], *file_of(links)[1:]]


def outcome_of(lines: list[bytes]) -> Verified | None:
    """Verify against the head that was noted down; None where it is no export any more."""
    try:
        return verify_lines(lines, HEAD)
    except InvalidInput:
        return None


@given(mutations())
@settings(max_examples=400)
def test_any_mutation_is_found(lines: list[bytes]) -> None:
    """Whatever is changed, removed, repeated, put in, swapped, cut off or made anew."""
    found = outcome_of(lines)
    if lines == WHOLE:
        assert found is not None
        assert found.broken is None
    else:
        assert found is None or found.broken is not None


@given(st.integers(1, 12))
def test_the_first_broken_entry_is_named(at: int) -> None:
    """A change shows at the entry itself; a gap at the first one that is missing."""
    changed = list(WHOLE)
    changed[at] = changed[at].replace(b'"allowed"', b'"done"')
    found = verify_lines(changed).broken
    assert found is not None
    assert (found.n, found.kind) == (at, "changed")
    removed = [line for place, line in enumerate(WHOLE) if place != at]
    found = verify_lines(removed).broken
    assert found is not None
    assert (found.n, found.kind) == (at, "removed" if at < 12 else "truncated")
    found = verify_lines([*WHOLE[: at + 1], WHOLE[at], *WHOLE[at + 1 :]]).broken
    assert found is not None
    assert (found.n, found.kind) == (at + 1, "inserted")


@pytest.fixture
async def store(own_valkey: EmbeddedValkey) -> AsyncIterator[Store]:
    """A storage with an empty trail."""
    opened = store_at(own_valkey.url)
    yield opened
    await opened.close()


def auditor_on(store: Store) -> Auditor:
    """Return what writes there, as another process would."""
    return Auditor(AuditTrail(store), lambda: HASHER)


async def filled(store: Store, count: int) -> Auditor:
    """Write so many entries."""
    auditor = auditor_on(store)
    for n in range(count):
        await auditor.allow("key:0123456789ab", "case.read", auditor.case(f"{n % 2}{CASE[1:]}"))
    return auditor


async def test_many_writers_make_one_chain(store: Store) -> None:
    """Four processes' worth at once: no number is left out or given twice, times only grow."""
    writers = [auditor_on(store) for _ in range(4)]
    await asyncio.gather(
        *(one.allow("terminal", "budget.set", str(n)) for n in range(10) for one in writers)
    )
    found = await writers[0].verify()
    assert (found.broken, found.entries) == (None, 40)
    page = await writers[0].page(AuditFilter(), limit=100, before=None)
    assert [one.n for one in page.entries] == list(range(40, 0, -1))
    assert all(later.at >= earlier.at for later, earlier in pairwise(page.entries))


async def test_the_storage_tells_what_was_done_to_it(store: Store) -> None:
    """An entry removed, the last ones cut off, one put in behind the head, and one changed."""
    auditor = await filled(store, 6)
    head = (await auditor.verify()).head
    dumped = await store.command("DUMP", keys.AUDIT)
    last = (await AuditTrail(store).after(5, 1))[0]
    forged_data = last.data.replace(b'"allowed"', b'"done"').replace(b'"n":6', b'"n":7')
    forged_hash = hash_of(last.hash, forged_data)
    cases: dict[tuple[str, int], list[tuple[Any, ...]]] = {
        ("removed", 3): [("XDEL", keys.AUDIT, "3-0")],
        ("removed", 1): [("XDEL", keys.AUDIT, "1-0")],
        ("truncated", 5): [("XDEL", keys.AUDIT, "5-0", "6-0")],
        ("truncated", 1): [("DEL", keys.AUDIT)],
        ("inserted", 7): [("XADD", keys.AUDIT, "7-0", "e", forged_data, "h", forged_hash)],
    }
    for (kind, n), commands in cases.items():
        for command in commands:
            await store.command(*command)
        found = (await auditor.verify(head)).broken
        assert found is not None
        assert (found.kind, found.n) == (kind, n)
        await store.command("RESTORE", keys.AUDIT, 0, dumped, "REPLACE")
        assert (await auditor.verify(head)).broken is None
    rows = await store.command("XRANGE", keys.AUDIT, "-", "+")
    await store.command("DEL", keys.AUDIT)
    for place, fields in rows:
        values = list(fields.values()) if isinstance(fields, dict) else list(fields[1::2])
        if place == b"3-0":
            values[0] = values[0].replace(b"case.read", b"case.seen")
        await store.command("XADD", keys.AUDIT, place, "e", values[0], "h", values[1])
    found = (await auditor.verify(head)).broken
    assert found is not None
    assert (found.kind, found.n) == ("changed", 3)


async def test_what_is_trimmed_is_exported_first_and_the_rest_verifies(
    store: Store, tmp_path: Path
) -> None:
    """The file holds all that went, and chain and file meet; an older head is told to be there."""
    auditor = await filled(store, 5)
    noted = (await auditor.verify()).head
    before = (await auditor.page(AuditFilter(), limit=1, before=None)).entries[0].at + 1
    path = await auditor.trim(before, tmp_path / "audit")
    assert path is not None
    assert path.stat().st_mode & 0o077 == 0
    filed = verify_lines(path.read_bytes().splitlines(), noted)
    assert (filed.broken, filed.entries, filed.head) == (None, 5, noted)
    left = await auditor.verify(noted)
    assert (left.broken, left.anchor) == (None, noted)
    (trimming,) = (await auditor.page(AuditFilter(), limit=9, before=None)).entries
    assert (trimming.n, trimming.action, trimming.object) == (6, "audit.trimmed", str(noted))
    assert await auditor.trim(before, tmp_path / "audit") is None
    await auditor.allow("terminal", "cache.cleared")
    assert (await auditor.verify(noted)).broken is None


async def test_killed_while_trimming_it_is_done_again(store: Store, tmp_path: Path) -> None:
    """After the file, or after the entry that tells of it, nothing is lost and the chain holds."""
    auditor = await filled(store, 4)
    before = (await auditor.page(AuditFilter(), limit=1, before=None)).entries[0].at + 1

    class Killed(AuditTrail):
        """Ends before anything goes."""

        async def trim(self, last: Mark) -> int:
            raise KeyboardInterrupt(str(last))

    with pytest.raises(KeyboardInterrupt):
        await Auditor(Killed(store), lambda: HASHER).trim(before, tmp_path)
    assert (await auditor.verify()).entries == 5
    assert await auditor.trim(before, tmp_path) is not None
    found = await auditor.verify()
    assert (found.broken, found.anchor.n) == (None, 4)


async def test_a_trimming_that_no_entry_tells_of_is_found(store: Store) -> None:
    """Whoever moves the anchor to hide what stood before it has to write that down."""
    auditor = await filled(store, 6)
    (fourth,) = await AuditTrail(store).after(3, 1)
    await AuditTrail(store).trim(Mark(4, fourth.hash))
    found = (await auditor.verify()).broken
    assert found is not None
    assert (found.kind, found.n) == ("removed", 1)


async def test_a_chain_that_does_not_hold_is_not_trimmed(store: Store, tmp_path: Path) -> None:
    """What shows that somebody was there must not go."""
    auditor = await filled(store, 4)
    await store.command("XDEL", keys.AUDIT, "2-0")
    with pytest.raises(AuditBroken, match="entry 2 is missing"):
        await auditor.trim(2**50, tmp_path)
    assert await store.command("XLEN", keys.AUDIT) == 3


async def test_what_a_check_finds_is_noted_for_the_metrics(store: Store) -> None:
    """The entry at which it breaks, and 0 once it holds again."""
    auditor = await filled(store, 3)
    dumped = await store.command("DUMP", keys.AUDIT)
    await store.command("XDEL", keys.AUDIT, "2-0")
    await auditor.check(5)
    state = await AuditTrail(store).state()
    assert (state.broken, state.checked_ms, state.head.n) == (2, 5, 3)
    await store.command("RESTORE", keys.AUDIT, 0, dumped, "REPLACE")
    await auditor.check(6)
    assert (await AuditTrail(store).state()).broken == 0


def test_a_case_is_told_apart_only_by_who_knows_its_id_and_the_secret() -> None:
    """Another secret gives another digest; the same gives the same."""
    assert HASHER.audit(CASE) == HASHER.audit(CASE)
    assert CASE not in HASHER.audit(CASE)
    assert Hasher(b"another secret of that length ...").audit(CASE) != HASHER.audit(CASE)
    assert HASHER.audit(CASE)[:32] != HASHER.case(CASE)[:32]
