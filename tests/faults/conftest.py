"""What the proofs under faults share."""

from collections.abc import Callable, Sequence

import pytest

from tests.support.proofs import table, talkative_settings

Show = Callable[[str, Sequence[tuple[str, object]]], None]


@pytest.fixture
def show(capsys: pytest.CaptureFixture[str]) -> Show:
    """Print figures as a table, also where the output of tests is kept back."""

    def printing(title: str, rows: Sequence[tuple[str, object]]) -> None:
        with capsys.disabled():
            print(table(title, rows))

    return printing


@pytest.fixture(scope="session")
def talkative(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Settings of instances whose answers take some fifty words."""
    return talkative_settings(tmp_path_factory.mktemp("proofs") / "playbooks")
