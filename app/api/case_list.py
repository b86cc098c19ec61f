"""Looking for cases, for operators: by what they are like, and those that wait for a reviewer."""

from typing import Annotated, Literal

from litestar import Controller, get
from litestar.params import QueryParameter
from litestar.response import Stream

from app.api.case_list_schema import CaseList, Needs, PlaybookList, ReviewCounts, ReviewQueue
from app.api.case_list_views import case_row, playbook_view
from app.api.cases import CASE_STREAM
from app.api.parameters import (
    After,
    CaseCursor,
    CaseIdPath,
    LastEventId,
    PageSize,
    place_of,
)
from app.api.problems import OPERATING, documented
from app.api.turns import stream
from app.core.case_desk import CaseDesk
from app.core.handoff import LONGEST_NAME
from app.core.handoff_desk import HandoffDesk
from app.core.reading import Reader
from app.domain.opinion import ReviewState
from app.domain.playbook import UrgencyLevel
from app.state.case_index import CaseFilter

_CODE = r"^[a-z][a-z0-9_]{0,39}(\.[a-z][a-z0-9_]{0,39})?$"
_NAME = r"^[a-z][a-z0-9_]{0,39}$"
_STATE_OF: dict[Needs, ReviewState] = {"first": "none", "second": "one", "settling": "disputed"}

Code = Annotated[
    str | None,
    QueryParameter(
        description="Only results of this area, or sub-area.", pattern=_CODE, required=False
    ),
]
PlaybookId = Annotated[
    str | None,
    QueryParameter(description="Only this playbook's.", pattern=_NAME, required=False),
]
CaseLocale = Annotated[
    str | None,
    QueryParameter(
        description="Only cases in this locale.", pattern="^[a-z]{2}(-[A-Z]{2})?$", required=False
    ),
]


class CaseListController(Controller):
    """How operators find cases."""

    tags = ("Operation",)

    @get(
        "/operator/cases",
        operation_id="list_cases",
        summary="Find cases",
        response_description="A page of them.",
        responses=documented(*OPERATING),
    )
    async def list_cases(
        self,
        cases: CaseDesk,
        case_status: Annotated[
            Literal["active", "completed"] | None,
            QueryParameter(name="status", description="Only those that stand so.", required=False),
        ] = None,
        urgency: Annotated[
            UrgencyLevel | None,
            QueryParameter(description="Only results of this urgency.", required=False),
        ] = None,
        code: Code = None,
        playbook: PlaybookId = None,
        locale: CaseLocale = None,
        variant: Annotated[
            Literal["v1", "v2"] | None,
            QueryParameter(description="Only those that this product serves.", required=False),
        ] = None,
        red_flag: Annotated[
            str | None,
            QueryParameter(
                description="Only those in which it was raised.", pattern=_NAME, required=False
            ),
        ] = None,
        needs_human: Annotated[
            bool | None,
            QueryParameter(description="Only those that need one, or do not.", required=False),
        ] = None,
        since: Annotated[
            int | None,
            QueryParameter(
                description="Only those opened since: Unix time in milliseconds.",
                ge=1,
                le=10**15,
                required=False,
            ),
        ] = None,
        limit: PageSize = 50,
        cursor: CaseCursor = None,
    ) -> CaseList:
        """List cases in which something was said, the latest opened first.

        `urgency`, `code`, `red_flag` and `needs_human=true` have an index each; every other filter
        is looked at case by case, at most a thousand of them for one page.
        """
        wanted = CaseFilter(
            status=case_status,
            urgency=urgency,
            code=code,
            playbook=playbook,
            locale=locale,
            variant=variant,
            red_flag=red_flag,
            needs_human=needs_human,
            since_ms=since,
        )
        page = await cases.list(wanted, limit=limit, cursor=cursor)
        return CaseList(cases=[case_row(one) for one in page.cases], cursor=page.cursor)

    @get(
        "/operator/reviews",
        operation_id="list_queue",
        summary="Find cases to review",
        response_description="A page of them, and how many wait.",
        responses=documented(*OPERATING),
    )
    async def queue(
        self,
        cases: CaseDesk,
        needs: Annotated[
            Needs,
            QueryParameter(
                description="`first`: nobody has reviewed it; `second`: one reviewer has;"
                " `settling`: reviewers differ."
            ),
        ] = "first",
        reviewer: Annotated[
            str | None,
            QueryParameter(
                description="Who asks: what they have reviewed is left out, unless it is to be"
                " settled.",
                min_length=1,
                max_length=LONGEST_NAME,
                required=False,
            ),
        ] = None,
        code: Code = None,
        playbook: PlaybookId = None,
        locale: CaseLocale = None,
        limit: PageSize = 50,
        cursor: CaseCursor = None,
    ) -> ReviewQueue:
        """List cases with a result that wait for a reviewer, the latest opened first.

        It says nothing of what the first reviewer said, so that the second cannot follow it.
        """
        wanted = CaseFilter(
            reviews=_STATE_OF[needs],
            unseen_by=None if needs == "settling" or reviewer is None else reviewer.strip(),
            code=code,
            playbook=playbook,
            locale=locale,
        )
        page = await cases.list(wanted, limit=limit, cursor=cursor)
        counts = await cases.waiting()
        return ReviewQueue(
            cases=[case_row(one) for one in page.cases],
            cursor=page.cursor,
            waiting=ReviewCounts(
                first=counts["none"], second=counts["one"], settling=counts["disputed"]
            ),
        )

    @get(
        "/operator/playbooks",
        operation_id="list_playbooks",
        summary="See what cases can be",
        response_description="The playbooks of this instance.",
        responses=documented(*OPERATING),
    )
    async def playbooks(self, cases: CaseDesk) -> PlaybookList:
        """Return areas, red flags and locales of each playbook, to choose from and to name."""
        return PlaybookList(playbooks=[playbook_view(one) for one in cases.playbooks.values()])

    @get(
        "/operator/cases/{case_id:str}/events",
        operation_id="watch_case",
        summary="Follow a case as an operator",
        responses={200: CASE_STREAM, **documented(*OPERATING)},
    )
    async def events(
        self,
        handoffs: HandoffDesk,
        reader: Reader,
        case_id: CaseIdPath,
        last_event_id: LastEventId = None,
        after: After = None,
    ) -> Stream:
        """Stream the case's own life, as its person can see it."""
        place = max(place_of(last_event_id), place_of(after))
        await handoffs.open(case_id)
        return stream(reader.case(case_id, place))
