"""How commands that change or show something are written into the audit trail: before they do it.

At the command line nobody proves who they are: whoever may run commands beside the storage is
`terminal`.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import cache

from app.core.access.secret import check_secret, hasher
from app.core.audit import Auditor
from app.domain.audit import TERMINAL, Action
from app.settings import Settings
from app.state.access import AccessBook
from app.state.audit import AuditTrail
from app.state.store import Store


def auditor_of(settings: Settings, store: Store) -> Auditor:
    """Return what writes and reads the audit trail; a secret is looked for once a case is named."""
    return Auditor(AuditTrail(store), cache(lambda: hasher(settings)))


@asynccontextmanager
async def audited(
    settings: Settings,
    store: Store,
    action: Action,
    what: str = "",
    *,
    case: str | None = None,
    job: str | None = None,
) -> AsyncIterator[Auditor]:
    """Write down what the block does before it does it, and whether it failed.

    Args:
        settings: hold the secret under which digests of cases are made.
        store: the storage.
        action: what is done.
        what: to what, where that is neither of the following.
        case: to which case.
        job: to which background analysis.

    Raises:
        StateUnavailable: it cannot be written down, so the block is not run.
        AccessSecretWrong: nobody could tell afterwards which case it was.
    """
    auditor = auditor_of(settings, store)
    if case is not None or job is not None:
        await check_secret(AccessBook(store), hasher(settings), settings)
        what = auditor.job(job) if job is not None else auditor.case(case or "")
    allowed = await auditor.allow(TERMINAL, action, what)
    try:
        yield auditor
    except BaseException:
        await auditor.failed(allowed)
        raise
