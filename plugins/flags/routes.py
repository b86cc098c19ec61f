"""What operators see of the flags, and where GrowthBook says that they have changed."""

from typing import Annotated, Any

import msgspec
from litestar import Controller, Request, Router, get, post
from litestar.params import Body, HeaderParameter

from app.api.flags_schema import (
    CountsView,
    FlagsTaken,
    FlagsView,
    GrowthBookHook,
)
from app.api.problems import OPERATING, documented
from app.domain.errors import WebhookRefused
from plugins.flags.evaluation import Counts
from plugins.flags.live import LiveFlags
from plugins.flags.payload import MOST_BYTES
from plugins.flags.views import features_of
from plugins.flags.webhook import Signed

WebhookId = Annotated[
    str | None,
    HeaderParameter(
        name="webhook-id", description="The webhook's id, new for each.", required=False
    ),
]
WebhookTime = Annotated[
    str | None,
    HeaderParameter(
        name="webhook-timestamp", description="When it was sent: Unix seconds.", required=False
    ),
]
WebhookSignature = Annotated[
    str | None,
    HeaderParameter(
        name="webhook-signature",
        description="`v1,` and the base64 of the HMAC-SHA256 of `{id}.{timestamp}.{body}`.",
        required=False,
    ),
]


class FlagsController(Controller):
    """The flags, for operators."""

    tags = ("Operation",)

    @get(
        "/flags",
        operation_id="get_flags",
        summary="See the flags that are live",
        response_description="The flags of this instance.",
        responses=documented(*OPERATING),
    )
    async def show(self, flags: LiveFlags) -> FlagsView:
        """Return the flags that are live in this instance, and what it has decided by them."""
        payload, counts = flags.evaluator.payload, flags.evaluator.counts
        return FlagsView(
            hash=payload.hash,
            source=flags.source,
            at=flags.at,
            updated=payload.updated,
            features=features_of(payload.content),
            counts=_counts(counts),
        )


class GrowthBookController(Controller):
    """Where GrowthBook says that flags have changed."""

    tags = ("Operation",)

    @post(
        "/webhooks/growthbook",
        operation_id="receive_growthbook",
        status_code=200,
        summary="Take GrowthBook's webhook",
        response_description="The flags were taken; every instance goes by them within a second.",
        responses=documented(400, 401, 413, 415, 422, 431, 503),
        request_max_body_size=2 * MOST_BYTES,
    )
    async def receive(
        self,
        flags: LiveFlags,
        request: Request[Any, Any, Any],
        data: Annotated[GrowthBookHook, Body(title="GrowthBook's webhook")],
        webhook_id: WebhookId = None,
        webhook_timestamp: WebhookTime = None,
        webhook_signature: WebhookSignature = None,
    ) -> FlagsTaken:
        """Take the flags that GrowthBook sends when they change, signed with its `wk_…` secret."""
        try:
            signed = msgspec.convert(
                {
                    "webhook-id": webhook_id,
                    "webhook-timestamp": webhook_timestamp,
                    "webhook-signature": webhook_signature,
                },
                Signed,
            )
        except msgspec.ValidationError:
            raise WebhookRefused("its webhook-… headers are missing or malformed") from None
        payload = await flags.receive(signed, await request.body(), data.data.payload.encode())
        return FlagsTaken(hash=payload.hash)


def _counts(counts: Counts) -> CountsView:
    return CountsView(
        assigned=counts.assigned,
        outside=counts.outside,
        nameless=counts.nameless,
        unusable=counts.unusable,
    )


def flags_router(base: str) -> Router:
    """Return the routes: one for admins, one for GrowthBook."""
    return Router(path=base, route_handlers=[FlagsController, GrowthBookController])
