"""What `triage doctor` says of one thing that it looked at."""

from typing import Literal

from msgspec import Struct


class Finding(Struct, frozen=True, kw_only=True):
    """One thing that was looked at."""

    topic: str
    status: Literal["ok", "warn", "bad"]
    text: str
    mend: str = ""
    """What to do about it."""
