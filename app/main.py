"""The API's composition root: puts the rooms together and decides nothing."""

import asyncio
import os
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

import structlog
from litestar import Litestar, Router
from litestar.di import Provide
from litestar.types import ASGIApp
from msgspec import Struct

from app.api import problems
from app.api.access import AccessGuard, StreamCutter, unlisted
from app.api.addresses import Proxies
from app.api.application import Application
from app.api.audit import AuditController
from app.api.auditing import Witness, WitnessStand
from app.api.auth import bearer_token
from app.api.bodies import JsonRequest
from app.api.case_list import CaseListController
from app.api.cases import CaseController
from app.api.costs import CostController
from app.api.docs import openapi_config
from app.api.door import Door
from app.api.experiments import ExperimentController
from app.api.exports import ExportController
from app.api.figures import FigureController
from app.api.forms import FormController
from app.api.guard import RequestGuard
from app.api.handoffs import HandoffController
from app.api.health import HealthController
from app.api.jobs import JobController
from app.api.keys import KeyController, TokenController
from app.api.links import LinkController
from app.api.metrics import metrics_route
from app.api.opinions import RatingController, ReviewController
from app.api.overload import OverloadGuard
from app.api.page import operators_router, page_router
from app.api.push import PushController
from app.api.turns import TurnController
from app.core.access.desk import KeyDesk
from app.core.access.gate import Gate, Limits
from app.core.access.live import LiveKeys
from app.core.access.secret import hasher
from app.core.access.streams import OpenStreams
from app.core.accounting.meter import LedgerMeter
from app.core.accounting.monitoring import AIMonitoringService
from app.core.audit import Auditor
from app.core.case_desk import CaseDesk
from app.core.errands import Errands
from app.core.export import Exporter
from app.core.form_desk import FormDesk
from app.core.handoff_desk import HandoffDesk
from app.core.intake import Intake
from app.core.interview import Interviewer
from app.core.job_desk import JobDesk
from app.core.links import LinkDesk
from app.core.opening import OpeningDesk
from app.core.opinions import OpinionDesk
from app.core.privacy.masters import sealer
from app.core.privacy.watching import MasterWatch
from app.core.push import Subscriptions
from app.core.reading import Reader
from app.core.rules import Rules
from app.core.runner import TurnRunner
from app.core.telling import build_guard
from app.domain.access import Hasher, who_opens
from app.engine import build_engine, build_metrics, process_name
from app.llm.failover import FailoverModel
from app.notify.vapid import vapid_keys
from app.settings import Settings
from app.state.access import AccessBook, Admissions
from app.state.audit import AuditTrail
from app.state.conversations import ConversationStateManager
from app.state.experiments import Experiments
from app.state.figures import FigureReader
from app.state.follow import Follower
from app.state.job_board import JobBoard
from app.state.journal import Journal
from app.state.leases import LeaseKeeper
from app.state.ledger import Ledger
from app.state.links import Links
from app.state.openings import Openings
from app.state.opinions import Opinions
from app.state.outbox import Outbox
from app.state.store import Store
from app.state.timekeeping import Timekeeper
from app.state.workforce import Workforce
from app.telemetry.exposition import Exposition
from app.telemetry.metrics import Metrics
from app.telemetry.readers import Readers
from app.telemetry.tracing import Tracing, build_tracing
from plugins.flags.live import LiveFlags
from plugins.flags.plugin import FlagsConfig, FlagsPlugin
from plugins.queue import ArqQueue, queue_address

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
    forms: FormDesk
    queue: ArqQueue
    desk: JobDesk
    cases: CaseDesk
    handoffs: HandoffDesk
    subscriptions: Subscriptions
    exporter: Exporter
    links: LinkDesk
    opinions: OpinionDesk
    flags: LiveFlags
    model: FailoverModel | None
    meter: LedgerMeter
    monitoring: AIMonitoringService
    metrics: Metrics
    tracing: Tracing
    figures: FigureReader
    experiments: Experiments
    exposition: Exposition
    gate: Gate
    keys: KeyDesk
    access: AccessGuard
    witness: Witness
    readers: Readers
    masters: MasterWatch
    door: Door


