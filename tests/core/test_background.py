"""A worker's own part in background analyses; see also the proofs with real workers."""

from typing import cast

from structlog.testing import capture_logs

from app.core.analysis.analyst import Analyst
from app.core.background import AnalysisRunner
from app.embedded import EmbeddedValkey
from app.state.conversations import ConversationStateManager
from app.state.jobs import Jobs
from app.state.leases import LeaseKeeper
from tests.support.sealed import store_at


async def test_without_its_storage_a_worker_says_that_the_job_waits(
    own_valkey: EmbeddedValkey,
) -> None:
    """An outage is no failure of the job: it stays for whoever is woken when it is over."""
    store = store_at(own_valkey.url)
    nobody = cast("Analyst", None)
    conversations = ConversationStateManager(store, "worker")
    leases = LeaseKeeper(own_valkey.url)
    runner = AnalysisRunner(Jobs(store, "worker"), leases, nobody, {}, conversations)
    own_valkey.kill()
    with capture_logs() as logs:
        assert not await runner.run("a" * 32, 3)
    assert [(one["event"], one["log_level"], one["turn"]) for one in logs] == [
        ("job.waiting", "warning", 3)
    ]
    await store.close()
