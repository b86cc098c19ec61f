"""Background analyses over HTTP: queued at once, followed, seen and ordered about by operators."""

import json
import subprocess
import time
from collections.abc import Iterator
from uuid import uuid4

import pytest

from app.embedded import EmbeddedValkey
from tests.support.api import BASE, OPERATOR_TOKEN, Api, Case, Frame
from tests.support.processes import Program, counted, environment, instances, triage
from tests.support.provider import SlowProvider, slow_provider
from tests.support.valkey import Wire

STORY = (
    "Water drips from the ceiling, the sockets spark, and the neighbour above and the landlord both"
    " say that it is not theirs to mend; it goes to court next week."
)


@pytest.fixture(scope="module")
def provider() -> Iterator[SlowProvider]:
    """A provider that finds every case complex, and differs from the other one."""
    with slow_provider() as made:
        yield made


@pytest.fixture(scope="module")
def settings(tiny_settings: dict[str, str], provider: SlowProvider) -> dict[str, str]:
    """Settings of an instance, and of workers, that ask this provider."""
    return {**tiny_settings, **provider.settings, "TRIAGE_CACHE": "off"}


@pytest.fixture(scope="module")
def api(
    valkey: EmbeddedValkey, settings: dict[str, str], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Api]:
    """An instance without a worker."""
    with instances(valkey.url, tmp_path_factory.mktemp("jobs")) as start:
        instance = start(env=settings, wait=False)
        instance.wait_ready(timeout=100)
        yield Api(instance.port)


@pytest.fixture
def worker(
    api: Api,
    valkey: EmbeddedValkey,
    settings: dict[str, str],
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Program]:
    """A worker for as long as the test runs."""
    folder = tmp_path_factory.mktemp("worker")
    env = counted(environment(TRIAGE_REDIS_URL=valkey.url, TRIAGE_VAR=str(folder), **settings))
    program = Program("worker", triage("worker"), env, folder / "worker.log")
    try:
        program.wait_until(
            lambda: bool(api.get("/workers", OPERATOR_TOKEN).json()["workers"]), timeout=100
        )
        yield program
    finally:
        program.close()


@pytest.fixture
def case(api: Api) -> Case:
    """A new case, in English."""
    return api.start(locale="en")


def told(api: Api, case: Case) -> list[Frame]:
    """Tell the story, which ends the interview; returns the turn's events."""
    frames = api.talk(case, STORY)
    assert frames[-1].data["status"] == "completed", frames
    return frames


def job_of(api: Api, case: Case) -> dict[str, object]:
    """Return the case's job as the person sees it."""
    found: dict[str, object] = api.get(f"/status/{case.id}", case.token).json()["job"]
    return found


def order(
    api: Api, job: object, what: str, token: str = OPERATOR_TOKEN
) -> tuple[int, dict[str, object]]:
    """Order something of a job; returns the status and the body."""
    answer = api.post(f"/jobs/{job}/{what}", None, token)
    return answer.status, answer.json()


def test_a_complex_case_is_answered_at_once(api: Api, case: Case) -> None:
    """The stream ends with the words; the analysis is queued, and looking for it says so."""
    frames = told(api, case)
    assert [one.event for one in frames][-2:] == ["analysis.queued", "turn.completed"]
    queued = frames[-2].data
    assert queued["job"] == f"{case.id}.1"
    assert queued["queue"] == "complex"
    assert "estimate" not in queued  # nobody works: nothing honest can be said

    early = api.get(f"/result/{case.id}", case.token)
    assert early.status == 409
    assert early.json()["analysis_state"] == "queued"
    assert "Retry-After" in {name.title() for name in early.headers}
    assert job_of(api, case)["state"] == "queued"


def test_the_whole_answer_names_the_job(api: Api, case: Case) -> None:
    """Without a stream it is the same: no result yet, and the job that will make it."""
    answer = api.say(case, STORY).json()
    assert answer["analysis"] is None
    assert answer["job"]["planned"] == "ensemble"
    assert answer["status"] == "completed"


def test_a_case_is_followed_to_its_result(api: Api, case: Case, worker: Program) -> None:
    """Progress comes step by step, resumes like a turn, and ends with the result."""
    told(api, case)
    path = f"{BASE}/cases/{case.id}/events"
    with api.stream("GET", path, token=case.token) as stream:
        first = stream.until("analysis.progress")
    with api.stream("GET", path, token=case.token, Last_Event_ID=str(first[-1].id)) as stream:
        rest = stream.until("analysis.completed")
    frames = [one for one in first + rest if one.event.startswith("analysis.")]
    assert [one.event for one in frames] == [
        "analysis.queued",
        *["analysis.progress"] * 4,
        "analysis.completed",
    ]
    assert {one.data["step"] for one in frames[1:-1]} == {"openai", "anthropic", "judge", "report"}
    assert [one.data["done"] for one in frames[1:-1]] == [1, 2, 3, 4]
    assert len({one.id for one in first + rest}) == len(first + rest)

    result = api.get(f"/result/{case.id}", case.token).json()
    assert result["provenance"]["strategy"] == "ensemble"
    assert result["classification"]["code"] == "plumbing.leak"
    status = api.get(f"/status/{case.id}", case.token).json()
    assert status["result_ready"]
    assert status["job"]["state"] == "done"
    assert "worker.started" in worker.output()


