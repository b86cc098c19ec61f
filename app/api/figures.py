"""How the installation stands as a whole, for operators."""

from litestar import Controller, get

from app.api.problems import OPERATING, documented
from app.domain.figures import Figures
from app.state.figures import FigureReader


class FigureController(Controller):
    """What `triage top` and dashboards of others show."""

    tags = ("Operation",)

    @get(
        "/operator/figures",
        operation_id="get_figures",
        summary="See how the installation stands",
        response_description="Its figures at this moment.",
        responses=documented(*OPERATING),
    )
    async def figures(self, figures: FigureReader) -> Figures:
        """Return cases, queues, workers, money and what was given up, as the storage has it."""
        return await figures.read()
