"""The audit trail: who did what to what, and when, each entry bound to the one before.

An entry says nothing in anybody's words and names nobody: of a key its id, of a case a digest that
only the installation's secret can make. Its hash is taken over the hash before it and its bytes as
they are kept, so an entry cannot be changed, removed or put in without every later hash telling.
"""

import hashlib
import re
from typing import Literal, get_args

import msgspec
from msgspec import Struct

Action = Literal[
    "case.read",
    "case.watched",
    "case.reviewed",
    "case.exported",
    "case.erased",
    "reviews.read",
    "handoff.taken",
    "handoff.answered",
    "handoff.returned",
    "link.made",
    "link.opened",
    "token.revoked",
    "key.created",
    "key.rotated",
    "key.revoked",
    "master.rotated",
    "flags.set",
    "job.retried",
    "job.cancelled",
    "webhook.added",
    "webhook.changed",
    "webhook.removed",
    "budget.set",
    "budget.removed",
    "cache.cleared",
    "warehouse.erased",
    "warehouse.retained",
    "audit.trimmed",
]
ACTIONS: tuple[Action, ...] = get_args(Action)
Outcome = Literal["allowed", "failed", "done"]
"""`allowed` was written before the act, which without it is not done; `failed` tells that the act
of an earlier entry did not happen; `done` was written after it."""

CASE_TOKEN = "case token"  # noqa: S105 - says who acted, and is no token
LINK = "link"
TERMINAL = "terminal"
WORKER = "worker"
SYSTEM = "system"
ACTOR = r"(key:[0-9a-z_-]{1,40}|case token|link|terminal|worker|system)"
"""Who acts: an API key, whoever holds a case's token or a link to it, somebody at the command line,
a worker by itself, or another system that proved itself."""

NOTHING = "0" * 64
"""The hash before the first entry."""
_MARK = re.compile(r"(\d{1,15}):([0-9a-f]{64})")
_TAIL = re.compile(rb',"hash":"([0-9a-f]{64})"\}')
_TAIL_BYTES = len(f',"hash":"{NOTHING}"}}')


class AuditEntry(Struct, frozen=True, kw_only=True):
    """One act."""

    n: int
    """Its number: the first entry is 1, and none is left out."""
    at: int
    """When, by the storage's clock: Unix time in milliseconds; never before the entry before."""
    actor: str
    action: str
    """One of `ACTIONS`, or what a newer version writes."""
    object: str
    """What it was done to, such as `case:<digest>` or `key:<id>`; empty where that says nothing."""
    outcome: Outcome
    of: int | None = None
    """With `failed`: the entry whose act did not happen."""


class Mark(Struct, frozen=True):
    """A place in the chain: a number, and the hash of the entry with it."""

    n: int
    hash: str

    def __str__(self) -> str:
        """Return it as it is noted down."""
        return f"{self.n}:{self.hash}"

    @classmethod
    def parse(cls, text: str) -> "Mark | None":
        """Read what was noted down; None where it is no mark.

        >>> Mark.parse("0:" + "0" * 64) == START, Mark.parse("7:abc")
        (True, None)
        """
        found = _MARK.fullmatch(text.strip())
        return None if found is None else cls(int(found[1]), found[2])


START = Mark(0, NOTHING)
"""The place before the first entry."""


class Link(Struct, frozen=True):
    """An entry as it is kept, with its hash."""

    data: bytes
    hash: str
    place: int | None = None
    """The number under which the storage has it; None in a file."""


class Break(Struct, frozen=True, kw_only=True):
    """Where a chain does not hold any more: everything before it does."""

    n: int
    """The first entry that is not as it was written."""
    kind: Literal["changed", "removed", "inserted", "truncated"]
    reason: str


encode_entry = msgspec.json.Encoder().encode
"""Makes the bytes of an entry, over which its hash is taken."""
_decode_entry = msgspec.json.Decoder(AuditEntry).decode


def read_entry(data: bytes) -> AuditEntry | None:
    """Return the entry of its bytes; None where they are none."""
    try:
        return _decode_entry(data)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return None


