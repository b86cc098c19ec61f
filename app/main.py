"""The API's composition root: puts the rooms together and decides nothing."""

import os
import secrets
import socket
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

import structlog
from litestar import Litestar, Router
from litestar.di import Provide
from litestar.types import ASGIApp
from msgspec import Struct

from app.api import problems
from app.api.auth import bearer_token
from app.api.bodies import JsonRequest
from app.api.cases import CaseController
from app.api.docs import openapi_config
from app.api.guard import RequestGuard
from app.api.health import HealthController
from app.api.page import page_router
from app.api.turns import TurnController
from app.core.analyst import Analyst
from app.core.intake import Intake
from app.core.interview import CONVERSATIONAL, STRUCTURED, Interviewer
from app.core.playbooks import load_playbooks
from app.core.reading import Reader
from app.core.rules import Rules
from app.core.runner import TurnRunner
from app.domain.errors import InvalidInput
from app.domain.usage import Provider
from app.llm.factory import build_models, model_names
from app.llm.failover import FailoverModel
from app.settings import Settings
from app.state.conversations import ConversationStateManager
from app.state.follow import Follower
from app.state.journal import Journal
from app.state.leases import LeaseKeeper
from app.state.store import Store

BASE_PATH = "/api/v2/triage"
MAX_BODY_BYTES = 256 * 1024


class Parts(Struct, frozen=True, kw_only=True):
    """What an instance is made of."""

    store: Store
    journal: Journal
    leases: LeaseKeeper
    follower: Follower
    runner: TurnRunner
    reader: Reader
    intake: Intake
    model: FailoverModel | None


def load_rules(settings: Settings) -> dict[str, Rules]:
    """Read the playbooks and compile their rules, by id; a process needs them once.

    Raises:
        PlaybookInvalid: if any playbook has mistakes; a bad playbook never starts.
        InvalidInput: if the default playbook is none of them.
    """
    playbooks = load_playbooks(settings.playbooks)
    if settings.playbook not in playbooks:
        known = ", ".join(sorted(playbooks))
        raise InvalidInput(
            f"TRIAGE_PLAYBOOK: no playbook {settings.playbook!r}; there are: {known}"
        )
    return {name: Rules(playbook) for name, playbook in playbooks.items()}


def build_parts(settings: Settings, redis_url: str, rules: Mapping[str, Rules]) -> Parts:
    """Build an instance's parts."""
    playbooks = {name: compiled.playbook for name, compiled in rules.items()}
    models = build_models(settings)
    model = FailoverModel(models) if models else None

    def names(chosen: Mapping[Provider, str]) -> Mapping[Provider, str]:
        return model_names(settings, chosen)

    owner = f"{socket.gethostname()}-{os.getpid()}-{secrets.token_hex(4)}"
    store = Store(redis_url)
    conversations = ConversationStateManager(store, owner)
    journal = Journal(store)
    leases = LeaseKeeper(redis_url)
    follower = Follower(store, owner)
    interviewer = Interviewer(
        rules,
        Analyst(rules, model, names),
        model,
        names,
        pace_seconds=settings.pace_ms / 1_000,
    )
    runner = TurnRunner(conversations, journal, leases, interviewer, playbooks)
    reader = Reader(conversations, follower, runner)
    intake = Intake(
        conversations,
        runner,
        reader,
        playbooks,
        default_playbook=settings.playbook,
        variant=STRUCTURED if model is None else CONVERSATIONAL,
    )
    return Parts(
        store=store,
        journal=journal,
        leases=leases,
        follower=follower,
        runner=runner,
        reader=reader,
        intake=intake,
        model=model,
    )


def create_app(parts: Parts) -> Litestar:
    """Return the application around an instance's parts."""

    @asynccontextmanager
    async def running(_: Litestar) -> AsyncIterator[None]:
        parts.journal.start()
        parts.follower.start()
        parts.leases.start()
        parts.runner.start()
        try:
            yield
        finally:
            await drain(parts)
            await parts.journal.close()
            parts.leases.close()
            if parts.model is not None:
                await parts.model.aclose()
            await parts.store.close()

    triage = Router(
        path=BASE_PATH,
        route_handlers=[TurnController, CaseController],
        dependencies={"token": Provide(bearer_token, sync_to_thread=False)},
        security=[{"case_token": []}],
    )

    def guarded(app: ASGIApp) -> ASGIApp:
        return RequestGuard(app)

    return Litestar(
        route_handlers=[triage, HealthController, page_router()],
        dependencies={
            "intake": Provide(lambda: parts.intake, sync_to_thread=False),
            "reader": Provide(lambda: parts.reader, sync_to_thread=False),
            "runner": Provide(lambda: parts.runner, sync_to_thread=False),
            "store": Provide(lambda: parts.store, sync_to_thread=False),
        },
        lifespan=[running],
        middleware=[guarded],
        plugins=[problems.plugin()],
        openapi_config=openapi_config(),
        request_class=JsonRequest,
        request_max_body_size=MAX_BODY_BYTES,
        logging_config=None,
    )


async def drain(parts: Parts) -> None:
    """Hand every turn over and let every reader go; may be repeated."""
    if not parts.runner.draining:
        structlog.get_logger(__name__).info("instance.draining")
        await parts.runner.drain()
        await parts.follower.close()
