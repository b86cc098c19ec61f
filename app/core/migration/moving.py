"""Going through all earlier conversations: convert, note in the journal, write, read back.

The journal is written first. It holds each value as it was, to the byte, the case's new name and
its token, so that a run that was cut off goes on where it was, and so that all can be undone.
"""

import os
import secrets
import time
from collections.abc import AsyncIterator, Iterable, Mapping
from pathlib import Path
from typing import BinaryIO, Literal, Protocol

import msgspec
from msgspec import Struct

from app.core.migration.adopting import EPOCH, Adopted, adopt
from app.core.migration.earlier import read_conversation
from app.core.rules import Rules
from app.domain.access import plain_digest
from app.domain.case import Say
from app.domain.errors import CaseNotFound, ConversationOver, InvalidInput
from app.state import migration
from app.state.conversations import ConversationStateManager
from app.state.migration import Kept
from app.state.store import Store

Outcome = Literal["moved", "there already", "would be moved", "left out", "not moved"]
Undone = Literal["undone", "went on", "expired", "not restored"]


class Source(Protocol):
    """Where the earlier system kept its conversations."""

    async def ids(self) -> list[str]:
        """Return all ids."""
        ...

    async def read(self, prefix: str, name: str) -> Kept | None:
        """Return what is kept under a prefix for an id."""
        ...

    async def remove(self, kept: Kept) -> bool:
        """Remove a value if it still is what was read."""
        ...