def hash_of(before: str, data: bytes) -> str:
    """Return the hash of an entry.

    Args:
        before: the hash of the entry before, in hexadecimal digits.
        data: the entry's bytes.
    """
    return hashlib.sha256(before.encode() + data).hexdigest()


def exported(link: Link) -> bytes:
    """Return an entry as a line of a file: its own bytes, with the hash as their last member.

    >>> exported(Link(b'{"n":1}', NOTHING))[:22]
    b'{"n":1,"hash":"0000000'
    """
    return link.data[:-1] + f',"hash":"{link.hash}"}}'.encode()


def imported(line: bytes) -> Link | None:
    """Return the entry of such a line, its bytes as they were; None where it is no such line."""
    found = _TAIL.fullmatch(line[-_TAIL_BYTES:])
    if found is None or not line.startswith(b"{"):
        return None
    return Link(line[:-_TAIL_BYTES] + b"}", found[1].decode())


class Walk:
    """Follows a chain from its anchor, entry by entry, to the first one that does not hold."""

    def __init__(self, anchor: Mark, known: Mark | None = None) -> None:
        """Begin behind the anchor.

        Args:
            anchor: the place before the first entry that is left.
            known: a head that was noted down elsewhere, which the chain has to go through.
        """
        self.anchor = anchor
        self.at = anchor
        """As far as the chain holds."""
        self.entries = 0
        self.trims: set[str] = set()
        """The places up to which entries tell that the trail was trimmed."""
        self._known = known
        self._last_ms = 0

    def follow(self, link: Link) -> Break | None:
        """Take the next entry; returns what is wrong with it."""
        wanted = self.at.n + 1
        if (entry := read_entry(link.data)) is None:
            return Break(n=wanted, kind="changed", reason=f"entry {wanted} cannot be read")
        if link.place is not None and link.place != entry.n:
            place = min(link.place, wanted)
            return Break(
                n=place, kind="changed", reason=f"entry {entry.n} stands in the place of another"
            )
        if entry.n < wanted:
            text = f"a second entry {entry.n} stands behind entry {self.at.n}"
            return Break(n=wanted, kind="inserted", reason=text)
        if entry.n > wanted:
            missing = (
                f"entry {wanted} is" if entry.n == wanted + 1 else f"entries from {wanted} are"
            )
            text = f"{missing} missing: what follows is entry {entry.n}"
            return Break(n=wanted, kind="removed", reason=text)
        if hash_of(self.at.hash, link.data) != link.hash or entry.at < self._last_ms:
            text = f"entry {wanted} does not continue entry {self.at.n}"
            return Break(n=wanted, kind="changed", reason=text)
        if self._known is not None and self._known.n == wanted and self._known.hash != link.hash:
            text = f"entry {wanted} is not the one whose hash was noted down"
            return Break(n=wanted, kind="changed", reason=text)
        self.at = Mark(wanted, link.hash)
        self.entries += 1
        self._last_ms = entry.at
        if entry.action == "audit.trimmed":
            self.trims.add(entry.object)
        return None

    def end(self, head: Mark, *, trimmed: bool = False) -> Break | None:
        """Compare where the chain ends with where it should.

        Args:
            head: where it ends by what is kept of that.
            trimmed: whether an entry has to tell of what is missing before the anchor.
        """
        at, known = self.at, self._known
        last = max(head.n, 0 if known is None else known.n)
        if last > at.n:
            text = f"it ends with entry {at.n}, and went on to entry {last}"
            return Break(n=at.n + 1, kind="truncated", reason=text)
        if head.n < at.n:
            text = f"it should end with entry {head.n}, and goes on to entry {at.n}"
            return Break(n=head.n + 1, kind="inserted", reason=text)
        if head.hash != at.hash:
            text = f"entry {at.n} is not the one that the head names"
            return Break(n=at.n, kind="changed", reason=text)
        if known is not None and known.n == self.anchor.n and known.hash != self.anchor.hash:
            text = f"entry {known.n} was trimmed, and was not the one whose hash was noted down"
            return Break(n=known.n, kind="changed", reason=text)
        if trimmed and self.anchor.n and str(self.anchor) not in self.trims:
            text = f"entries up to {self.anchor.n} are gone, and no entry tells of trimming them"
            return Break(n=1, kind="removed", reason=text)
        return None
