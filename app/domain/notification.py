"""What the world outside is told of a case: ids and status, never what was said."""

from typing import Annotated, Literal

from msgspec import Meta, Struct

NotificationKind = Literal["analysis.completed", "analysis.failed", "handoff.requested"]


class Notification(
    Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="schema", tag="note/1"
):
    """Something that happened to a case, written in the same script that made it happen."""

    id: Annotated[str, Meta(description="Stable: a repetition carries the same one.")]
    kind: NotificationKind
    case_id: str
    turn: int
    at: Annotated[int, Meta(description="Unix time in milliseconds.")]


def notification_id(kind: NotificationKind, case_id: str, turn: int) -> str:
    """Return the stable id of what happened: one case, turn and kind happen once.

    >>> notification_id("analysis.completed", "c", 3)
    'msg_c_3_analysis.completed'
    """
    return f"msg_{case_id}_{turn}_{kind}"