def build_parts(settings: Settings, redis_url: str, rules: Mapping[str, Rules]) -> Parts:
    """Build an instance's parts."""
    owner = process_name()
    store = Store(redis_url, replicas=settings.replicas, sealer=sealer(settings, checked=False))
    figures = FigureReader(store)
    tracing = build_tracing(os.environ, "api", owner)
    metrics = build_metrics(settings, rules, "api", tracing)
    engine = build_engine(settings, rules, store, metrics, tracing)
    conversations = ConversationStateManager(store, owner, playbooks=engine.playbooks)
    journal = Journal(store)
    leases = LeaseKeeper(redis_url)
    follower = Follower(store, owner)
    queue = ArqQueue(queue_address(settings.queue_url, redis_url))
    workforce = Workforce(store)
    errands = Errands(workforce, queue)
    interviewer = Interviewer(
        rules,
        engine.analyst,
        engine.model,
        engine.names,
        pace_seconds=settings.pace_ms / 1_000,
        on_budget=metrics.budget_ran_out,
    )
    runner = TurnRunner(
        conversations,
        journal,
        leases,
        interviewer,
        errands,
        engine.playbooks,
        metrics=metrics,
        tracing=tracing,
        most=settings.turns,
    )
    reader = Reader(conversations, follower, runner, metrics=metrics)
    board = JobBoard(store)
    digests = hasher(settings)
    gate = _gate(settings, store, digests, owner)
    auditor = Auditor(AuditTrail(store), lambda: digests, on_failure=metrics.audit_failed)
    witness = Witness(auditor)
    flags = FlagsConfig.of(settings).build(store)
    intake = Intake(
        conversations,
        runner,
        reader,
        board,
        engine.playbooks,
        default_playbook=settings.playbook,
        assigner=flags.evaluator,
        digest=digests.case,
        openings=OpeningDesk(Openings(store), digests),
        metrics=metrics,
        tracing=tracing,
    )
    return Parts(
        store=store,
        journal=journal,
        leases=leases,
        follower=follower,
        runner=runner,
        reader=reader,
        intake=intake,
        forms=FormDesk(intake, conversations),
        queue=queue,
        desk=JobDesk(conversations, board, workforce, errands),
        cases=CaseDesk(store, engine.playbooks),
        handoffs=HandoffDesk(conversations, runner, reader, engine.playbooks),
        subscriptions=Subscriptions(Outbox(store), build_guard(settings), vapid_keys(settings)),
        exporter=Exporter(intake, board, Opinions(store), follower, Ledger(store), Outbox(store)),
        links=LinkDesk(conversations, Links(store), digest=digests.case),
        opinions=OpinionDesk(conversations, Opinions(store), engine.playbooks, digest=digests.case),
        flags=flags,
        model=engine.model,
        meter=engine.meter,
        monitoring=AIMonitoringService(store, engine.meter.catalogue, on_row=metrics.attempt),
        metrics=metrics,
        tracing=tracing,
        figures=figures,
        experiments=Experiments(store),
        exposition=Exposition(metrics, figures.read),
        gate=gate,
        keys=KeyDesk(AccessBook(store), digests),
        access=AccessGuard(
            gate,
            Proxies(settings.trusted_proxies),
            witness,
            open_intake=who_opens(settings.host, settings.open_intake),
        ),
        witness=witness,
        readers=Readers(find=gate.keys.find, everybody=settings.metrics_open),
        masters=MasterWatch(store, owner),
        door=Door(),
    )


def _gate(settings: Settings, store: Store, digests: Hasher, owner: str) -> Gate:
    admissions = Admissions(store)
    keys = LiveKeys(
        AccessBook(store),
        admissions,
        digests,
        OpenStreams(settings.streams),
        owner=owner,
        operator_token=settings.operator_token,
    )
    limits = Limits(
        case=settings.rate_case,
        key=settings.rate_key,
        address=settings.rate_address,
        case_streams=settings.streams_case,
        key_streams=settings.streams_key,
    )
    return Gate(keys, admissions, digests, limits, owner=owner)


