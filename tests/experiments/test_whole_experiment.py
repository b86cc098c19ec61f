"""An experiment from the first greeting to the report: people, an API, the drain, the figures."""

import datetime as dt
import math
import random
from collections import defaultdict
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from http import HTTPStatus
from pathlib import Path
from typing import Any
from uuid import uuid4

import duckdb
import pytest
from msgspec import Struct
from msgspec.structs import replace

from analytics.experiments.assessment import assess
from analytics.experiments.declaration import find_declaration
from analytics.experiments.report import Report
from analytics.results import Effect
from analytics.warehouse import open_warehouse
from app.domain.playbook import Models
from app.embedded import EmbeddedValkey
from app.state.facts import FactStream
from app.state.store import Store
from jobs.warehouse import Drain
from tests.support.api import OPERATOR_TOKEN, Answer, Api, Case
from tests.support.forms import submit
from tests.support.llmock import LLMock, running_llmock
from tests.support.playbooks import tiny_playbook
from tests.support.processes import instances
from tests.support.replies import analysis_document, text, turn_document
from tests.support.toml_text import write_playbook
from tests.support.triages import KEY, Sums

PERSONS = 36
INTERVIEWS, ANALYSES = "gpt-5-mini", "gpt-5-nano"
STORY = "Water has been dripping from my bathroom ceiling since yesterday."


class Script(Struct, frozen=True, kw_only=True):
    """What somebody is going to do in a case."""

    finishes: bool
    says: Sequence[str] = (STORY,)
    """In a conversation; whoever has a form begins it, and submits it if they finish."""
    scores: Sequence[int] = ()
    """Ratings, one after the other: the last one counts."""
    right: Sequence[bool] = ()
    """What each reviewer will say of the result."""


class Lived(Struct, frozen=True, kw_only=True):
    """A case as it went."""

    variant: str
    script: Script


def scripts() -> list[list[Script]]:
    """Return what each person does; every third comes twice."""
    chance = random.Random(7)
    people = []
    for number in range(PERSONS):
        visits = []
        for _ in range(2 if number % 3 == 0 else 1):
            finishes = chance.random() < 0.7
            rates = finishes and chance.random() < 0.8
            reviewed = finishes and chance.random() < 0.8
            visits.append(
                Script(
                    finishes=finishes,
                    says=[STORY, "Since yesterday.", "On the left."][: chance.randint(1, 3)],
                    scores=[chance.randint(0, 10) for _ in range(chance.randint(1, 2))]
                    if rates
                    else (),
                    right=[chance.random() < 0.7 for _ in range(chance.randint(1, 2))]
                    if reviewed
                    else (),
                )
            )
        people.append(visits)
    return people


def live(api: Api, name: str | None, script: Script) -> Lived:
    """Play a case through the API; returns which variant it was."""
    who = {} if name is None else {"user_ref": name}
    opened = api.post("/start", {"locale": "en", **who})
    assert opened.status == HTTPStatus.CREATED, opened
    found = opened.json()
    case = Case(found["case_id"], found["case_token"])
    done = hold(api, case, script) if found["form"] is None else fill_in(api, case, script)
    if done is not None:
        code = done.json()["analysis"]["classification"]["code"]
        for score in script.scores:
            rated = api.post(f"/cases/{case.id}/rating", {"score": score}, case.token)
            assert rated.status == HTTPStatus.OK, rated
        for number, right in enumerate(script.right):
            said_of_it = {"reviewer": f"reviewer {number}", "code": code if right else None}
            path = f"/operator/cases/{case.id}/reviews"
            assert api.post(path, said_of_it, OPERATOR_TOKEN).status == HTTPStatus.OK
    return Lived(variant=found["variant"], script=script)


def hold(api: Api, case: Case, script: Script) -> Answer | None:
    """Hold a conversation; returns its end, if it has one."""
    for words in script.says:
        said = api.say(case, words)
        assert said.status == HTTPStatus.OK, said
    if not script.finishes:
        return None
    done = api.post("/force-complete", {"case_id": case.id}, case.token, key=uuid4().hex)
    assert done.status == HTTPStatus.OK, done
    return done


