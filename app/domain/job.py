"""A background analysis: what is to be done, how far it is, and how long such work takes.

A job is named after the case and the turn whose end asked for it, `{case}.{turn}`, so there can be
one per turn and no more. What is stored of it in Valkey is the truth; queues only wake workers.
"""

from collections.abc import Mapping
from typing import Annotated, Literal

from msgspec import Meta, Struct

from app.domain.analysis import Strategy
from app.domain.playbook import Level
from app.domain.usage import Attempt

Queue = Literal["simple", "standard", "complex"]
QUEUES: tuple[Queue, ...] = ("simple", "standard", "complex")
QUEUE_OF: Mapping[Level, Queue] = {"low": "simple", "medium": "standard", "high": "complex"}

JobState = Literal["queued", "running", "done", "dead", "cancelled", "superseded"]
"""`dead`: given up after too many attempts. `superseded`: a newer analysis of the case exists."""
JOB_OVER: frozenset[JobState] = frozenset({"done", "dead", "cancelled", "superseded"})


class Job(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag="job/1"):
    """What is to be done; it never changes."""

    case_id: str
    turn: int
    queue: Queue
    planned: Strategy
    created_at: int
    """Unix time in milliseconds."""
    trace: str | None = None
    """The trace that it belongs to, as a W3C `traceparent`; None where nothing is traced."""

    @property
    def id(self) -> str:
        """The job's name.

        >>> Job(case_id="c", turn=3, queue="simple", planned="simple", created_at=0).id
        'c.3'
        """
        return job_id(self.case_id, self.turn)


class StepRecord(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag="step/1"):
    """What one step of an analysis came to; stored, so that a retry does not pay for it again."""

    document: bytes | None = None
    """The model's JSON document, validated; None where the step gave none."""
    error: str | None = None
    """Why it gave none, in a short closed word."""
    attempts: tuple[Attempt, ...] = ()
    """Every attempt at a model that the step took."""


class Estimate(Struct, frozen=True, kw_only=True):
    """How long a job will take from now, by what jobs of its queue took lately."""

    p50_ms: Annotated[int, Meta(ge=0, description="Half of such jobs are done by then.")]
    p90_ms: Annotated[int, Meta(ge=0, description="Nine of ten are done by then.")]
    measured: Annotated[int, Meta(ge=1, description="How many jobs it rests on.")]


class JobView(Struct, frozen=True, kw_only=True):
    """A job as it stands, for whoever waits for it and for operators."""

    job: Annotated[str, Meta(description="Its name: `{case}.{turn}`.")]
    case_id: Annotated[str, Meta(description="The case.")]
    turn: Annotated[int, Meta(description="The turn whose end asked for it.")]
    queue: Annotated[Queue, Meta(description="The queue it waits in or came from.")]
    planned: Annotated[Strategy, Meta(description="The strategy that its complexity calls for.")]
    state: Annotated[JobState, Meta(description="Where it stands.")]
    attempts: Annotated[int, Meta(ge=0, description="How often a worker began with it.")]
    steps: Annotated[tuple[str, ...], Meta(description="Steps that are done and kept.")] = ()
    created_at: Annotated[int, Meta(description="Unix time in milliseconds.")]
    started_at: Annotated[int | None, Meta(description="When it was first begun.")] = None
    finished_at: Annotated[int | None, Meta(description="When it was over.")] = None
    not_before: Annotated[int | None, Meta(description="When it is tried again.")] = None
    error: Annotated[str | None, Meta(description="Why the last attempt failed.")] = None


class WorkerView(Struct, frozen=True, kw_only=True):
    """A living worker process."""

    name: Annotated[str, Meta(description="Host, process and a random part.")]
    slots: Annotated[
        Mapping[Queue, int], Meta(description="How many jobs it takes at once from each queue.")
    ]
    seen_at: Annotated[int, Meta(description="Unix time in milliseconds of its last sign of life.")]
    metrics: Annotated[
        str | None, Meta(description="Where it serves its metrics; null where it serves none.")
    ] = None


def job_id(case_id: str, turn: int) -> str:
    """Return the name of the job that a turn's end asked for."""
    return f"{case_id}.{turn}"


def parse_job_id(text: str) -> tuple[str, int] | None:
    """Return the case and the turn that a job is named after; None if it is no such name.

    >>> parse_job_id("c.3")
    ('c', 3)
    >>> parse_job_id("c3") is None
    True
    """
    case_id, dot, turn = text.rpartition(".")
    if not dot or not case_id or not (turn.isascii() and turn.isdigit() and len(turn) < 10):
        return None
    return case_id, int(turn)
