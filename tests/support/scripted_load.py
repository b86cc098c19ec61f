"""An installation with people in it: what they say and what models answer follows a script.

A real API instance and a real worker on a Valkey of their own; only the providers and whoever hears
of webhooks are doubles.
"""

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

from msgspec import Struct
from msgspec.structs import replace

from app.domain.playbook import Models
from app.domain.usage import Provider
from app.embedded import EmbeddedValkey
from tests.support.api import BASE, OPERATOR_TOKEN, TERMINALS, Api, Case
from tests.support.experimented import Trial, lived
from tests.support.fleet import Member, Process, fleet, parent
from tests.support.llmock import LLMock, running_llmock
from tests.support.playbooks import tiny_playbook
from tests.support.receivers import Receiver, receiving
from tests.support.replies import (
    analysis_document,
    report_document,
    text,
    turn_document,
    verdict_document,
)
from tests.support.toml_text import write_playbook
from tests.support.waiting import until

OPENAI = {"provider": "openai"}
ANTHROPIC = {"provider": "anthropic"}
SLOTS = {"story": "It drips.", "when": "2026-01-02", "wish": "A plumber."}
GOOD = turn_document("I am sorry to hear it. What would you like us to do?", asking="wish")
ENDING = turn_document("Thank you.", slots=SLOTS, done=True)
HARD = turn_document("Thank you.", slots=SLOTS, complexity="high", done=True)
MODELS: dict[Provider, str] = {"openai": "gpt-5-mini", "anthropic": "claude-haiku-4-5"}
_PAGE = re.compile(r"http://127\.0\.0\.1:(\d+)/metrics")


class Town(Struct, frozen=True):
    """Who is there."""

    mock: LLMock
    member: Member
    worker: Process
    worker_port: int
    hooks: Receiver

    @property
    def api(self) -> Api:
        """The instance."""
        return self.member.api

    @property
    def targets(self) -> Mapping[str, int]:
        """Where Prometheus finds them, by job."""
        return {"triage-api": self.api.port, "triage-worker": self.worker_port}

    def budget(self, period: str, limit_usd: str) -> None:
        """Allow so many USD in each period."""
        path = f"{BASE}/operator/budgets/global/{period}"
        body = b'{"limit_usd": "%s"}' % limit_usd.encode()
        kind = "application/json"
        answer = self.api.call("PUT", path, body, token=OPERATOR_TOKEN, Content_Type=kind)
        assert answer.status == 200, answer

    def round(self, number: int) -> None:
        """Let some people come: each of them shows something else."""
        self._is_heard_by_the_other_provider()
        self._has_a_result_at_once()
        self._is_analysed_in_the_background(f"The ceiling of room {number} leaks since Monday.")
        self._is_analysed_in_the_background(f"The ceiling of room {number} leaks since Monday.")
        self._loses_the_connection()
        self._asks_for_a_human()
        assert self.api.get("/status/" + "0" * 32, "nobody's token").status == 404

    def fails(self) -> None:
        """Let a first provider fail a person; the second one answers."""
        self._plays({"type": "fail", "status": 500, "match": OPENAI}, _says(GOOD, ANTHROPIC))
        self._talks()

    def succeeds(self) -> None:
        """Let a first provider answer a person."""
        self._plays(_says(GOOD, OPENAI))
        self._talks()

    def _is_heard_by_the_other_provider(self) -> None:
        self.fails()
        self.succeeds()

    def _has_a_result_at_once(self) -> None:
        self._plays(_says(ENDING), _says(analysis_document()))
        self._talks()

    def _is_analysed_in_the_background(self, told: str) -> None:
        before = self._analysed()
        other = analysis_document(candidates=[{"code": "plumbing.blockage", "confidence": 0.8}])
        self._plays(
            _says(HARD),
            _says(analysis_document(), OPENAI),
            _says(other, ANTHROPIC),
            _says(verdict_document("plumbing.leak", "Water drips.")),
            _says(report_document()),
        )
        asked = self._talks(told)
        assert asked["complexity"] == "high", asked
        until(lambda: self._analysed() > before, "no analysis was told of")

    def _analysed(self) -> int:
        """Count the background analyses that the world was told of."""
        return sum(b"analysis.completed" in one.body for one in list(self.hooks.requests))

    def _loses_the_connection(self) -> None:
        self._plays({"type": "slow_first_token", "seconds": 0.3}, _says(GOOD))
        case = self._opened()
        body = b'{"case_id": "%s", "message": "It drips."}' % case.id.encode()
        headers = {"Content_Type": "application/json", "Idempotency_Key": uuid4().hex}
        path = f"{BASE}/continue-stream"
        with self.api.stream("POST", path, body, token=case.token, **headers) as stream:
            place = stream.until("status")[-1].id
        assert place is not None
        path = f"{BASE}/cases/{case.id}/turns/1/events"
        with self.api.stream("GET", path, token=case.token, Last_Event_ID=place) as stream:
            stream.until(*TERMINALS)

    def _asks_for_a_human(self) -> None:
        case = self._opened()
        key = uuid4().hex
        asked = self.api.post(f"/cases/{case.id}/handoff", {"reason": ""}, case.token, key=key)
        assert asked.status < 300, asked

    def _plays(self, *behaviours: Mapping[str, Any]) -> None:
        """Tell the models what they answer next, and nothing that was left from before."""
        self.mock.reset()
        self.mock.scenario(behaviours)

    def _talks(self, told: str = "Water drips.") -> Mapping[str, Any]:
        last = self.api.talk(self._opened(), told)[-1]
        assert last.event == "turn.completed", last
        data: Mapping[str, Any] = last.data
        return data

    def _opened(self) -> Case:
        return self.api.start(locale="en")


