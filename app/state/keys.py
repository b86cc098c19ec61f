"""Names of everything that is kept. All keys of a case share one cluster slot by its hash tag."""

import zlib

LIVE_SHARDS = 16
BUSY = "tri:busy"
"""Sorted set: cases that may have an unfinished turn, by the time of the last accept.

Written before the accept, so a crash between the two leaves a harmless entry and never a hidden
turn. It is a hint for the reapers; the truth is each case's inbox.
"""
HANDOFF = "tri:handoff"
"""Sorted set: cases in which a human was asked for or has the conversation, by when it was asked.

Written before the commit that asks, so it may name a case too many, never one too few.
"""
CASES = "tri:cases"
"""Sorted set: cases in which something was said, by when they were opened, for operators.

`tri:cases:<facet>` holds those of them with what a facet names; see `app.state.case_index`.
"""
CASE_FACETS = "tri:cases:facets"
"""Set: the facets that were ever written, so that a case can be taken off all of them."""
JOBS = "tri:jobs"
"""Sorted set: background jobs by the time of their creation, for operators."""
DEAD = "tri:jobs:dead"
"""Sorted set: jobs that were given up, by that time; the truth is each job."""
OUTBOX = "tri:outbox"
"""Sorted set: cases whose outbox has something to send, by the time at which it is due.

Written before what is put into the outbox; it may name a case too many, never one too few.
"""
OUTBOX_SETTLING = "tri:outbox:settling"
"""Sorted set: cases that had nothing left to send, by the time of a last look.

A case is seen on the list of due ones before what it was listed for is there; this look finds it.
"""
OUTBOX_TOLD = "tri:outbox:told"
"""Sorted set: the latest cases with a delivery that has ended, by that time, for operators."""
OUTBOX_FAILED = "tri:outbox:failed"
"""Sorted set: the latest cases with a delivery that was given up, by that time."""
OUTBOXES = (OUTBOX, OUTBOX_SETTLING, OUTBOX_TOLD, OUTBOX_FAILED)
WEBHOOKS = "tri:webhooks"
"""Hash: the webhook endpoints by their ids. Configuration, so it has no time to live."""
AUDIT = "tri:audit"
"""Stream: the audit trail, `e` an entry's bytes and `h` its hash; without a time to live, since a
worker trims it."""
AUDIT_HEAD = "tri:{tri:audit}:head"
"""Hash: where the trail begins and ends, and how it was when it was verified last."""
MASTERS = "tri:masters"
"""Hash: the master keys that this storage is used with, and the wrapped key of the installation.

`m:<id>` a master key's fingerprint and when it came; `current` the id of the one that wraps;
`coming` of one that will; `dk` the installation's key. Configuration, without a time to live.
"""
MASTERS_KNOWN = "tri:masters:known"
"""Hash: which master keys each living process has, by its name, and until when it counts so."""
ERASED = "tri:erased"
"""Hash: how often something was erased, `n`; how many of those the append-only file was asked to
forget, and how many it has: `asked`, `done`."""
ERASED_LEASE = "tri:erased:k"
"""String: there while the file is not to be written anew once more."""
FLAGS = "tri:flags"
"""Hash: the feature flags that every instance goes by. Configuration, without a time to live."""
ASSIGNED = "tri:assigned:"
"""What a person was given in experiments: a string for each of them begins so."""
SEEN_WEBHOOK = "tri:webhook:"
"""Ids of incoming webhooks that were acted on: a short-lived string for each begins so."""
REPORTS = "tri:reports:sent"
"""Hash: when each kind of report was sent last, Unix time in milliseconds; without a time to live,
so that one that was never sent again is noticed."""
REPORTS_SINCE = "tri:reports:since"
"""String: when this installation first looked for reports to make; it makes none of days before."""
REPORTS_DUE = "tri:reports:due"
"""Sorted set: reports that are to be made or sent, `kind:day`, by when to try."""
REPORTS_KNOWN = "tri:reports:known"
"""Sorted set: the latest reports that were ever due, by that time, so that each is made once."""
EXPERIMENTS = "tri:experiments"
"""Hash: how each declared experiment stands, by its key."""
EXPERIMENTS_DUE = "tri:experiments:due"
"""String: when they are to be computed again, Unix time in milliseconds."""
EXPERIMENTS_LEASE = "tri:experiments:k"
"""String: the lease of the worker that computes them."""
WORKERS = "tri:workers"
"""Hash: each living worker's queues and slots, by its name."""
WORKER_TTL = 60
ACCESS = "tri:access"
"""Hash: API keys, `k:<id>` each; `version`, which grows with each change; `secret`, which tells the
secret of all digests from any other. Configuration, without a time to live."""
REVOKED = "tri:revoked"
"""Stream: marks of cases whose token was revoked, or that were erased: their streams are closed."""
LINK = "tri:link:"
"""What links to another device begin with; each lives ten minutes."""
OPENING = "tri:opening:"
"""What openings of cases by their idempotency keys begin with; each lives ten minutes."""
CACHE = "tri:cache:"
"""What the cache of similar analyses keeps begins so: `a:` analyses, `b:` bands, `n:` counters."""
FACTS = "tri:facts"
"""Stream: the ledger's facts on their way to the warehouse, `f` each, and what earlier versions
left there of cases; it lives 40 days from the last one on."""
FACT_CASES = "tri:facts:cases"
"""Sorted set: cases with facts on their way to the warehouse, by the time of the latest.

Written before the commit that leaves them; it may name a case too many, never one too few.
"""
FACT_CASES_SETTLING = "tri:facts:settling"
"""Sorted set: cases whose facts were taken off, by the time of a last look, as of the outbox."""
FACTS_LOST = "tri:{tri:facts}:lost"
"""Hash: how many facts found no room, and since when, in seconds."""
LEDGER = "tri:{tri:facts}:"
"""What the ledger keeps begins so, in the slot of the stream of facts: they leave together.

`open` reservations, `due` when they count as lost, `held` what they sum up to by scope, `budgets`,
`spent:<period>` by scope, `rows:<case>`, `sums:<hour>`, `sums:<day>`, and `cases:<day>`.
"""
INDEX_TTL = 40 * 86_400
"""Seconds an index outlives its last write; longer than any case by default."""


