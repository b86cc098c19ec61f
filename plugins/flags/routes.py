"""What operators see of the flags, and where GrowthBook says that they have changed."""

from typing import Annotated, Any

import msgspec
from litestar import Controller, Request, Router, get, post
from litestar.params import Body, HeaderParameter
from litestar.types import Guard

from app.api.flags_schema import (
    CountsView,
    ExperimentView,
    FeatureView,
    FlagsTaken,
    FlagsView,
    GrowthBookHook,
    VariationView,
)
from app.api.problems import OPERATING, documented
from app.domain.errors import WebhookRefused
from plugins.flags.evaluation import Counts
from plugins.flags.live import LiveFlags
from plugins.flags.payload import MOST_BYTES
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


def features_of(content: dict[str, Any]) -> list[FeatureView]:
    """Return what a payload's features are, for people to read."""
    return [
        FeatureView(
            key=key,
            default=msgspec.json.encode(feature.get("defaultValue")).decode(),
            rules=len(feature.get("rules") or []),
            experiments=[
                _experiment(key, rule) for rule in feature.get("rules") or [] if _runs(rule)
            ],
        )
        for key, feature in sorted(content.get("features", {}).items())
    ]


def _runs(rule: object) -> bool:
    return isinstance(rule, dict) and isinstance(rule.get("variations"), list)


def _experiment(feature: str, rule: dict[str, Any]) -> ExperimentView:
    variations, weights = rule["variations"], rule.get("weights") or []
    metas = rule.get("meta") or []

    def said(index: int, name: str, otherwise: str) -> str:
        meta = metas[index] if index < len(metas) and isinstance(metas[index], dict) else {}
        return str(meta.get(name) or otherwise)

    return ExperimentView(
        key=str(rule.get("key") or feature),
        name=str(rule.get("name") or rule.get("key") or feature),
        coverage=float(rule.get("coverage", 1.0)),
        hash_attribute=str(rule.get("hashAttribute") or "id"),
        variations=[
            VariationView(
                key=said(index, "key", str(index)),
                name=said(index, "name", str(value)),
                weight=float(weights[index]) if index < len(weights) else None,
            )
            for index, value in enumerate(variations)
        ],
    )


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


def flags_routers(base: str, operator: Guard) -> list[Router]:
    """Return the routes: one for operators, one for GrowthBook."""
    return [
        Router(
            path=base,
            route_handlers=[FlagsController],
            guards=[operator],
            security=[{"operator_token": []}],
        ),
        Router(path=base, route_handlers=[GrowthBookController]),
    ]
