"""Bodies of links to another device."""

from typing import Annotated

from msgspec import Meta, Struct

from app.api.schema import CaseId


class LinkMade(Struct, kw_only=True):
    """A code that opens the case on another device."""

    code: Annotated[
        str, Meta(description="Put it behind the `#` of an address: that is sent to no server.")
    ]
    expires_at: Annotated[int, Meta(description="Unix time in milliseconds; ten minutes ahead.")]


class LinkRequest(Struct, kw_only=True, forbid_unknown_fields=True):
    """Opens a link."""

    code: Annotated[
        str,
        Meta(
            description="As it was made.",
            min_length=1,
            max_length=100,
            examples=["Zm9yIGV4YW1wbGUgb25seQ"],
        ),
    ]


class LinkOpened(Struct, kw_only=True):
    """The case of a link."""

    case_id: CaseId
    case_token: Annotated[
        str, Meta(description="The case's credential, the same that `/start` returned.")
    ]
