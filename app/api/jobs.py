"""Background analyses, for operators: look at them, let them begin anew, stop them."""

from typing import Annotated

from litestar import Controller, get, post
from litestar.params import PathParameter, QueryParameter

from app.api.parameters import PageSize
from app.api.problems import OPERATING, documented
from app.api.schema import JobList, WorkerList
from app.core.job_desk import JobDesk
from app.domain.job import JobState, JobView

JobPath = Annotated[
    str,
    PathParameter(
        description="A job's name: `{case}.{turn}`.", pattern=r"^[0-9a-f]{32}\.[0-9]{1,9}$"
    ),
]


class JobController(Controller):
    """What operators do with jobs."""

    tags = ("Operation",)

    @get(
        "/jobs",
        operation_id="list_jobs",
        summary="List background analyses",
        response_description="A page of them.",
        responses=documented(*OPERATING),
    )
    async def list_jobs(
        self,
        desk: JobDesk,
        job_state: Annotated[
            list[JobState] | None,
            QueryParameter(
                name="state",
                description="Only jobs in these states; may be repeated.",
                required=False,
            ),
        ] = None,
        limit: PageSize = 50,
        cursor: Annotated[
            str | None,
            QueryParameter(
                max_length=20, description="The `cursor` of an earlier page.", required=False
            ),
        ] = None,
    ) -> JobList:
        """List jobs, the latest created first. Dead ones wait for you: `?state=dead`."""
        page = await desk.list(states=job_state or (), limit=limit, cursor=cursor)
        return JobList(jobs=list(page.jobs), cursor=page.cursor)

    @get(
        "/jobs/{job:str}",
        operation_id="get_job",
        summary="Look at a job",
        response_description="The job as it stands.",
        responses=documented(*OPERATING),
    )
    async def show(self, desk: JobDesk, job: JobPath) -> JobView:
        """Return a job as it stands."""
        return await desk.show(job)

    @post(
        "/jobs/{job:str}/retry",
        operation_id="retry_job",
        status_code=200,
        summary="Let a job begin anew",
        response_description="The job as it stands now.",
        responses=documented(*OPERATING, 409),
    )
    async def retry(self, desk: JobDesk, job: JobPath) -> JobView:
        """Let a job that was given up or cancelled begin anew; kept steps are not paid again."""
        return await desk.retry(job)

    @post(
        "/jobs/{job:str}/cancel",
        operation_id="cancel_job",
        status_code=200,
        summary="Stop a job",
        response_description="The job as it stands now.",
        responses=documented(*OPERATING, 409),
    )
    async def cancel(self, desk: JobDesk, job: JobPath) -> JobView:
        """Stop a job wherever it is worked on; whoever waits for it is told."""
        return await desk.cancel(job)

    @get(
        "/workers",
        operation_id="list_workers",
        summary="See who works",
        response_description="The living workers.",
        responses=documented(*OPERATING),
    )
    async def workers(self, desk: JobDesk) -> WorkerList:
        """List the workers that gave a sign of life within 15 seconds, and what they serve."""
        return WorkerList(workers=list(await desk.workers()))