def fill_in(api: Api, case: Case, script: Script) -> Answer | None:
    """Fill a form in, and submit it if the script says so."""
    path = f"/cases/{case.id}/form/begin"
    assert api.post(path, None, case.token, key=uuid4().hex).status == HTTPStatus.OK
    if not script.finishes:
        return None
    done = submit(api, case)
    assert done.status == HTTPStatus.OK, done
    return done


def answers(mock: LLMock) -> None:
    """Let the models interview and analyse, over and over."""
    turn = turn_document("I see. What would you like us to do?", asking="wish")
    mock.scenario(
        [
            {"type": "reply", "text": text(document), "match": {"model": model}, "times": None}
            for model, document in ((INTERVIEWS, turn), (ANALYSES, analysis_document()))
        ]
    )


async def drained(valkey: EmbeddedValkey, folder: Path) -> None:
    """Bring every fact into the warehouse."""
    store, warehouse = Store(valkey.url), open_warehouse(folder)
    stream = FactStream(store)
    assert await Drain(stream, warehouse).all() > 0
    assert await stream.waiting() == 0
    warehouse.close()
    await store.close()


class Raw:
    """The Parquet files themselves, read without our views and counted one person a time."""

    def __init__(self, folder: Path) -> None:
        """Read the files below a warehouse's folder."""
        self._folder = folder
        first: dict[str, dict[str, Any]] = {}
        for one in self._rows("exposure"):
            known = first.setdefault(one["person"], one)
            if one["occurred_ms"] < known["occurred_ms"]:
                first[one["person"]] = one
        self.first = first

    def _rows(self, table: str) -> list[dict[str, Any]]:
        files = str(self._folder / table / "day=*" / "*.parquet")
        answer = duckdb.connect().execute("SELECT * FROM read_parquet($1)", [files])
        names = [one[0] for one in answer.description or ()]
        return [dict(zip(names, row, strict=True)) for row in answer.fetchall()]

    def persons(self, arm: str) -> set[str]:
        """Return who was first exposed to an arm."""
        return {who for who, one in self.first.items() if one["variation_id"] == arm}

    def outcomes(self, table: str, arm: str, *latest_by: str) -> dict[str, list[dict[str, Any]]]:
        """Return by person what happened from their exposure on; of repeats only the latest."""
        kept: dict[tuple[Any, ...], dict[str, Any]] = {}
        for one in sorted(self._rows(table), key=lambda row: int(row["occurred_ms"])):
            kept[tuple(one[name] for name in latest_by or ("id",))] = one
        found: dict[str, list[dict[str, Any]]] = defaultdict(list)
        for one in kept.values():
            exposed = self.first.get(one["person"])
            if (
                exposed is not None
                and exposed["variation_id"] == arm
                and one["occurred_ms"] >= exposed["occurred_ms"]
            ):
                found[one["person"]].append(one)
        return found

    def sums(self, metric: str, arm: str) -> Sums:
        """Return a metric's sums of each person below whose line something counts."""
        if metric == "completion":
            below = self.outcomes("triage_started", arm)
            done = self.outcomes("triage_completed", arm)
            return Sums(
                above=[float(len(done[who])) for who in below],
                below=[float(len(cases)) for cases in below.values()],
            )
        if metric == "cost":
            below = self.outcomes("triage_started", arm)
            paid: dict[str, float] = defaultdict(float)
            for one in self._rows("ai_call"):
                paid[one["case_id"]] += (one["cost_nano_usd"] or 0) / 1e9
            return Sums(
                above=[sum(paid[one["case_id"]] for one in cases) for cases in below.values()],
                below=[float(len(cases)) for cases in below.values()],
            )
        table, value, by = {
            "triage_time": ("analysis_done", "since_opened_ms", ("case_id",)),
            "satisfaction": ("rating", "score", ("case_id",)),
            "accuracy": ("review", "correct", ("case_id", "reviewer")),
        }[metric]
        scale = 1_000 if metric == "triage_time" else 1
        found = self.outcomes(table, arm, *by)
        return Sums(
            above=[sum(one[value] for one in rows) / scale for rows in found.values()],
            below=[float(len(rows)) for rows in found.values()],
        )


