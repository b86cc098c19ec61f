"""Web Push: a browser asks to be told of a case, so that its page may be closed meanwhile."""

from typing import Annotated

from litestar import Controller, delete, get, post
from litestar.params import Body, QueryParameter

from app.api.parameters import CaseIdPath
from app.api.problems import READING, SUBSCRIBING, documented
from app.api.schema import PushKey, PushRequest, PushTaken
from app.core.intake import Intake
from app.core.push import Subscriptions

SubscriptionId = Annotated[
    str | None,
    QueryParameter(
        description="The subscription, as it was named; all of the case's if absent.",
        pattern="^[0-9a-f]{32}$",
        required=False,
    ),
]


class PushController(Controller):
    """Who is told of a case."""

    tags = ("Case",)

    @get(
        "/push/key",
        operation_id="get_key",
        response_description="The key.",
        summary="Get the key for Web Push",
        responses=documented(400, 404, 431),
    )
    async def key(self, subscriptions: Subscriptions) -> PushKey:
        """Return the key that a browser subscribes with; 404 where Web Push is not set up."""
        return PushKey(public_key=subscriptions.public_key())

    @post(
        "/cases/{case_id:str}/push",
        operation_id="subscribe_case",
        response_description="The browser will be told.",
        summary="Be told of a case by Web Push",
        responses=documented(*SUBSCRIBING),
    )
    async def subscribe(
        self,
        intake: Intake,
        subscriptions: Subscriptions,
        token: str,
        case_id: CaseIdPath,
        data: Annotated[PushRequest, Body(title="Push")],
    ) -> PushTaken:
        """Tell a browser of what happens to the case: ids and a kind, never what was said."""
        await intake.open(case_id, token)
        name = await subscriptions.subscribe(
            case_id, endpoint=data.endpoint, p256dh=data.keys.p256dh, auth=data.keys.auth
        )
        return PushTaken(subscription=name)

    @delete(
        "/cases/{case_id:str}/push",
        operation_id="unsubscribe_case",
        response_description="The browser will be told no more.",
        summary="Be told no more",
        responses=documented(*READING),
    )
    async def unsubscribe(
        self,
        intake: Intake,
        subscriptions: Subscriptions,
        token: str,
        case_id: CaseIdPath,
        subscription: SubscriptionId = None,
    ) -> None:
        """Forget one browser of the case, or all of them."""
        await intake.open(case_id, token)
        await subscriptions.unsubscribe(case_id, subscription)