def test_estimates_rest_on_what_was_measured(
    api: Api, worker: Program, valkey: EmbeddedValkey
) -> None:
    """Once some jobs are done, and somebody works, a new one says how long it will take."""
    with Wire(valkey.socket) as wire:
        wire.call("DEL", "tri:jobs:took:complex")
        for took in ("100", "200", "300", "400", "500"):
            wire.call("RPUSH", "tri:jobs:took:complex", took)
    queued = told(api, api.start(locale="en"))[-2].data
    assert queued["estimate"]["measured"] == 5
    assert queued["estimate"]["p50_ms"] >= 300
    assert queued["estimate"]["p90_ms"] >= 500
    workers = api.get("/workers", OPERATOR_TOKEN).json()["workers"]
    assert {"simple": 16, "standard": 8, "complex": 4} in [one["slots"] for one in workers]
    assert "worker.started" in worker.output()


def test_operators_stop_a_job_and_let_it_begin_anew(
    api: Api, case: Case, request: pytest.FixtureRequest
) -> None:
    """Who waits is told that a person will look; retried, the job goes on to its result."""
    told(api, case)
    job = job_of(api, case)["job"]
    status, view = order(api, job, "cancel")
    assert (status, view["state"]) == (200, "cancelled")
    assert order(api, job, "cancel")[0] == 409
    with api.stream("GET", f"{BASE}/cases/{case.id}/events", token=case.token) as stream:
        failed = stream.until("analysis.failed")[-1].data
    assert (failed["code"], failed["job"]) == ("cancelled", job)
    assert "person" in failed["message"]

    request.getfixturevalue("worker")
    assert order(api, job, "retry")[0] == 200
    with api.stream("GET", f"{BASE}/cases/{case.id}/events", token=case.token) as stream:
        stream.until("analysis.completed")
    assert order(api, job, "retry")[0] == 409
    assert order(api, job, "cancel")[0] == 409


def test_operators_see_jobs_page_by_page(api: Api) -> None:
    """The latest first; filters and cursors are checked."""
    cases = [api.start(locale="en") for _ in range(3)]
    for one in cases:
        told(api, one)
    seen: list[str] = []
    cursor = ""
    while len(seen) < 3:
        page = api.get(f"/jobs?state=queued&state=running&limit=1{cursor}", OPERATOR_TOKEN).json()
        seen += [one["case_id"] for one in page["jobs"]]
        cursor = f"&cursor={page['cursor']}"
    assert seen == [one.id for one in reversed(cases)]
    shown = api.get(f"/jobs/{cases[0].id}.1", OPERATOR_TOKEN)
    assert shown.json()["case_id"] == cases[0].id
    for query in ("state=lost", "limit=0", "limit=201", "cursor=x", "cursor=-1"):
        assert api.get(f"/jobs?{query}", OPERATOR_TOKEN).status == 400, query


def test_jobs_are_for_operators(api: Api, case: Case) -> None:
    """A person's token opens none of it, nor does none at all; what is not there is 404."""
    told(api, case)
    job = job_of(api, case)["job"]
    for method, path in (
        ("GET", "/jobs"),
        ("GET", f"/jobs/{job}"),
        ("POST", f"/jobs/{job}/retry"),
        ("POST", f"/jobs/{job}/cancel"),
        ("GET", "/workers"),
    ):
        assert api.call(method, BASE + path).status == 401, path
        refused = api.call(method, BASE + path, token=case.token)
        assert refused.status == 401, path
        assert refused.json()["type"].endswith("not-authenticated")
    assert order(api, f"{'0' * 32}.1", "retry")[0] == 404
    assert api.get("/jobs/nonsense", OPERATOR_TOKEN).status == 404


def test_a_correction_after_the_end_asks_for_a_new_analysis(
    api: Api, case: Case, worker: Program
) -> None:
    """The older job gives way, and the result is the newer one's."""
    told(api, case)
    body = {"slot": "name", "value": "Zoe"}
    answer = api.post(f"/cases/{case.id}/facts", body, case.token, key=uuid4().hex)
    corrected = answer.json()
    assert corrected["job"]["job"] == f"{case.id}.2"
    deadline = time.monotonic() + 60
    while job_of(api, case)["state"] != "done":
        assert time.monotonic() < deadline, worker.output()
    assert job_of(api, case)["job"] == f"{case.id}.2"
    first = api.get(f"/jobs/{case.id}.1", OPERATOR_TOKEN).json()["state"]
    assert first in {"done", "superseded"}


def test_jobs_in_the_terminal(
    api: Api, case: Case, valkey: EmbeddedValkey, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """`triage jobs` lists, shows, cancels and lets begin anew, and says what it cannot do."""
    told(api, case)
    env = environment(
        TRIAGE_REDIS_URL=valkey.url, TRIAGE_VAR=str(tmp_path_factory.mktemp("cli")), COLUMNS="200"
    )
    job = f"{case.id}.1"

    def run(*args: str) -> tuple[int, str]:
        done = subprocess.run(
            triage("jobs", *args), env=env, capture_output=True, text=True, timeout=60, check=False
        )
        return done.returncode, done.stdout + done.stderr

    listed = run("list", "--state", "queued")
    assert listed[0] == 0
    assert job in listed[1]
    assert json.loads(run("show", job, "--json")[1])["state"] == "queued"
    assert "ensemble" in run("show", job)[1]
    assert run("retry", job)[0] == 1
    assert json.loads(run("cancel", job, "--json")[1])["state"] == "cancelled"
    assert "cannot be cancelled" in run("cancel", job)[1]
    assert json.loads(run("retry", job, "--json")[1])["state"] == "queued"
    assert "there is no job" in run("show", "nonsense")[1]
    assert "No jobs." in run("list", "--state", "dead")[1]
    assert isinstance(json.loads(run("list", "--json")[1]), list)
    assert run("workers")[0] == 0
    assert isinstance(json.loads(run("workers", "--json")[1]), list)
