"""What travels when admins look after API keys, each field described."""

from typing import Annotated, Literal

from msgspec import Meta, Struct

from app.domain.access import KEY_ID, ApiKey, Scope

KeyId = Annotated[
    str, Meta(description="Names the key; no secret.", pattern=f"^{KEY_ID}$", max_length=12)
]


class KeyRequest(Struct, kw_only=True, forbid_unknown_fields=True):
    """A key to be made."""

    name: Annotated[
        str,
        Meta(
            description="Whose it is, for people.",
            min_length=1,
            max_length=80,
            examples=["Intake of the website"],
        ),
    ]
    scopes: Annotated[
        list[Scope],
        Meta(
            description="What it is good for: `intake` opens cases, `operator` works on them,"
            " `analyst` reads what is counted, `admin` sets.",
            min_length=1,
            max_length=4,
            examples=[["intake"]],
        ),
    ]
    days: Annotated[
        Annotated[int, Meta(ge=1, le=3_650)] | None,
        Meta(description="After how many days it expires; null is never."),
    ] = None


class RotateRequest(Struct, kw_only=True, forbid_unknown_fields=True):
    """For how long the token before may go on."""

    keep_seconds: Annotated[
        int,
        Meta(description="So long it stays good; 0 ends it at once.", ge=0, le=2_592_000),
    ] = 86_400


class KeyView(Struct, kw_only=True):
    """A key; its token is not kept."""

    id: KeyId
    name: Annotated[str, Meta(description="Whose it is.")]
    scopes: Annotated[list[Scope], Meta(description="What it is good for.")]
    state: Annotated[
        Literal["active", "expired", "revoked"], Meta(description="Whether it is good still.")
    ]
    created_at: Annotated[int, Meta(description="Unix time in milliseconds.")]
    expires_at: Annotated[int | None, Meta(description="The same; null is never.")]
    revoked_at: Annotated[int | None, Meta(description="The same; null where it was not.")]
    earlier_until: Annotated[
        int | None, Meta(description="Until when the token before the last rotation is good.")
    ]


class KeyIssued(Struct, kw_only=True):
    """A key with its token."""

    key: Annotated[KeyView, Meta(description="The key.")]
    token: Annotated[str, Meta(description="Shown only here: `tk_…`.")]


class KeyList(Struct, kw_only=True):
    """All keys."""

    keys: Annotated[list[KeyView], Meta(description="The oldest first.")]


def key_view(key: ApiKey, now_ms: int) -> KeyView:
    """Return how a key looks from outside."""
    earlier = [one.until for one in key.secrets if one.until is not None and one.until > now_ms]
    return KeyView(
        id=key.id,
        name=key.name,
        scopes=list(key.scopes),
        state=key.state(now_ms),
        created_at=key.created_at,
        expires_at=key.expires_at,
        revoked_at=key.revoked_at,
        earlier_until=max(earlier, default=None),
    )
