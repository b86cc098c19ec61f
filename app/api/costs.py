"""What AI costs, for operators: sums, the rows of a case, and budgets."""

from datetime import UTC, date, datetime, timedelta
from typing import Annotated, get_args

import msgspec
from litestar import Controller, delete, get, put
from litestar.params import Body, PathParameter, QueryParameter

from app.api.cost_schema import (
    BudgetLimit,
    BudgetList,
    BudgetView,
    CallRow,
    CaseCosts,
    CostGroup,
    CostReport,
)
from app.api.parameters import CaseIdPath
from app.api.problems import OPERATING, documented
from app.core.accounting.money import nano_usd, usd
from app.core.accounting.monitoring import AIMonitoringService
from app.domain.errors import InvalidInput
from app.domain.ledger import Dimension, Period, Scope
from app.domain.usage import Operation, Provider

ScopePath = Annotated[
    str,
    PathParameter(
        description="`global`, `operation:` with an operation, or `arm:` with an experiment's key,"
        " a colon and its variation.",
        max_length=200,
    ),
]
PeriodPath = Annotated[Period, PathParameter(description="By the calendar in UTC.")]
_LONGEST = timedelta(days=400)


class CostController(Controller):
    """What operators do with costs."""

    tags = ("Operation",)

    @get(
        "/operator/costs",
        operation_id="list_costs",
        summary="See what AI costs",
        response_description="The sums.",
        responses=documented(*OPERATING),
    )
    async def costs(
        self,
        monitoring: AIMonitoringService,
        since: Annotated[
            date | None,
            QueryParameter(
                name="from", description="First day (UTC); today by default.", required=False
            ),
        ] = None,
        until: Annotated[
            date | None,
            QueryParameter(
                name="to", description="Last day (UTC), included; today by default.", required=False
            ),
        ] = None,
        by: Annotated[
            list[Dimension] | None,
            QueryParameter(
                description="What to tell sums apart by; may be repeated. Of cases, only their"
                " costs by day are kept.",
                required=False,
            ),
        ] = None,
        provider: Annotated[
            str | None,
            QueryParameter(
                description="Only this provider's.",
                pattern=f"^({'|'.join(get_args(Provider))})$",
                required=False,
            ),
        ] = None,
        model: Annotated[
            str | None,
            QueryParameter(description="Only this model's.", max_length=200, required=False),
        ] = None,
        operation: Annotated[
            str | None,
            QueryParameter(
                description="Only this operation's.",
                pattern=f"^({'|'.join(get_args(Operation))})$",
                required=False,
            ),
        ] = None,
        arm: Annotated[
            str | None,
            QueryParameter(
                description="Only this arm's: `experiment:variation`.",
                max_length=200,
                required=False,
            ),
        ] = None,
    ) -> CostReport:
        """Add up the ledger's rows of some days, at most 400; by the hour, at most 40 days back."""
        first, last = _range(since, until)
        try:
            found = await monitoring.costs(
                first,
                last,
                by=tuple(dict.fromkeys(by or ())),
                provider=msgspec.convert(provider, Provider | None),
                model=model,
                operation=msgspec.convert(operation, Operation | None),
                arm=arm,
            )
        except ValueError as error:
            raise InvalidInput(str(error)) from error
        return CostReport(
            since=round(first.timestamp() * 1_000),
            until=round(last.timestamp() * 1_000),
            groups=[CostGroup.of(one) for one in found],
        )

    @get(
        "/operator/costs/{case_id:str}",
        operation_id="get_costs",
        summary="See what a case cost",
        response_description="Its rows and their sum.",
        responses=documented(*OPERATING),
    )
    async def case(self, monitoring: AIMonitoringService, case_id: CaseIdPath) -> CaseCosts:
        """Return the ledger's rows of a case: the calls of the latest eight days."""
        rows = await monitoring.case_rows(case_id)
        cost = sum(row.cost_nano_usd or 0 for row in rows)
        return CaseCosts(
            cost_usd=usd(cost),
            cost_nano_usd=cost,
            unpriced=sum(row.source == "unpriced" for row in rows),
            rows=[CallRow.of(row) for row in rows],
        )

    @get(
        "/operator/budgets",
        operation_id="list_budgets",
        summary="See the budgets",
        response_description="Every budget as it stands.",
        responses=documented(*OPERATING),
    )
    async def budgets(self, monitoring: AIMonitoringService) -> BudgetList:
        """Return every budget: its limit, what is spent and set aside, and when it ends."""
        return BudgetList(budgets=[BudgetView.of(one) for one in await monitoring.budgets()])

    @put(
        "/operator/budgets/{budget_scope:str}/{period:str}",
        operation_id="set_budget",
        summary="Set a budget",
        response_description="The budget as it stands.",
        responses=documented(*OPERATING, 413, 415),
    )
    async def set_budget(
        self,
        monitoring: AIMonitoringService,
        budget_scope: ScopePath,
        period: PeriodPath,
        data: Annotated[BudgetLimit, Body(title="Limit")],
    ) -> BudgetView:
        """Limit what a scope may spend in each period, from now on and for all instances.

        What the period has spent by now counts. Calls that are under way are not stopped.
        """
        limit = nano_usd(data.limit_usd)
        return BudgetView.of(await monitoring.set_budget(Scope.parse(budget_scope), period, limit))

    @delete(
        "/operator/budgets/{budget_scope:str}/{period:str}",
        operation_id="remove_budget",
        summary="Remove a budget",
        response_description="There is no such budget any more.",
        responses=documented(*OPERATING),
    )
    async def remove_budget(
        self, monitoring: AIMonitoringService, budget_scope: ScopePath, period: PeriodPath
    ) -> None:
        """Let a scope spend without limit in this period; also where there was none."""
        await monitoring.remove_budget(Scope.parse(budget_scope), period)


def _range(since: date | None, until: date | None) -> tuple[datetime, datetime]:
    today = datetime.now(UTC).date()
    first = since or until or today
    last = until or max(first, today)
    if not timedelta() <= last - first < _LONGEST or last >= date.max:
        raise InvalidInput("from and to: at most 400 days, the first one first")
    start = datetime.min.time()
    return datetime.combine(first, start, UTC), datetime.combine(last, start, UTC) + timedelta(1)
