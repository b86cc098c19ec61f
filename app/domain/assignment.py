"""Who is in which experiment: the value that is kept with a case and told with its events."""

import hashlib

from msgspec import Struct

CONVERSATIONAL = "v2"
"""The conversational interview: one question at a time, by a model or by the guided interviewer."""
STRUCTURED = "v1"
"""The structured intake: a short form, then the keyword router."""
VARIANTS = (STRUCTURED, CONVERSATIONAL)


class Assignment(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The variation that somebody was given in an experiment, before they have seen any of it."""

    experiment: str
    """The experiment's key."""
    variation: str
    """The variation's `meta.key`; what a warehouse knows as `variation_id`."""
    person: str
    """The unit that was randomised: `person_key` of whoever opened the case."""
    flags: str
    """The hash of the flags by which it was decided."""


def person_key(user_ref: str) -> str:
    """Return the name under which assignments and events know a person; not the person's own.

    >>> person_key("ana@example.org")
    '1c87480c1de4ccdbec691c125d49b159'
    """
    return hashlib.sha256(b"triage person\0" + user_ref.encode()).hexdigest()[:32]
