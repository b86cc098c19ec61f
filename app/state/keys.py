"""Names of everything that is kept. All keys of a case share one cluster slot by its hash tag."""

import zlib

LIVE_SHARDS = 16
BUSY = "tri:busy"
"""Sorted set: cases that may have an unfinished turn, by the time of the last accept.

Written before the accept, so a crash between the two leaves a harmless entry and never a hidden
turn. It is a hint for the reapers; the truth is each case's inbox.
"""
INDEX_TTL = 40 * 86_400
"""Seconds an index outlives its last write; longer than any case by default."""


class CaseKeys:
    """The keys of one case."""

    __slots__ = ("events", "idempotency", "inbox", "lease", "meta", "turn_prefix", "turns")

    def __init__(self, case_id: str) -> None:
        base = f"tri:{{{case_id}}}:"
        self.meta = base + "m"
        """HASH: token hash, counters, epoch, state, result."""
        self.turns = base + "l"
        """LIST: committed turns; turn n is entry n-1."""
        self.inbox = base + "q"
        """LIST: accepted commands that are not committed yet, oldest first."""
        self.idempotency = base + "i"
        """HASH: idempotency key to turn, time and body fingerprint."""
        self.lease = base + "k"
        """STRING: `owner:epoch` of whoever generates, for 900 ms at a time."""
        self.events = base + "ev"
        """STREAM: the case's own life."""
        self.turn_prefix = base + "t:"

    def all(self) -> list[str]:
        """Return the keys in the order in which every script takes them."""
        return [
            self.meta,
            self.turns,
            self.inbox,
            self.idempotency,
            self.lease,
            self.events,
            self.turn_prefix,
        ]

    def log(self, turn: int) -> str:
        """Return the key of a turn's token log, a STREAM."""
        return f"{self.turn_prefix}{turn}"


def live(case_id: str) -> str:
    """Return the sorted set that lists this case by its last activity."""
    return live_shard(zlib.crc32(case_id.encode()) % LIVE_SHARDS)


def live_shard(shard: int) -> str:
    """Return the name of one of the sorted sets of live cases."""
    return f"tri:live:{shard:02d}"