@contextmanager
def town(folder: Path) -> Iterator[Town]:
    """Build one in which every model has a price; it ends with the block."""
    playbooks = folder / "playbooks"
    playbooks.mkdir()
    models = Models(interview=MODELS, small=MODELS, strong=MODELS)
    write_playbook(replace(tiny_playbook(), models=models), playbooks)
    warehouse, declared = folder / "warehouse", folder / "declared"
    lived(warehouse, declared, {"tone": Trial(), "shorter_questions": Trial(persons=240)})
    rules = {"TRIAGE_PLAYBOOKS": str(playbooks), "TRIAGE_PLAYBOOK": tiny_playbook().id}
    with (
        EmbeddedValkey(folder / "var") as valkey,
        running_llmock("--stream-chunk-delay-ms", "4") as mock,
        receiving() as hooks,
        parent(folder, rules) as forks,
    ):
        settings = {
            "OPENAI_API_KEY": "k",
            "OPENAI_BASE_URL": mock.openai,
            "ANTHROPIC_API_KEY": "k",
            "ANTHROPIC_BASE_URL": mock.anthropic,
            "TRIAGE_CACHE": "exact",
            # However busy the machine is, no model is passed over for being slow: it is a script.
            "TRIAGE_FIRST_TOKEN_SECONDS": "60",
            "TRIAGE_READ_SECONDS": "60",
            "TRIAGE_METRICS_PORT": "0",
            "TRIAGE_WAREHOUSE": str(warehouse),
            "TRIAGE_EXPERIMENTS": str(declared),
            "TRIAGE_OPERATOR_TOKEN": OPERATOR_TOKEN,
            "TRIAGE_WEBHOOK_URL": hooks.url,
            "TRIAGE_WEBHOOK_SECRET": "whsec_" + "A" * 43 + "=",
            "TRIAGE_WEBHOOK_PORTS": str(hooks.port),
            "TRIAGE_WEBHOOKS_ALLOW_LOOPBACK": "true",
        }
        with fleet(forks, valkey.url, folder, settings) as running:
            worker = running.worker()
            (member,) = running.some(1)
            worker.wait_said("metrics.served")
            found = _PAGE.search(worker.output())
            assert found is not None
            yield Town(mock, member, worker, int(found[1]), hooks)


def _says(document: Mapping[str, Any], match: Mapping[str, str] | None = None) -> dict[str, Any]:
    """Return the behaviour of answering once with a document."""
    return {"type": "reply", "text": text(dict(document)), **({"match": match} if match else {})}
