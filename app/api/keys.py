"""API keys and tokens of cases, for those who look after them: make, rotate, revoke."""

from typing import Annotated, Any

from litestar import Controller, Request, get, post
from litestar.params import Body, PathParameter

from app.api.auditing import name_object
from app.api.key_schema import KeyIssued, KeyList, KeyRequest, KeyView, RotateRequest, key_view
from app.api.parameters import CaseIdPath
from app.api.problems import OPERATING, documented
from app.core.access.desk import IssuedKey, KeyDesk
from app.domain.access import KEY_ID
from app.domain.clock import now_ms

KeyPath = Annotated[str, PathParameter(description="The key's id.", pattern=f"^{KEY_ID}$")]


class KeyController(Controller):
    """What admins do with keys."""

    path = "/operator/keys"
    tags = ("Operation",)

    @get(
        operation_id="list_keys",
        summary="List API keys",
        response_description="All keys, also those that are good for nothing any more.",
        responses=documented(*OPERATING),
    )
    async def list_keys(self, keys: KeyDesk) -> KeyList:
        """List keys; `TRIAGE_OPERATOR_TOKEN` is a setting and none of them."""
        now = now_ms()
        return KeyList(keys=[key_view(one, now) for one in await keys.all()])

    @post(
        operation_id="create_key",
        summary="Make an API key",
        response_description="The key, with its token.",
        responses=documented(*OPERATING, 413, 415),
    )
    async def create(
        self,
        keys: KeyDesk,
        request: Request[Any, Any, Any],
        data: Annotated[KeyRequest, Body(title="Key")],
    ) -> KeyIssued:
        """Make a key and return its token, which is shown only here."""
        made = await keys.create(data.name, data.scopes, days=data.days)
        name_object(request, f"key:{made.key.id}")
        return _issued(made)

    @post(
        "/{key_id:str}/rotate",
        operation_id="rotate_key",
        status_code=200,
        summary="Rotate an API key",
        response_description="The key, with its new token.",
        responses=documented(*OPERATING, 409, 413, 415),
    )
    async def rotate(
        self,
        keys: KeyDesk,
        key_id: KeyPath,
        data: Annotated[RotateRequest, Body(title="Rotation")],
    ) -> KeyIssued:
        """Give a key another token; the one before stays good for the time that is stated.

        A key that was revoked or has expired is 409, `key-conflict`.
        """
        return _issued(await keys.rotate(key_id, keep_seconds=data.keep_seconds))

    @post(
        "/{key_id:str}/revoke",
        operation_id="revoke_key",
        status_code=200,
        summary="Revoke an API key",
        response_description="The key, good for nothing any more.",
        responses=documented(*OPERATING),
    )
    async def revoke(self, keys: KeyDesk, key_id: KeyPath) -> KeyView:
        """Refuse a key everywhere within a second, and close its open streams. May be repeated."""
        return key_view(await keys.revoke(key_id), now_ms())


class TokenController(Controller):
    """What operators do with a case's token."""

    tags = ("Operation",)

    @post(
        "/operator/cases/{case_id:str}/revoke-token",
        operation_id="revoke_token",
        status_code=204,
        summary="Revoke a case's token",
        response_description="The token opens nothing any more.",
        responses=documented(*OPERATING),
    )
    async def revoke(self, keys: KeyDesk, case_id: CaseIdPath) -> None:
        """Shut a case against whoever holds its token, and close its streams within a second.

        The case stays for operators. There is no other token: the person opens a new case, or
        somebody reaches them otherwise. May be repeated.
        """
        await keys.revoke_case(case_id)


def _issued(made: IssuedKey) -> KeyIssued:
    return KeyIssued(key=key_view(made.key, now_ms()), token=made.token)
