"""One real instance for all tests of the API, with the tiny playbook and no model."""

from collections.abc import Iterator

import pytest

from app.embedded import EmbeddedValkey
from app.notify.push import new_private_key
from tests.support.api import OPERATOR_TOKEN, Api, Case
from tests.support.playbooks import tiny_playbook
from tests.support.processes import Instance, instances
from tests.support.toml_text import write_playbook


@pytest.fixture(scope="session")
def valkey(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedValkey]:
    """A Valkey for the API alone: its instance lives on and would take other tests' turns over."""
    with EmbeddedValkey(tmp_path_factory.mktemp("api-var")) as server:
        yield server


@pytest.fixture(scope="session")
def tiny_settings(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Settings with which an instance serves the tiny playbook."""
    folder = tmp_path_factory.mktemp("playbooks")
    playbook = tiny_playbook()
    write_playbook(playbook, folder)
    return {
        "TRIAGE_PLAYBOOKS": str(folder),
        "TRIAGE_PLAYBOOK": playbook.id,
        "TRIAGE_OPERATOR_TOKEN": OPERATOR_TOKEN,
        "TRIAGE_VAPID_PRIVATE_KEY": new_private_key(),
    }


@pytest.fixture(scope="session")
def instance(
    valkey: EmbeddedValkey,
    tiny_settings: dict[str, str],
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Instance]:
    """The running instance."""
    with instances(valkey.url, tmp_path_factory.mktemp("api"), measured=True) as start:
        instance = start(env=tiny_settings, wait=False)
        instance.wait_ready(timeout=100)
        yield instance


@pytest.fixture(scope="session")
def api(instance: Instance) -> Api:
    """The instance's API."""
    return Api(instance.port)


@pytest.fixture
def case(api: Api) -> Case:
    """A new case, in English."""
    return api.start(locale="en")