class Line(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A line of the journal."""

    id: str
    """The earlier id."""
    case_id: str
    case_token: str
    turns: int
    """Accepted ones; where there are more later, the person has gone on here."""
    kept: tuple[Kept, ...]
    """What the source held; in JSON, values are in base64."""


class Moved(Struct, frozen=True, kw_only=True):
    """What became of one conversation."""

    id: str
    outcome: Outcome
    detail: str = ""
    """Why it was not moved, or what the case does not take over."""
    messages: int = 0
    red_flags: tuple[str, ...] = ()


class Journal:
    """A private file of lines; each is on the disk before its case is written."""

    def __init__(self, path: Path) -> None:
        """Take where it is; it need not be there yet."""
        self.path = path
        self._file: BinaryIO | None = None

    def lines(self) -> dict[str, Line]:
        """Read it, by earlier id; a last line that was cut off does not count.

        Raises:
            InvalidInput: if it is no journal.
        """
        if not self.path.exists():
            return {}
        found: dict[str, Line] = {}
        *whole, _cut = self.path.read_bytes().split(b"\n")
        for number, text in enumerate(whole, 1):
            try:
                line = msgspec.json.decode(text, type=Line)
            except msgspec.MsgspecError as error:
                raise InvalidInput(f"{self.path}:{number}: no line of a journal: {error}") from None
            found[line.id] = line
        return found

    def write(self, line: Line) -> None:
        """Add a line; when this returns, it is on the disk."""
        if self._file is None:
            self._file = self._opened()
        self._file.write(msgspec.json.encode(line) + b"\n")
        self._file.flush()
        os.fsync(self._file.fileno())

    def close(self) -> None:
        """Close the file."""
        if self._file is not None:
            self._file.close()

    def _opened(self) -> BinaryIO:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        handle = os.open(self.path, os.O_RDWR | os.O_CREAT, 0o600)
        file = os.fdopen(handle, "r+b")
        whole = file.read().rfind(b"\n") + 1
        file.truncate(whole)  # a line that was cut off is written anew
        file.seek(whole)
        return file


class Mover:
    """Moves conversations into this installation."""

    def __init__(
        self, source: Source, store: Store, rules: Rules, locale: str, journal: Journal
    ) -> None:
        """Take where they are, where they go, and with which playbook and language they go on."""
        self._source = source
        self._store = store
        self._conversations = ConversationStateManager(store, "migration")
        self._rules = rules
        self._locale = locale
        self._journal = journal

    async def move(
        self, *, dry_run: bool = False, remove_source: bool = False
    ) -> AsyncIterator[Moved]:
        """Move all of them, one after the other; every run goes the same way.

        Args:
            dry_run: convert, and write nothing.
            remove_source: take away what was moved and read back, if it still is what was read.

        Raises:
            StateUnavailable: if a storage does not answer; another run goes on from there.
            InvalidInput: if the journal is none.
        """
        known = self._journal.lines()
        for name in await self._source.ids():
            yield await self._one(name, known.get(name), dry_run, remove_source)

    async def _one(self, name: str, line: Line | None, dry_run: bool, remove_source: bool) -> Moved:
        try:
            name.encode()
        except UnicodeEncodeError:
            return Moved(id=ascii(name), outcome="not moved", detail="its name is no text")
        conversation = await self._source.read(migration.CONVERSATION, name)
        orchestration = await self._source.read(migration.ORCHESTRATION, name)
        if conversation is None:
            return Moved(id=name, outcome="not moved", detail="it is gone, or no string")
        values = tuple(one for one in (conversation, orchestration) if one is not None)
        if line is not None and _values(line.kept) != _values(values):
            detail = (
                "it has changed since it was moved: stop the earlier system, undo, and move again"
            )
            return Moved(id=name, outcome="not moved", detail=detail)
        try:
            adopted = self._adopted(name, conversation, orchestration, line)
        except InvalidInput as error:
            over = isinstance(error, ConversationOver)
            return Moved(id=name, outcome="left out" if over else "not moved", detail=str(error))
        told = Moved(
            id=name,
            outcome="would be moved" if dry_run else "moved" if line is None else "there already",
            detail="; ".join(adopted.left_out),
            messages=len(adopted.said),
            red_flags=tuple(flag.code for flag in adopted.state.assessment.red_flags),
        )
        if dry_run:
            return told
        if line is None:
            line = Line(
                id=name,
                case_id=adopted.state.case_id,
                case_token=secrets.token_urlsafe(32),
                turns=len(adopted.said),
                kept=values,
            )
            self._journal.write(line)
        await self._write(adopted, line.case_token)
        if not await self._is_there(adopted):
            detail = "what was written does not read back as it was"
            return Moved(id=name, outcome="not moved", detail=detail)
        if remove_source and not all([await self._source.remove(one) for one in values]):
            detail = "it changed while it was moved, so it stays in the source as well"
            return Moved(id=name, outcome="not moved", detail=detail)
        return told

    def _adopted(
        self, name: str, conversation: Kept, orchestration: Kept | None, line: Line | None
    ) -> Adopted:
        read = read_conversation(
            name, conversation.value, None if orchestration is None else orchestration.value
        )
        case_id = secrets.token_hex(16) if line is None else line.case_id
        now = time.time_ns() // 1_000_000
        return adopt(read, self._rules, case_id=case_id, locale=self._locale, now_ms=now)

    async def _write(self, adopted: Adopted, token: str) -> None:
        playbook = self._rules.playbook
        await migration.adopt(
            self._store,
            adopted.state,
            adopted.turns,
            adopted.waiting,
            token_hash=plain_digest(token),
            # As many messages as ever beside those that were written before.
            cap=playbook.limits.messages + len(adopted.said),
            ttl=playbook.ttl.active,
            epoch=EPOCH,
        )

    async def _is_there(self, adopted: Adopted) -> bool:
        """Read a case back: all that was said and answered stands in it, in order."""
        case_id = adopted.state.case_id
        turns = await self._conversations.turns(case_id)
        waiting = await self._conversations.waiting(case_id)
        found = [(one.command.text, one.reply) for one in turns if isinstance(one.command, Say)]
        found += [(one.command.text, "") for one in waiting if isinstance(one.command, Say)]
        wanted = adopted.said
        if adopted.waiting is not None and len(turns) > len(adopted.turns):
            # An instance has answered the last message already, or the person has gone on.
            at = len(adopted.turns)
            return found[:at] == wanted[:at] and found[at][0] == wanted[at][0]
        return found[: len(wanted)] == wanted


class Restorer(Protocol):
    """Where values are put back."""

    async def restore(self, kept: Kept) -> bool:
        """Put a value back; True if it stands there afterwards."""
        ...


async def undo(
    journal: Journal, conversations: ConversationStateManager, source: Restorer | None
) -> AsyncIterator[tuple[str, Undone]]:
    """Put everything back as it was, one conversation after the other.

    A case in which the person has gone on since stays, and its values are not put back: nothing
    that was said is lost.

    Args:
        journal: Of the move.
        conversations: Where the cases are.
        source: Where values are put back; None where nothing was ever taken away.

    Raises:
        StateUnavailable: if a storage does not answer; undo again.
        InvalidInput: if the journal is none.
    """
    for name, line in journal.lines().items():
        yield name, await _undone(line, conversations, source)


async def _undone(
    line: Line, conversations: ConversationStateManager, source: Restorer | None
) -> Undone:
    try:
        record = await conversations.open_as_operator(line.case_id)
    except CaseNotFound:
        record = None
    if record is not None and record.accepted > line.turns:
        return "went on"
    if source is not None:
        restored = [await source.restore(one) for one in line.kept]
        if not all(restored):
            return "not restored"
    if record is None:
        return "expired"
    await conversations.delete_conversation_state(line.case_id)
    return "undone"


class EarlierDump:
    """The earlier system's memory, written to a file: two JSON objects by id."""

    _MEMBERS: Mapping[str, str] = {
        migration.CONVERSATION: "active_conversations",
        migration.ORCHESTRATION: "active_orchestrations",
    }

    def __init__(self, path: Path) -> None:
        """Read the file.

        Raises:
            InvalidInput: if it cannot be read, or is no such dump.
        """
        try:
            found = msgspec.json.decode(path.read_bytes(), type=dict[str, dict[str, msgspec.Raw]])
        except OSError as error:
            raise InvalidInput(f"{path}: {error.strerror}") from None
        except (msgspec.MsgspecError, UnicodeDecodeError) as error:
            raise InvalidInput(f"{path}: no dump of conversations: {error}") from None
        if "active_conversations" not in found:
            raise InvalidInput(f"{path}: it has no active_conversations")
        self._found = found

    async def ids(self) -> list[str]:
        """Return all ids, sorted."""
        return sorted(self._found["active_conversations"])

    async def read(self, prefix: str, name: str) -> Kept | None:
        """Return what is kept under a prefix for an id."""
        value = self._found.get(self._MEMBERS[prefix], {}).get(name)
        return None if value is None else Kept(key=prefix + name, value=bytes(value), expires_ms=0)

    async def remove(self, kept: Kept) -> bool:
        """Refuse: a file stays as it is.

        Raises:
            InvalidInput: always.
        """
        raise InvalidInput(f"{kept.key} stands in a file, from which nothing is taken away")


def _values(kept: Iterable[Kept]) -> list[bytes]:
    return [one.value for one in kept]