def effect(report: Report, metric: str) -> Effect:
    """Return a metric's difference, which has to be there."""
    one = next(one for one in report.findings if one.metric.name == metric)
    assert isinstance(one.analysis.difference, Effect), one.analysis.difference
    return one.analysis.difference


@pytest.mark.timeout(400)
async def test_the_report_is_what_people_did(own_valkey: EmbeddedValkey, tmp_path: Path) -> None:
    """Each figure is what the script says, and what counting the raw files by hand gives."""
    small = {"openai": ANALYSES}
    models = Models(interview={"openai": INTERVIEWS}, small=small, strong=small)  # type: ignore[arg-type]
    playbook = replace(tiny_playbook(), models=models)
    write_playbook(playbook, tmp_path)
    settings = {
        "TRIAGE_PLAYBOOKS": str(tmp_path),
        "TRIAGE_PLAYBOOK": playbook.id,
        "TRIAGE_OPERATOR_TOKEN": OPERATOR_TOKEN,
        "TRIAGE_FIRST_TOKEN_SECONDS": "60",
        "TRIAGE_READ_SECONDS": "60",
        "OPENAI_API_KEY": "k",
    }
    with running_llmock() as mock, instances(own_valkey.url, tmp_path) as start:
        answers(mock)
        api = Api(start(env={**settings, "OPENAI_BASE_URL": mock.openai}).port)

        def person(number: int, visits: Sequence[Script]) -> list[Lived]:
            return [live(api, f"person {number}", one) for one in visits]

        with ThreadPoolExecutor(4) as pool:
            people = list(pool.map(person, range(PERSONS), scripts()))
        live(api, None, Script(finishes=True))
        assert api.post("/start", {"user_ref": "looked in and left"}).status == HTTPStatus.CREATED
    folder = tmp_path / "warehouse"
    await drained(own_valkey, folder)

    warehouse = open_warehouse(folder)
    later = dt.datetime.now(dt.UTC).replace(tzinfo=None) + dt.timedelta(hours=25)
    report = assess(warehouse, find_declaration(KEY), later)
    warehouse.close()

    assert report.nameless == 1
    assert report.health.persons_in_several == 0
    raw = Raw(folder)
    for arm in ("v1", "v2"):
        mine = [visits for visits in people if visits[0].variant == arm]
        assert len(mine) >= 8, "both arms have people"
        assert all(one.variant == arm for visits in mine for one in visits)
        assert report.taken.persons[arm] == report.counted[arm] == len(mine)
        assert len(raw.persons(arm)) == len(mine)
        told = {
            "completion": [float(one.script.finishes) for visits in mine for one in visits],
            "satisfaction": [
                float(one.script.scores[-1])
                for visits in mine
                for one in visits
                if one.script.scores
            ],
            "accuracy": [
                float(right) for visits in mine for one in visits for right in one.script.right
            ],
        }
        for metric, values in told.items():
            known = effect(report, metric)
            share = known.control if arm == "v1" else known.treatment
            assert share == pytest.approx(sum(values) / len(values), rel=1e-9), metric
    paid = effect(report, "cost")
    assert paid.treatment > paid.control == 0, "a form asks no model"
    for metric in ("completion", "satisfaction", "accuracy", "triage_time", "cost"):
        found, a, b = effect(report, metric), raw.sums(metric, "v1"), raw.sums(metric, "v2")
        assert (found.n_control, found.n_treatment) == (len(a.above), len(b.above)), metric
        assert found.control == pytest.approx(a.rate, rel=1e-9), metric
        assert found.treatment == pytest.approx(b.rate, rel=1e-9), metric
        assert found.estimate == pytest.approx(b.rate - a.rate, rel=1e-9, abs=1e-12), metric
        error = math.sqrt(a.variance_of_rate + b.variance_of_rate)
        assert found.standard_error == pytest.approx(error, rel=1e-9), metric
