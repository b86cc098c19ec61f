"""Who did what: writes the audit trail, reads it, proves that it holds, and lets old entries go.

An operator's act is written down before it is done, and is not done where that fails. A person's
own act is done in any case: where it cannot be written down, that is logged and counted.
"""

import os
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import msgspec
import structlog
from msgspec import Struct

from app.domain.access import Hasher
from app.domain.audit import (
    WORKER,
    Action,
    AuditEntry,
    Break,
    Link,
    Mark,
    Walk,
    exported,
    imported,
    read_entry,
)
from app.domain.errors import InvalidInput, StateUnavailable, TriageError
from app.domain.job import parse_job_id
from app.state.audit import AuditTrail

_PAGE = 1_000
MOST_LOOKED_AT = 5_000
"""Entries that are looked at for one page of what is asked for."""

_log = structlog.get_logger(__name__)


class AuditBroken(TriageError):
    """The audit trail is not as it was written."""


class AuditFilter(Struct, frozen=True, kw_only=True):
    """Which entries are asked for; what is left out may be anything."""

    since_ms: int | None = None
    until_ms: int | None = None
    actor: str | None = None
    """As in the entry, or `key` for every key."""
    action: str | None = None
    """A whole one, or what stands before its dot."""
    object: str | None = None

    def takes(self, entry: AuditEntry) -> bool:
        """Say whether an entry is asked for."""
        return (
            (self.since_ms is None or entry.at >= self.since_ms)
            and (self.until_ms is None or entry.at < self.until_ms)
            and self.actor in (None, entry.actor, entry.actor.partition(":")[0])
            and self.action in (None, entry.action, entry.action.partition(".")[0])
            and self.object in (None, entry.object)
        )


class AuditPage(Struct, frozen=True, kw_only=True):
    """Some entries, the latest first."""

    entries: tuple[AuditEntry, ...]
    before: int | None
    """The number before which the next page begins; None where there is none."""


class Verified(Struct, frozen=True, kw_only=True):
    """What verifying found."""

    anchor: Mark
    """The last entry that was trimmed, or the place before the first."""
    head: Mark
    """The last entry that holds: note it down where nobody can write who can write the storage."""
    entries: int
    """How many entries hold."""
    broken: Break | None


class Auditor:
    """Writes the trail, and reads it."""

    def __init__(
        self,
        trail: AuditTrail,
        hasher: Callable[[], Hasher],
        *,
        on_failure: Callable[[], None] = lambda: None,
    ) -> None:
        """Put the parts together.

        Args:
            trail: where entries are kept.
            hasher: returns what makes the digests that stand for cases; asked for the first one.
            on_failure: is told of every entry that could not be written.
        """
        self._trail = trail
        self._hasher = hasher
        self._on_failure = on_failure

    def case(self, case_id: str) -> str:
        """Return what stands for a case: without its id, nobody can tell which one it is."""
        return f"case:{self._hasher().audit(case_id)}"

    def job(self, name: str) -> str:
        """Return what stands for a background analysis: its case, and the turn that asked."""
        parts = parse_job_id(name)
        return "" if parts is None else f"job:{self._hasher().audit(parts[0])}.{parts[1]}"

    async def allow(self, actor: str, action: Action, what: str = "") -> AuditEntry:
        """Write down what is about to be done; it must not be done where this fails.

        Raises:
            StateUnavailable: it cannot be written down.
        """
        try:
            return await self._trail.add(
                lambda n, at: AuditEntry(
                    n=n, at=at, actor=actor, action=action, object=what, outcome="allowed"
                )
            )
        except StateUnavailable as error:
            self._failed(action, error)
            raise

    async def failed(self, allowed: AuditEntry) -> None:
        """Write down that what was allowed did not happen."""
        await self._attempt(
            allowed.action,
            lambda n, at: AuditEntry(
                n=n,
                at=at,
                actor=allowed.actor,
                action=allowed.action,
                object=allowed.object,
                outcome="failed",
                of=allowed.n,
            ),
        )

    async def done(self, actor: str, action: str, what: str = "") -> None:
        """Write down what was done, as well as that can be."""
        await self._attempt(
            action,
            lambda n, at: AuditEntry(
                n=n, at=at, actor=actor, action=action, object=what, outcome="done"
            ),
        )

    async def _attempt(self, action: str, make: Callable[[int, int], AuditEntry]) -> None:
        try:
            await self._trail.add(make)
        except StateUnavailable as error:
            self._failed(action, error)

    def _failed(self, action: str, error: StateUnavailable) -> None:
        self._on_failure()
        _log.error("audit.not_written", action=action, reason=str(error))

    async def page(self, wanted: AuditFilter, *, limit: int, before: int | None) -> AuditPage:
        """Return entries that are asked for, the latest first.

        A page may be short, or empty, and still name a next one: it looks at no more than
        `MOST_LOOKED_AT` entries. What cannot be read is left out; verifying tells of it.
        """
        found: list[AuditEntry] = []
        looked = 0
        while looked < MOST_LOOKED_AT:
            links = await self._trail.before(before, min(_PAGE, MOST_LOOKED_AT - looked))
            for link in links:
                before = link.place
                looked += 1
                if (entry := read_entry(link.data)) is None:
                    continue
                if wanted.since_ms is not None and entry.at < wanted.since_ms:
                    return AuditPage(entries=tuple(found), before=None)
                if wanted.takes(entry):
                    found.append(entry)
                    if len(found) == limit:
                        return AuditPage(entries=tuple(found), before=before)
            if not links:
                return AuditPage(entries=tuple(found), before=None)
        return AuditPage(entries=tuple(found), before=before)

    async def links(self, after: int) -> AsyncIterator[Link]:
        """Yield everything that comes after an entry, the oldest first."""
        while page := await self._trail.after(after, _PAGE):
            for link in page:
                yield link
            after = page[-1].place or 0

    async def verify(self, known: Mark | None = None) -> Verified:
        """Follow the whole chain to the first entry that does not hold.

        Args:
            known: a head that was noted down earlier; where it was trimmed since, only the file
                that it was exported to can tell.

        Raises:
            StateUnavailable: if the storage does not answer.
        """
        began = await self._trail.state()
        walk = Walk(began.anchor, known)
        broken = await self._follow(walk)
        ended = await self._trail.state()
        if ended.anchor.n > began.anchor.n:  # a worker has trimmed it meanwhile
            return await self.verify(known)
        if broken is None and walk.at.n < ended.head.n:  # what others have added meanwhile
            broken = await self._follow(walk, ended.head.n)
        return _verified(walk, broken or walk.end(ended.head, trimmed=True))

    async def _follow(self, walk: Walk, until: int | None = None) -> Break | None:
        async for link in self.links(walk.at.n):
            if (broken := walk.follow(link)) is not None:
                return broken
            if walk.at.n == until:
                break
        return None

    async def check(self, at_ms: int) -> Verified:
        """Verify, and note for everybody what was found."""
        found = await self.verify()
        await self._trail.note_checked(at_ms, 0 if found.broken is None else found.broken.n)
        if found.broken is None:
            _log.info("audit.verified", head=str(found.head), count=found.entries)
        else:
            _log.error("audit.broken", reason=found.broken.reason)
        return found

    async def trim(self, before_ms: int, folder: Path) -> Path | None:
        """Export the entries before a time, and let them go; returns the file, if any went.

        Whoever is killed in between leaves a file too many, and never an entry too few.

        Raises:
            AuditBroken: the chain does not hold so far: what shows that must not go.
            StateUnavailable: if the storage does not answer.
            InvalidInput: if the file cannot be written.
        """
        state = await self._trail.state()
        walk, lines, last = Walk(state.anchor), [_header(state.anchor)], state.anchor
        async for link in self.links(state.anchor.n):
            if (broken := walk.follow(link)) is not None:
                raise AuditBroken(f"the audit trail is not trimmed: {broken.reason}")
            entry = read_entry(link.data)
            if entry is None or entry.at >= before_ms:
                break
            lines.append(exported(link))
            last = walk.at
        if len(lines) == 1:
            return None
        path = folder / f"audit-{state.anchor.n + 1}-{last.n}.jsonl"
        write_lines(path, [*lines, _footer(last)])
        await self._trail.add(
            lambda n, at: AuditEntry(
                n=n, at=at, actor=WORKER, action="audit.trimmed", object=str(last), outcome="done"
            )
        )
        await self._trail.trim(last)
        return path

    async def export(self) -> list[bytes]:
        """Return the whole trail as lines of JSON: where it begins, its entries, where it ends.

        Raises:
            StateUnavailable: if the storage does not answer.
        """
        anchor = (await self._trail.state()).anchor
        lines, last = [_header(anchor)], anchor
        async for link in self.links(anchor.n):
            lines.append(exported(link))
            last = Mark(link.place or 0, link.hash)
        return [*lines, _footer(last)]


