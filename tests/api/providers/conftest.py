"""One mock of both providers and instances that ask it, for the tests of one module."""

from collections.abc import Iterator

import pytest
from msgspec.structs import replace

from app.domain.playbook import Models
from app.domain.usage import Provider
from app.embedded import EmbeddedValkey
from tests.support.api import Api
from tests.support.llmock import LLMock, running_llmock
from tests.support.mocked import begun, keys
from tests.support.playbooks import tiny_playbook
from tests.support.processes import Instance, StartInstance, instances
from tests.support.toml_text import write_playbook

LANES = [f"lane_{number}" for number in range(14)]
SHORT = {"TRIAGE_FIRST_TOKEN_SECONDS": "2", "TRIAGE_READ_SECONDS": "1.5"}


@pytest.fixture(scope="module")
def mock() -> Iterator[LLMock]:
    """One mock of both providers for the tests of this module, which speaks word by word."""
    with running_llmock("--stream-chunk-delay-ms", "4") as process:
        yield process


@pytest.fixture(autouse=True)
def clean(mock: LLMock) -> None:
    """Every test begins with no behaviour queued and no request remembered."""
    mock.reset()


@pytest.fixture(scope="module")
def start(
    valkey: EmbeddedValkey, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[StartInstance]:
    """Start instances that live as long as this module."""
    with instances(valkey.url, tmp_path_factory.mktemp("providers")) as starting:
        yield starting


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Settings with the tiny playbook under many names, each with models of its own name.

    Breakers are kept for each model name, so a test that opens one takes a lane of its own.
    Results are made within the turn, since no worker runs here.
    """
    folder = tmp_path_factory.mktemp("lanes")
    tiny = tiny_playbook()
    for name in LANES:
        models: dict[Provider, str] = {"openai": f"gpt-{name}", "anthropic": f"claude-{name}"}
        own = Models(interview=models, small=models)
        write_playbook(replace(tiny, id=name, models=own), folder)
    chosen = {"TRIAGE_PLAYBOOK": LANES[0], "TRIAGE_STRATEGY": "simple"}
    return {**SHORT, "TRIAGE_PLAYBOOKS": str(folder), **chosen}


@pytest.fixture(scope="module")
def free_lanes() -> Iterator[str]:
    """The lanes that no test has taken yet; the first one is for those that need none."""
    return iter(LANES[1:])


@pytest.fixture
def lane(free_lanes: Iterator[str]) -> str:
    """A playbook whose breakers are closed and nobody else's."""
    return next(free_lanes)


@pytest.fixture(scope="module")
def served(mock: LLMock, start: StartInstance, settings: dict[str, str]) -> Instance:
    """An instance that asks OpenAI's Responses and then Anthropic."""
    return begun(start, {**settings, **keys(mock, "openai", "anthropic")})


@pytest.fixture(scope="module")
def both(served: Instance) -> Api:
    """Its API."""
    return Api(served.port)


@pytest.fixture(scope="module")
def chat(mock: LLMock, start: StartInstance, settings: dict[str, str]) -> Api:
    """An instance that asks OpenAI's chat completions and then Anthropic."""
    chosen = {"TRIAGE_OPENAI_API": "chat", **keys(mock, "openai", "anthropic")}
    return Api(begun(start, {**settings, **chosen}).port)


@pytest.fixture(scope="module")
def anthropic(mock: LLMock, start: StartInstance, settings: dict[str, str]) -> Api:
    """An instance that asks Anthropic alone."""
    return Api(begun(start, {**settings, **keys(mock, "anthropic")}).port)


@pytest.fixture(scope="module")
def patient(mock: LLMock, start: StartInstance, settings: dict[str, str]) -> Api:
    """An instance that waits long for its model, so that a test can act while a turn runs."""
    patience = {"TRIAGE_FIRST_TOKEN_SECONDS": "60", "TRIAGE_READ_SECONDS": "60"}
    return Api(begun(start, {**settings, **patience, **keys(mock, "openai")}).port)
