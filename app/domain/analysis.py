"""The result of a triage: what kind of problem it is, how urgent, why, and what to do next."""

from typing import Annotated, Literal

from msgspec import Meta, Struct

from app.domain import playbook
from app.domain.assessment import Candidate
from app.domain.playbook import UrgencyLevel

Strategy = playbook.Strategy


class Classification(Struct, frozen=True, kw_only=True):
    """Where the case belongs in the playbook's closed taxonomy."""

    code: Annotated[str | None, Meta(description="Sub-area code; null where the system abstains.")]
    area: Annotated[str | None, Meta(description="Label of the area, in the case's locale.")]
    subarea: Annotated[str | None, Meta(description="Label of the sub-area, in the case's locale.")]
    top: Annotated[
        tuple[Candidate, ...], Meta(description="The most likely codes with calibrated confidence.")
    ]
    abstained: Annotated[
        bool, Meta(description="True where no code is likely enough; a human should classify.")
    ]


class Urgency(Struct, frozen=True, kw_only=True):
    """How soon something must happen."""

    level: Annotated[UrgencyLevel, Meta(description="low, medium, high or critical.")]
    reason: Annotated[str, Meta(description="Why, in plain words.")]
    deadline: Annotated[str | None, Meta(description="The time limit that runs, if one does.")]
    immediate_actions: Annotated[tuple[str, ...], Meta(description="What to do at once.")]


class Fact(Struct, frozen=True, kw_only=True):
    """Something the person said, with the message it rests on."""

    name: Annotated[str, Meta(description="Slot name, or `statement` for a free fact.")]
    label: Annotated[str, Meta(description="What it is, in the case's locale.")]
    value: Annotated[str, Meta(description="What was said.")]
    turn: Annotated[int, Meta(description="The turn whose message it rests on.")]


class Party(Struct, frozen=True, kw_only=True):
    """Somebody involved."""

    role: Annotated[str, Meta(description="Such as the person, employer, landlord.")]
    name: Annotated[str, Meta(description="As the person named them.")]


class ChronologyEntry(Struct, frozen=True, kw_only=True):
    """Something that happened at a time the person gave."""

    when: Annotated[str, Meta(description="Date or time expression.")]
    what: Annotated[str, Meta(description="What happened.")]
    turn: Annotated[int, Meta(description="The turn whose message it rests on.")]


class Documents(Struct, frozen=True, kw_only=True):
    """Papers: those the person mentioned and those that will be needed."""

    mentioned: Annotated[tuple[str, ...], Meta(description="Mentioned by the person.")]
    needed: Annotated[tuple[str, ...], Meta(description="To bring or to obtain.")]


class Viability(Struct, frozen=True, kw_only=True):
    """A first look at how well the matter stands."""

    level: Annotated[
        Literal["low", "medium", "high", "unknown"],
        Meta(description="unknown where nobody has looked; rules alone never guess it."),
    ]
    strengths: Annotated[tuple[str, ...], Meta(description="What speaks for the person.")]
    weaknesses: Annotated[tuple[str, ...], Meta(description="What speaks against, or is missing.")]
    rationale: Annotated[str, Meta(description="Why.")]


class Summary(Struct, frozen=True, kw_only=True):
    """The case retold twice."""

    plain: Annotated[str, Meta(description="For the person.")]
    professional: Annotated[str, Meta(description="For whoever takes the case.")]


class Provenance(Struct, frozen=True, kw_only=True):
    """How the result came about."""

    strategy: Annotated[Strategy, Meta(description="The strategy that produced the result.")]
    planned: Annotated[Strategy, Meta(description="The strategy this complexity calls for.")]
    degradations: Annotated[
        tuple[str, ...], Meta(description="What was done with less than planned, and why.")
    ]
    models: Annotated[tuple[str, ...], Meta(description="Models that took part; none if guided.")]
    prompt: Annotated[
        str | None, Meta(description="Version of the analysis's prompt; null if guided.")
    ]
    playbook: Annotated[str, Meta(description="Playbook id and version.")]
    cost_nano_usd: Annotated[
        int | None, Meta(description="Integer nano-USD; null where a price is not known.")
    ]
    duration_ms: Annotated[float, Meta(ge=0, description="Time the analysis took.")]
    cached: Annotated[bool, Meta(description="Whether a stored analysis was reused.")]
    prompts: Annotated[
        tuple[str, ...], Meta(description="Versions of all prompts that took part.")
    ] = ()
    differences: Annotated[
        tuple[str, ...],
        Meta(description="Where the two models of an ensemble differed, and what each said."),
    ] = ()
    justification: Annotated[
        str | None, Meta(description="Why the judge decided as it did, where models differed.")
    ] = None


class Analysis(Struct, frozen=True, kw_only=True, tag_field="schema", tag="analysis/1"):
    """A result. The tag carries the schema version."""

    classification: Classification
    nature: Annotated[str | None, Meta(description="General nature of the matter.")]
    urgency: Urgency
    complexity: Annotated[Literal["low", "medium", "high"], Meta(description="As assessed.")]
    red_flags: Annotated[tuple[str, ...], Meta(description="Codes of the red flags raised.")]
    needs_human: Annotated[bool, Meta(description="A person should look at this case.")]
    parties: Annotated[tuple[Party, ...], Meta(description="Who is involved.")]
    facts: Annotated[tuple[Fact, ...], Meta(description="What is known, with its source.")]
    chronology: Annotated[tuple[ChronologyEntry, ...], Meta(description="In the order told.")]
    requests: Annotated[tuple[str, ...], Meta(description="What the person wants.")]
    documents: Documents
    viability: Viability
    next_steps: Annotated[tuple[str, ...], Meta(description="What to do next, in order.")]
    warnings: Annotated[tuple[str, ...], Meta(description="What to beware of.")]
    summary: Summary
    provenance: Provenance
    created_at: Annotated[int, Meta(description="Unix time in milliseconds.")]