class _Header(Struct, frozen=True, forbid_unknown_fields=True):
    after: str

    @property
    def mark(self) -> Mark | None:
        return Mark.parse(self.after)


class _Footer(Struct, frozen=True, forbid_unknown_fields=True):
    head: str

    @property
    def mark(self) -> Mark | None:
        return Mark.parse(self.head)


def _header(anchor: Mark) -> bytes:
    return msgspec.json.encode(_Header(str(anchor)))


def _footer(head: Mark) -> bytes:
    return msgspec.json.encode(_Footer(str(head)))


_decode_header = msgspec.json.Decoder(_Header).decode
_decode_footer = msgspec.json.Decoder(_Footer).decode


def _mark(decode: Callable[[bytes], _Header | _Footer], line: bytes) -> Mark | None:
    try:
        return decode(line).mark
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return None


def verify_lines(lines: list[bytes], known: Mark | None = None) -> Verified:
    """Follow an exported trail to the first entry that does not hold.

    Raises:
        InvalidInput: it does not begin as an export does.
    """
    anchor = _mark(_decode_header, lines[0] if lines else b"")
    if anchor is None:
        raise InvalidInput('it is no exported trail: its first line should be {"after":"N:HASH"}')
    walk = Walk(anchor, known)
    for line in lines[1:-1]:
        link = imported(line)
        broken = (
            Break(n=walk.at.n + 1, kind="changed", reason=f"entry {walk.at.n + 1} is no entry")
            if link is None
            else walk.follow(link)
        )
        if broken is not None:
            return _verified(walk, broken)
    if (head := _mark(_decode_footer, lines[-1])) is None:
        n = walk.at.n + 1
        text = (
            f'it is cut off behind entry {walk.at.n}: the last line should be {{"head":"N:HASH"}}'
        )
        return _verified(walk, Break(n=n, kind="truncated", reason=text))
    return _verified(walk, walk.end(head))


def write_lines(path: Path, lines: list[bytes]) -> None:
    """Write lines to a file that only its owner may read; it is there as a whole or not at all.

    Raises:
        InvalidInput: it cannot be written.
    """
    partial = path.with_name(f".{path.name}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        with os.fdopen(
            os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb"
        ) as file:
            file.writelines(line + b"\n" for line in lines)
            file.flush()
            os.fsync(file.fileno())
        partial.rename(path)
    except OSError as error:
        raise InvalidInput(f"{path} cannot be written: {error.strerror}") from error


def _verified(walk: Walk, broken: Break | None) -> Verified:
    return Verified(anchor=walk.anchor, head=walk.at, entries=walk.entries, broken=broken)
