"""What travels when admins look at the audit trail, each field described."""

from typing import Annotated, Literal

from msgspec import Meta, Struct

from app.core.audit import AuditPage, Verified
from app.domain.audit import AuditEntry, Outcome

MARK = r"^\d{1,15}:[0-9a-f]{64}$"
MarkText = Annotated[
    str, Meta(description="An entry's number and its hash: `N:HASH`.", pattern=MARK)
]


class AuditRow(Struct, kw_only=True):
    """One act. It says nothing in anybody's words, and names nobody."""

    n: Annotated[int, Meta(description="Its number; none is left out.", ge=1)]
    at: Annotated[int, Meta(description="When: Unix time in milliseconds.")]
    actor: Annotated[
        str,
        Meta(
            description="`key:` with an API key's id, `case token`, `link`, `terminal`, `worker`"
            " or `system`.",
            examples=["key:0123456789ab"],
        ),
    ]
    action: Annotated[str, Meta(description="What was done.", examples=["case.read"])]
    object: Annotated[
        str,
        Meta(
            description="To what; of a case, a digest that only its id leads to. May be empty.",
            examples=["case:0f8e7d6c5b4a39281706f5e4d3c2b1a0"],
        ),
    ]
    outcome: Annotated[
        Outcome,
        Meta(
            description="`allowed`: written before the act. `failed`: the act of the entry `of` did"
            " not happen. `done`: written after it."
        ),
    ]
    of: Annotated[int | None, Meta(description="With `failed`: the number of that entry.")]


class AuditList(Struct, kw_only=True):
    """Some entries."""

    entries: Annotated[list[AuditRow], Meta(description="The latest first.")]
    cursor: Annotated[
        str | None,
        Meta(description="Names the next page; null where there is none. A page may be short."),
    ]


class AuditBreak(Struct, kw_only=True):
    """Where the chain does not hold."""

    n: Annotated[int, Meta(description="The first entry that is not as it was written.")]
    kind: Annotated[
        Literal["changed", "removed", "inserted", "truncated"],
        Meta(description="What seems to have been done."),
    ]
    reason: Annotated[str, Meta(description="The same, in words.")]


class AuditVerdict(Struct, kw_only=True):
    """Whether the whole chain holds."""

    holds: Annotated[bool, Meta(description="Every entry that is left is as it was written.")]
    entries: Annotated[int, Meta(description="How many entries hold, from the oldest on.")]
    after: Annotated[
        MarkText, Meta(description="The last entry that was trimmed; number 0 where none was.")
    ]
    head: Annotated[
        MarkText,
        Meta(description="The last entry that holds. Note it down elsewhere, to check it later."),
    ]
    broken: Annotated[AuditBreak | None, Meta(description="Where it does not hold, if anywhere.")]


def audit_list(page: AuditPage) -> AuditList:
    """Return how a page looks from outside."""
    cursor = None if page.before is None else str(page.before)
    return AuditList(entries=[audit_row(one) for one in page.entries], cursor=cursor)


def audit_row(entry: AuditEntry) -> AuditRow:
    """Return how an entry looks from outside."""
    return AuditRow(
        n=entry.n,
        at=entry.at,
        actor=entry.actor,
        action=entry.action,
        object=entry.object,
        outcome=entry.outcome,
        of=entry.of,
    )


def audit_verdict(found: Verified) -> AuditVerdict:
    """Return how what was found looks from outside."""
    broken = found.broken
    return AuditVerdict(
        holds=broken is None,
        entries=found.entries,
        after=str(found.anchor),
        head=str(found.head),
        broken=None
        if broken is None
        else AuditBreak(n=broken.n, kind=broken.kind, reason=broken.reason),
    )
