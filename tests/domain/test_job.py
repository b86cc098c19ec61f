"""Names of background analyses and of what is told of them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.job import JOB_OVER, QUEUE_OF, QUEUES, Job, parse_job_id
from app.domain.notification import notification_id


@given(st.from_regex(r"[0-9a-f]{32}", fullmatch=True), st.integers(1, 10**6))
def test_a_job_is_found_by_its_name(case_id: str, turn: int) -> None:
    """The name leads back to the case and the turn."""
    job = Job(case_id=case_id, turn=turn, queue="simple", planned="simple", created_at=0)
    assert parse_job_id(job.id) == (case_id, turn)


@pytest.mark.parametrize("text", ["", ".", "c", "c.", ".3", "c.x", "c.-1", "c.٣", "c." + "9" * 10])
def test_what_is_no_name_is_refused(text: str) -> None:
    """Nothing that an operator types makes the reader stumble."""
    assert parse_job_id(text) is None


def test_every_complexity_has_its_queue() -> None:
    """A slow analysis never waits in the queue of quick ones."""
    assert [QUEUE_OF[level] for level in ("low", "medium", "high")] == list(QUEUES)
    assert not JOB_OVER & {"queued", "running"}


def test_a_notification_has_one_id_however_often_it_is_told() -> None:
    """What happened to a case at a turn is one message."""
    ids = {
        notification_id(kind, case, turn)
        for kind in ("analysis.completed", "analysis.failed")
        for case in ("a", "b")
        for turn in (1, 2)
    }
    assert len(ids) == 8
