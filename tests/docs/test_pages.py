"""Every command of every document is run, in the order of its page, and does what the page says."""

import json
import shutil
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml  # type: ignore[import-untyped]

from tests.support.pages import (
    ROOT,
    SHELL,
    Page,
    beyond_folder,
    pages,
    ports,
    read_page,
    with_ports,
)
from tests.support.processes import free_port
from tests.support.reader import PAGE_SECONDS, Installation, follow, installation

PAGES = pages()
RUN = [page for page in PAGES if any(block.runs or block.title for block in page.blocks)]
KINDS = {
    *SHELL,
    "python",
    "output",
    *("js", "ts", "typescript"),
    *("toml", "json", "yaml", "http", "text", "mermaid"),
}
REASONS = {
    "needs a Docker engine": 6,
    "needs root": 4,
    "needs a key of a provider": 2,
    "needs a machine of yours": 6,
    "takes minutes": 5,
}
"""Why a block may stand on a page without being run, and how many such blocks there are at most."""


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    """The installation that `make up` starts, for all pages that want no other."""
    with installation(tmp_path_factory.mktemp("demo"), {}) as started:
        yield started


@pytest.mark.timeout(PAGE_SECONDS + 60)
@pytest.mark.parametrize("page", RUN, ids=lambda page: str(page.path))
def test_every_command_of_the_page_works(
    page: Page, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    """From the first to the last it exits well, and prints what the page shows."""
    if lacking := sorted(tool for tool in page.tools if shutil.which(tool) is None):
        pytest.skip(f"needs {', '.join(lacking)}")
    if page.installation is None:
        shared: Installation = request.getfixturevalue("demo")
        follow(page, shared, tmp_path / "reader")
        shared.forget_settings()
        return
    real = ports(page, free_port)
    settings = {name: with_ports(text, real) for name, text in page.installation.items()}
    with installation(tmp_path / "own", settings) as own:
        follow(page, own, tmp_path / "reader", real)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.path))
def test_every_block_is_of_a_known_kind(page: Page) -> None:
    """So none is passed over for its name; and what is data can be read as such."""
    for block in page.blocks:
        where = f"{page.path}:{block.line}"
        assert block.kind in KINDS, f"{where}: {block.kind!r} is none of {sorted(KINDS)}"
        text = "\n".join(block.code)
        match block.kind:
            case "toml":
                tomllib.loads(text)
            case "json":
                json.loads(text)
            case "yaml":
                yaml.safe_load(text)
            case "js" | "ts" | "typescript":
                assert block.note is not None, f"{where}: say by which test it is run"
            case _:
                pass


def test_what_is_not_run_says_why_and_is_little() -> None:
    """Every such block has one of the known reasons, and there are no more of them than agreed."""
    found: dict[str, list[str]] = {reason: [] for reason in REASONS}
    for page in PAGES:
        for block in page.blocks:
            if block.note is not None and block.note[0] == "not run":
                reason = block.note[1].split(",")[0]
                assert reason in REASONS, f"{page.path}:{block.line}: {reason!r} is not agreed"
                found[reason].append(f"{page.path}:{block.line}")
    for reason, places in found.items():
        assert len(places) <= REASONS[reason], f"{reason}: {places}"


def test_what_another_test_runs_is_run_there() -> None:
    """The test that is named exists, and reads the page."""
    for page in PAGES:
        for block in page.blocks:
            if block.note is not None and block.note[0] == "run by":
                test = (ROOT / block.note[1]).read_text("utf-8")
                assert page.path.name in test, f"{page.path}:{block.line}"


def test_no_page_touches_the_machine_that_it_is_tested_on() -> None:
    """What installs, or writes elsewhere than into the reader's folder, is shown and not run."""
    for page in RUN:
        for block in page.blocks:
            if block.runs:
                assert not beyond_folder(block), f"{page.path}:{block.line}"


def test_no_command_hides_in_an_indented_block() -> None:
    """Such blocks have no kind, so that nothing would run them."""
    programs = {"triage", "curl", "make", "docker", "python"}
    for page in PAGES:
        lines = (ROOT / page.path).read_text("utf-8").splitlines()
        fenced = {no for one in page.blocks for no in range(one.line, one.line + len(one.code))}
        indented = [no for no, one in enumerate(lines, 1) if one.startswith("    ")]
        hidden = [no for no in indented if lines[no - 1].split()[0] in programs]
        assert not set(hidden) - fenced, page.path


def test_a_wrong_command_is_noticed(tmp_path: Path, demo: Installation) -> None:
    """With the line of the page in which it stands, and with what it said."""
    page = read_page(Path("wrong.md"), "# Wrong\n\n```sh\ntrue\ntriage no-such-command\n```\n")
    with pytest.raises(AssertionError, match=r"wrong\.md:5: .*\n*[^$]*No such command"):
        follow(page, demo, tmp_path / "reader")


def test_a_pipe_that_is_cut_is_no_mistake(tmp_path: Path, demo: Installation) -> None:
    """However much is left to write when `head` has seen enough."""
    text = "```sh\nseq 300000 | head -n 2\nhead -n 1 Makefile\n```\n\n```output\n1\n2\n```\n"
    follow(read_page(Path("right.md"), text), demo, tmp_path / "reader")


def test_a_refused_request_is_noticed(tmp_path: Path, demo: Installation) -> None:
    """Although curl itself would take any answer for a good one."""
    text = "```sh\ncurl -s http://127.0.0.1:8000/api/v2/triage/jobs\n```\n"
    with pytest.raises(AssertionError, match=r"wrong\.md:2: "):
        follow(read_page(Path("wrong.md"), text), demo, tmp_path / "reader")


def test_a_wrong_output_is_noticed(tmp_path: Path, demo: Installation) -> None:
    """As soon as a line of it does not come."""
    text = "```sh\necho one; echo two\n```\n\n```output\none\nthree\n```\n"
    with pytest.raises(AssertionError, match="'three' did not come"):
        follow(read_page(Path("wrong.md"), text), demo, tmp_path / "reader")
