"""An installation as Prometheus finds it: an API instance and a worker, each with a page."""

import re
from collections.abc import Iterator

import pytest
from msgspec import Struct
from msgspec.structs import replace

from app.domain.playbook import Models
from app.domain.usage import Provider
from app.embedded import EmbeddedValkey
from tests.support.api import OPERATOR_TOKEN, Api
from tests.support.fleet import Fleet, Member, Parent, Process, fleet, parent
from tests.support.llmock import LLMock, running_llmock
from tests.support.playbooks import tiny_playbook
from tests.support.receivers import Receiver, receiving
from tests.support.scrapes import Scrape, scrape
from tests.support.toml_text import write_playbook

PLAYBOOK = tiny_playbook().id
INTERVIEWS = "gpt-5-mini"
ANALYSES = "gpt-without-a-price"
OTHERS = "claude-haiku-4-5"
_PAGE = re.compile(r"http://127\.0\.0\.1:(\d+)/metrics")


class House(Struct):
    """What runs."""

    fleet: Fleet
    mock: LLMock
    hooks: Receiver
    member: Member
    worker: Process
    valkey: EmbeddedValkey

    @property
    def api(self) -> Api:
        """The instance's API."""
        return self.member.api

    def page(self) -> Scrape:
        """Read the instance's page."""
        return scrape(self.api.port)

    def worker_page(self) -> Scrape:
        """Read the worker's page."""
        return scrape(page_port(self.worker))


def page_port(worker: Process) -> int:
    """Return where a worker serves its page, which it says as it starts."""
    worker.wait_said("metrics.served")
    found = _PAGE.search(worker.output())
    assert found is not None
    return int(found[1])


@pytest.fixture(scope="session")
def forks(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Parent]:
    """The process that everything is a fork of; it knows a tiny playbook with priced models."""
    folder = tmp_path_factory.mktemp("playbooks")
    asked: dict[Provider, str] = {"openai": INTERVIEWS, "anthropic": OTHERS}
    models = Models(interview=asked, small={"openai": ANALYSES, "anthropic": OTHERS}, strong=asked)
    write_playbook(replace(tiny_playbook(), models=models), folder)
    settings = {"TRIAGE_PLAYBOOKS": str(folder), "TRIAGE_PLAYBOOK": PLAYBOOK}
    with parent(tmp_path_factory.mktemp("forks"), settings) as running:
        yield running


@pytest.fixture(scope="module")
def house(forks: Parent, tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """An installation that lives as long as a module, with providers that obey it."""
    folder = tmp_path_factory.mktemp("house")
    with (
        EmbeddedValkey(folder / "var") as valkey,
        running_llmock("--stream-chunk-delay-ms", "4") as mock,
        receiving() as hooks,
    ):
        settings = {
            "OPENAI_API_KEY": "k",
            "OPENAI_BASE_URL": mock.openai,
            "ANTHROPIC_API_KEY": "k",
            "ANTHROPIC_BASE_URL": mock.anthropic,
            "TRIAGE_CACHE": "exact",
            "TRIAGE_METRICS_PORT": "0",
            "TRIAGE_OPERATOR_TOKEN": OPERATOR_TOKEN,
            "TRIAGE_WEBHOOK_URL": hooks.url,
            "TRIAGE_WEBHOOK_SECRET": "whsec_" + "A" * 43 + "=",
            "TRIAGE_WEBHOOK_PORTS": str(hooks.port),
            "TRIAGE_WEBHOOKS_ALLOW_LOOPBACK": "true",
        }
        with fleet(forks, valkey.url, folder, settings) as running:
            worker = running.worker()
            (member,) = running.some(1)
            page_port(worker)
            yield House(running, mock, hooks, member, worker, valkey)
            print(f"--- the worker ---\n{worker.output()}")
