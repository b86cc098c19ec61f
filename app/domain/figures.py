"""How an installation stands as a whole, as its storage has it: the same whichever process asks."""

from collections.abc import Mapping
from typing import Annotated, Literal

from msgspec import Meta, Struct, field

from app.domain.experiments import ExperimentStanding
from app.domain.job import Queue
from app.domain.ledger import BudgetState, Period

DeadKind = Literal["job", "delivery"]
ReportKind = Literal["costs", "performance"]
REPORT_KINDS: tuple[ReportKind, ...] = ("costs", "performance")


class QueueFigures(Struct, frozen=True, kw_only=True):
    """One queue of background analyses."""

    open: Annotated[int, Meta(description="Analyses that are not over, those in work included.")]
    oldest_ms: Annotated[
        int, Meta(description="For how long the oldest one that nobody works on has waited.")
    ]
    slots: Annotated[int, Meta(description="How many all living workers take at once.")]


class Money(Struct, frozen=True, kw_only=True):
    """What the ledger says of the periods that run."""

    spent_nano_usd: Annotated[
        Mapping[Period, int], Meta(description="Spent in the hour, day and month (UTC) that run.")
    ] = {}
    budgets: Annotated[tuple[BudgetState, ...], Meta(description="Every budget as it stands.")] = ()


class Figures(Struct, frozen=True, kw_only=True):
    """An installation at one moment."""

    at_ms: Annotated[int, Meta(description="When: Unix time in milliseconds.")]
    ping_ms: Annotated[float, Meta(description="Round trip to the storage.")]
    memory_bytes: Annotated[int, Meta(description="Memory of the storage in use.")]
    memory_limit_bytes: Annotated[int, Meta(description="Its limit; 0 where there is none.")]
    active_cases: Annotated[int, Meta(description="Cases whose interview goes on, about.")]
    busy_cases: Annotated[int, Meta(description="Cases with a turn that is not answered, about.")]
    orphaned: Annotated[
        int, Meta(description="Cases with a turn that nobody has worked on for 10 s.")
    ]
    handoffs: Annotated[int, Meta(description="Cases in which a human is waited for or answers.")]
    queues: Annotated[Mapping[Queue, QueueFigures], Meta(description="By queue.")]
    dead: Annotated[
        Mapping[DeadKind, int], Meta(description="What was given up and waits for an operator.")
    ]
    workers: Annotated[int, Meta(description="Workers that gave a sign of life within 15 s.")]
    facts_waiting: Annotated[int, Meta(description="Events that no worker has drained yet.")]
    facts_oldest_ms: Annotated[int, Meta(description="For how long the oldest has waited.")]
    facts_lost: Annotated[int, Meta(description="Events that found no room, ever.")]
    audit_entries: Annotated[
        int, Meta(description="Entries of the audit trail, trimmed ones too.")
    ] = 0
    audit_broken: Annotated[
        int, Meta(description="The entry at which it did not hold when last verified; 0: it did.")
    ] = 0
    reports: Annotated[
        Mapping[ReportKind, int],
        Meta(description="When each report was sent last: Unix time in milliseconds."),
    ] = {}
    money: Annotated[Money, Meta(description="What the ledger says.")] = field(
        default_factory=Money
    )
    experiments: Annotated[
        tuple[ExperimentStanding, ...], Meta(description="How each experiment stands.")
    ] = ()
