"""Links to another device: make a code here, open it there."""

from typing import Annotated, Any

from litestar import Controller, Request, post
from litestar.params import Body

from app.api.auditing import Witness, name_object
from app.api.link_schema import LinkMade, LinkOpened, LinkRequest
from app.api.parameters import CaseIdPath, IdempotencyKey, required_key
from app.api.problems import READING, documented
from app.core.links import LinkDesk


class LinkController(Controller):
    """A case on another device."""

    tags = ("Case",)

    @post(
        "/cases/{case_id:str}/links",
        operation_id="make_link",
        response_description="The code, shown only here.",
        summary="Make a link to another device",
        responses=documented(*READING),
    )
    async def make(self, links: LinkDesk, token: str, case_id: CaseIdPath) -> LinkMade:
        """Return a code that opens the case elsewhere: once, and within ten minutes."""
        link = await links.make(case_id, token)
        return LinkMade(code=link.code, expires_at=link.expires_at)

    @post(
        "/open-link",
        operation_id="open_link",
        status_code=200,
        response_description="The case, with its token.",
        summary="Open a link from another device",
        responses=documented(400, 404, 413, 415, 429, 431, 503),
    )
    async def open(
        self,
        links: LinkDesk,
        witness: Witness,
        request: Request[Any, Any, Any],
        data: Annotated[LinkRequest, Body(title="Link")],
        idempotency_key: IdempotencyKey = None,
    ) -> LinkOpened:
        """Exchange a code for its case's token. It is worth nothing afterwards.

        Only the same attempt, by its Idempotency-Key, is answered again for a minute: for whoever
        lost the answer on the way. A code that is wrong, was used before or is too old is 404,
        `link-not-found`.
        """
        opened = await links.open(data.code, attempt=required_key(idempotency_key))
        name_object(request, witness.auditor.case(opened.case_id))
        return LinkOpened(case_id=opened.case_id, case_token=opened.token)
