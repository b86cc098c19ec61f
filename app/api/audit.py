"""The audit trail, for admins: see who did what, and prove that nobody has changed it."""

from typing import Annotated

from litestar import Controller, get
from litestar.params import QueryParameter

from app.api.audit_schema import MARK, AuditList, AuditVerdict, audit_list, audit_verdict
from app.api.parameters import PageSize
from app.api.problems import OPERATING, documented
from app.api.schema import CASE_ID_PATTERN
from app.core.audit import AuditFilter, Auditor
from app.domain.audit import Mark

_LAST_MS = 10**15
"""A time after everything; without a bound `null` would be a number that may be left out."""


class AuditController(Controller):
    """What admins do with the audit trail."""

    path = "/operator/audit"
    tags = ("Operation",)

    @get(
        operation_id="list_audit",
        summary="See who did what",
        response_description="A page of entries, the latest first.",
        responses=documented(*OPERATING),
    )
    async def entries(
        self,
        auditor: Auditor,
        since: Annotated[
            int,
            QueryParameter(
                description="Only entries since: Unix time in milliseconds.",
                ge=0,
                le=_LAST_MS,
                required=False,
            ),
        ] = 0,
        until: Annotated[
            int,
            QueryParameter(
                description="Only entries before: Unix time in milliseconds.",
                ge=0,
                le=_LAST_MS,
                required=False,
            ),
        ] = _LAST_MS,
        actor: Annotated[
            str | None,
            QueryParameter(
                description="Only theirs: as in an entry, or `key` for every key.",
                pattern=r"^[a-z]+( token)?(:[0-9a-z_-]{1,40})?$",
                max_length=60,
                required=False,
            ),
        ] = None,
        action: Annotated[
            str | None,
            QueryParameter(
                description="Only this one, such as `case.read`, or all that begin so: `case`.",
                pattern=r"^[a-z]+(\.[a-z]+)?$",
                max_length=60,
                required=False,
            ),
        ] = None,
        case: Annotated[
            str | None,
            QueryParameter(
                description="Only what was done to this case, by its id; also an erased one's.",
                pattern=CASE_ID_PATTERN,
                required=False,
            ),
        ] = None,
        limit: PageSize = 50,
        cursor: Annotated[
            str | None,
            QueryParameter(
                pattern=r"^[0-9]{1,15}$",
                description="The `cursor` of an earlier page.",
                required=False,
            ),
        ] = None,
    ) -> AuditList:
        """List entries of the audit trail. They hold no content, and name nobody.

        A page looks at 5,000 entries at most, so it may be short, or empty, and still have a
        cursor.
        """
        wanted = AuditFilter(
            since_ms=since,
            until_ms=until,
            actor=actor,
            action=action,
            object=None if case is None else auditor.case(case),
        )
        before = None if cursor is None else int(cursor)
        return audit_list(await auditor.page(wanted, limit=limit, before=before))

    @get(
        "/verify",
        operation_id="verify_audit",
        summary="Prove that the trail was not changed",
        response_description="Whether every entry is as it was written.",
        responses=documented(*OPERATING),
    )
    async def verify(
        self,
        auditor: Auditor,
        head: Annotated[
            str | None,
            QueryParameter(
                pattern=MARK,
                description="A `head` that was noted down earlier, which the chain has to hold.",
                required=False,
            ),
        ] = None,
    ) -> AuditVerdict:
        """Follow the chain of hashes through every entry that is left.

        Whoever can write the storage can make a chain anew that holds by itself. It does not hold
        a `head` that was noted down where they cannot write.
        """
        return audit_verdict(await auditor.verify(None if head is None else Mark.parse(head)))