def create_app(parts: Parts) -> Litestar:
    """Return the application around an instance's parts."""

    @asynccontextmanager
    async def running(_: Litestar) -> AsyncIterator[None]:
        timekeeper = Timekeeper(parts.store)
        await timekeeper.try_once()
        keeping = asyncio.create_task(timekeeper.run())
        await parts.masters.start()
        await parts.gate.keys.start()
        parts.journal.start()
        parts.follower.start()
        parts.leases.start()
        parts.runner.start()
        if parts.model is not None:
            parts.meter.warm()
        try:
            yield
        finally:
            await drain(parts)
            keeping.cancel()
            await parts.masters.close()
            await parts.gate.keys.close()
            await parts.journal.close()
            parts.leases.close()
            if parts.model is not None:
                await parts.model.aclose()
            await parts.queue.close()
            await parts.store.close()
            await asyncio.to_thread(parts.tracing.close)

    triage = Router(
        path=BASE_PATH,
        route_handlers=[
            TurnController,
            CaseController,
            FormController,
            ExportController,
            LinkController,
            RatingController,
            PushController,
        ],
        dependencies={
            "token": Provide(bearer_token, sync_to_thread=False),
            "subscriptions": Provide(lambda: parts.subscriptions, sync_to_thread=False),
            "exporter": Provide(lambda: parts.exporter, sync_to_thread=False),
            "links": Provide(lambda: parts.links, sync_to_thread=False),
            "witness": Provide(lambda: parts.witness, sync_to_thread=False),
        },
    )

    operating = Router(
        path=BASE_PATH,
        route_handlers=[
            JobController,
            KeyController,
            TokenController,
            AuditController,
            CaseListController,
            HandoffController,
            ReviewController,
            CostController,
            FigureController,
            ExperimentController,
        ],
        dependencies={
            "desk": Provide(lambda: parts.desk, sync_to_thread=False),
            "keys": Provide(lambda: parts.keys, sync_to_thread=False),
            "auditor": Provide(lambda: parts.witness.auditor, sync_to_thread=False),
            "cases": Provide(lambda: parts.cases, sync_to_thread=False),
            "handoffs": Provide(lambda: parts.handoffs, sync_to_thread=False),
            "monitoring": Provide(lambda: parts.monitoring, sync_to_thread=False),
            "figures": Provide(lambda: parts.figures, sync_to_thread=False),
            "experiments": Provide(lambda: parts.experiments, sync_to_thread=False),
        },
    )

    def guarded(app: ASGIApp) -> ASGIApp:
        return RequestGuard(app, parts.metrics.problem, parts.tracing.arrived)

    def unburdened(app: ASGIApp) -> ASGIApp:
        return OverloadGuard(
            app,
            lambda: parts.runner.working,
            lambda: parts.door.is_crowded,
            most=parts.runner.most,
            below=BASE_PATH,
            on_problem=parts.metrics.problem,
        )

    def cutting(app: ASGIApp) -> ASGIApp:
        return StreamCutter(app, parts.gate.streams)

    def witnessed(app: ASGIApp) -> ASGIApp:
        return WitnessStand(app, parts.witness)

    made = Application(
        route_handlers=[
            triage,
            operating,
            HealthController,
            metrics_route(parts.exposition, parts.readers),
            operators_router(),
            page_router(),
        ],
        dependencies={
            "intake": Provide(lambda: parts.intake, sync_to_thread=False),
            "forms": Provide(lambda: parts.forms, sync_to_thread=False),
            "opinions": Provide(lambda: parts.opinions, sync_to_thread=False),
            "reader": Provide(lambda: parts.reader, sync_to_thread=False),
            "runner": Provide(lambda: parts.runner, sync_to_thread=False),
            "store": Provide(lambda: parts.store, sync_to_thread=False),
        },
        lifespan=[running],
        guards=[parts.access],
        middleware=[guarded, unburdened, cutting, witnessed],
        plugins=[
            problems.plugin(parts.metrics.problem),
            FlagsPlugin(parts.flags, path=BASE_PATH),
        ],
        openapi_config=openapi_config(),
        request_class=JsonRequest,
        request_max_body_size=MAX_BODY_BYTES,
        logging_config=None,
    )
    if missing := ", ".join(unlisted(made)):
        raise LookupError(f"app/api/access.py does not say who may use: {missing}")
    return made


async def drain(parts: Parts) -> None:
    """Hand every turn over and let every reader go; may be repeated."""
    if not parts.runner.draining:
        structlog.get_logger(__name__).info("instance.draining")
    await parts.runner.drain()
    await parts.follower.close()