class CaseKeys:
    """The keys of one case."""

    __slots__ = (
        "events",
        "facts",
        "idempotency",
        "inbox",
        "job_prefix",
        "lease",
        "meta",
        "outbox",
        "turn_prefix",
        "turns",
    )

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
        self.job_prefix = base + "j:"
        self.outbox = base + "o"
        """HASH: what the world should be told of the case, and to whom.

        By its stable id a notification; `f:<id>` once it has been fanned out; `d:<id>><target>` its
        delivery to one target; `s:<id>` a browser's subscription; `k` the lease of whoever sends.
        """
        self.facts = base + "f"
        """LIST: facts of the case on their way to the warehouse; erasing the case leaves it."""

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
            self.job_prefix,
            self.outbox,
            self.facts,
        ]

    def log(self, turn: int) -> str:
        """Return the key of a turn's token log, a STREAM."""
        return f"{self.turn_prefix}{turn}"

    def job(self, turn: int) -> str:
        """Return the key of the background job that a turn asked for, a HASH."""
        return f"{self.job_prefix}{turn}"

    def job_lease(self, turn: int) -> str:
        """Return the key of the lease of whoever works on that job, a STRING."""
        return f"{self.job_prefix}{turn}:k"


def case_of(key: str) -> str:
    """Return the case to which a key belongs, by its hash tag.

    >>> case_of("tri:{c}:t:1")
    'c'
    """
    return key.partition("{")[2].rpartition("}")[0]


def cases(facet: str) -> str:
    """Return the sorted set of cases with what a facet names, by when they were opened."""
    return f"{CASES}:{facet}"


def case_streams(case_id: str) -> str:
    """Return the hash of a case's open streams, by instance; it lives as long as they do."""
    return f"tri:{{{case_id}}}:w"


def admitted(name: str) -> list[str]:
    """Return the hashes of a key's or an address's latest request, and of its open streams."""
    return [f"tri:{{in:{name}}}", f"tri:{{in:{name}}}:w"]


def agenda(queue: str) -> str:
    """Return the sorted set of a queue's open jobs, by when a reconciler should look at them.

    Written before the job is, in the same round trip: it may name one too many, never one too few.
    """
    return f"tri:agenda:{queue}"


def link(name: str) -> str:
    """Return the key of what a link's code stands for, a STRING."""
    return LINK + name


def opening(name: str) -> str:
    """Return the key of which case an idempotency key has opened lately, a STRING."""
    return OPENING + name


def report(name: str) -> str:
    """Return the hash of how a report stands, `costs:2026-11-25`; `:k` after it is its lease."""
    return f"tri:reports:{{{name}}}"


def experiment(key: str) -> str:
    """Return the hash of what was computed of an experiment last, compressed, by its form."""
    return f"tri:experiments:{{{key}}}"


def durations(queue: str) -> str:
    """Return the list of how long the latest jobs of a queue took, in milliseconds."""
    return f"tri:jobs:took:{queue}"


def cached(context: str) -> str:
    """Return the key of the analysis that is kept for a context, a STRING."""
    return f"{CACHE}a:{context}"


def cache_band(band: str) -> str:
    """Return the list of contexts that were told nearly alike, the latest first."""
    return f"{CACHE}b:{band}"


def cache_counts(day: str) -> str:
    """Return the hash of what the cache did on a day (UTC), by strategy."""
    return f"{CACHE}n:{day}"


def cached_of(case_id: str) -> str:
    """Return the set of contexts for which analyses of this case are kept; erased with it."""
    return f"tri:{{{case_id}}}:c"


def live(case_id: str) -> str:
    """Return the sorted set that lists this case by its last activity."""
    return live_shard(zlib.crc32(case_id.encode()) % LIVE_SHARDS)


def live_shard(shard: int) -> str:
    """Return the name of one of the sorted sets of live cases."""
    return f"tri:live:{shard:02d}"
