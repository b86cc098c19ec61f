"""How experiments stand, for operators: as a worker computed it last."""

from typing import Annotated

from litestar import Controller, MediaType, Response, get
from litestar.params import PathParameter

from app.api.experiment_schema import ExperimentList, ExperimentReport
from app.api.problems import OPERATING, documented
from app.state.experiments import Experiments

KeyPath = Annotated[
    str, PathParameter(description="The experiment's tracking key.", max_length=100)
]
PAGE_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none';"
        " form-action 'none'; frame-ancestors 'self'; sandbox"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
}
"""The page has its style and pictures inside, and needs nothing else."""


class ExperimentController(Controller):
    """What operators read of experiments."""

    tags = ("Operation",)

    @get(
        "/operator/experiments",
        operation_id="list_experiments",
        summary="List experiments",
        response_description="Every declared experiment.",
        responses=documented(*OPERATING),
    )
    async def list_experiments(self, experiments: Experiments) -> ExperimentList:
        """List the experiments that are declared where the workers run, and how each stands."""
        return ExperimentList(experiments=await experiments.standings())

    @get(
        "/operator/experiments/{key:str}",
        operation_id="get_experiment",
        summary="Read an experiment's report",
        response_description="The report, as it was computed last.",
        responses=documented(*OPERATING, 409),
    )
    async def report(self, experiments: Experiments, key: KeyPath) -> Response[ExperimentReport]:
        """Return the whole report, as `triage experiment report --format json` has it."""
        body = await experiments.report(key)
        return Response(body, media_type=MediaType.JSON)  # type: ignore[arg-type]

    @get(
        "/operator/experiments/{key:str}/report",
        operation_id="read_report",
        summary="Read an experiment's report as a page",
        response_description="A page that needs nothing else: it can be kept, mailed and printed.",
        media_type=MediaType.HTML,
        responses=documented(*OPERATING, 409),
    )
    async def page(self, experiments: Experiments, key: KeyPath) -> Response[str]:
        """Return the same report as one page of HTML with its pictures inside."""
        body = await experiments.page(key)
        return Response(body, media_type=MediaType.HTML, headers=PAGE_HEADERS)
