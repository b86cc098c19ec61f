"""`triage eval` replays stories and prints what came of them; with --strict it guards a release."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from app.commands.evaluate import evaluate
from app.domain.errors import InvalidInput
from tests.support.playbooks import tiny_playbook
from tests.support.toml_text import write_playbook

SHIPPED = Path(__file__).parents[2] / "app" / "playbooks" / "stories"
STORIES: list[dict[str, object]] = [
    {
        "id": "drip",
        "locale": "en",
        "text": "Water has been dripping from my bathroom ceiling since yesterday.",
        "code": "plumbing.leak",
        "tags": ["short"],
    },
    {
        "id": "gas",
        "locale": "en",
        "text": "I smell gas in my kitchen.",
        "code": "plumbing.blockage",
        "red_flags": ["gas_smell"],
    },
    {"id": "cao", "locale": "pt-BR", "text": "meu cachorro está triste", "code": None},
]


@pytest.fixture
def playbooks(tmp_path: Path) -> Path:
    """A folder with the tiny playbook."""
    folder = tmp_path / "playbooks"
    folder.mkdir()
    write_playbook(tiny_playbook(), folder)
    return folder


class Evaluation:
    """Replays stories of one's own in the tiny playbook."""

    def __init__(self, playbooks: Path, stories: Path) -> None:
        """Take the folder of playbooks and where stories are written."""
        self._playbooks = playbooks
        self._stories = stories

    def __call__(self, stories: list[dict[str, object]], *options: str) -> Result:
        """Replay these stories."""
        self._stories.write_text("".join(f"{json.dumps(one)}\n" for one in stories), "utf-8")
        places = ["--playbooks", str(self._playbooks), "--stories", str(self._stories)]
        call = ["--playbook", tiny_playbook().id, *places, *options]
        return CliRunner().invoke(evaluate, call, env={"COLUMNS": "160"})


@pytest.fixture
def replayed(playbooks: Path, tmp_path: Path) -> Evaluation:
    """The command on stories of one's own."""
    return Evaluation(playbooks, tmp_path / "stories.jsonl")


def rows(output: str) -> dict[str, list[str]]:
    """Return the tables' rows by their first cell."""
    cells = (line.strip("│ ").split("│") for line in output.splitlines() if line.startswith("│"))
    return {first.strip(): [one.strip() for one in rest] for first, *rest in cells}


def test_the_figures_stand_in_tables(replayed: Evaluation) -> None:
    """Shares with their interval and n, by locale and tag, red flags, and whole interviews."""
    result = replayed(STORIES)
    assert result.exit_code == 0, result.output
    assert "house_repairs 1.0.0" in result.output
    assert "3 stories" in result.output
    found = rows(result.output)
    assert found["Sub-area, first guess right"][0] == "50.0%"
    assert found["Sub-area, first guess right"][2] == "2"
    assert found["Out of scope: abstained"][0] == "100.0%"
    assert found["Red flags found"][0] == "100.0%"
    assert found["en"][0] == "2"
    assert found["short"][0] == "1"
    assert found["gas_smell"] == ["1", "1", "0"]
    assert found["plumbing.blockage"][-1] == "1", "the confusion is named"
    assert found["Ended by themselves"][0] == "100.0%"
    assert found["Red flags found by the end, if answered truthfully"][0].startswith("100.0% of 1")
    assert found["Calm stories with a red flag by the end"][0].startswith("0.0% of 2")


def test_brief_figures_name_no_story(replayed: Evaluation) -> None:
    """What is printed from kept stories must not teach anybody their words or ids."""
    stories = [{**STORIES[0], "red_flags": ["flooding"]}, {**STORIES[1], "red_flags": []}]
    told = replayed(stories).output
    assert "Missed at first: flooding in drip" in told
    assert "Missed by the end" not in told, "it was asked whether the water is shut off"
    assert "False alarm: gas_smell in gas" in told
    brief = replayed(stories, "--brief").output
    assert "Missed" not in brief
    assert "False alarm:" not in brief
    assert "Confusions" not in brief
    assert rows(brief)["Red flags found"][0] == "0.0%"


def test_strict_fails_on_a_missed_red_flag_alone(replayed: Evaluation) -> None:
    """A danger that a whole interview does not bring out is what stops a release."""
    assert replayed(STORIES, "--strict").exit_code == 0
    asked_for = [{**STORIES[0], "red_flags": ["flooding"]}]
    assert replayed(asked_for, "--strict").exit_code == 0
    missed = [{**STORIES[0], "red_flags": ["gas_smell"]}]
    result = replayed(missed, "--strict")
    assert result.exit_code == 1
    assert "Missed by the end: gas_smell in drip" in result.output
    assert replayed(missed).exit_code == 0


def test_the_report_can_be_read_by_machines(replayed: Evaluation) -> None:
    """The same figures as JSON, and of one locale alone where that is wanted."""
    found = json.loads(replayed(STORIES, "--json", "--locale", "en").output)
    assert found["report"]["overall"]["stories"] == 2
    assert found["report"]["overall"]["flags_found"]["hits"] == 1
    assert found["interviews"]["questions_most"] > 0


def test_where_nothing_was_asked_there_is_no_share(replayed: Evaluation) -> None:
    """A share of nothing is a dash, never 0 % or 100 %."""
    found = rows(replayed([STORIES[2]], "--brief").output)
    assert found["Sub-area, first guess right"] == ["-", "", "0"]
    assert found["Sub-area macro F1"][0] == "-"


@pytest.mark.parametrize("split", ["kept", "all"])
def test_the_shipped_stories_are_replayed_by_their_split(split: str) -> None:
    """Those that were kept from the choice of constants, or these and all others."""
    call = ["--split", split, "--locale", "en", "--json"]
    overall = json.loads(CliRunner().invoke(evaluate, call).output)["report"]["overall"]
    names = ["tuned", "kept"] if split == "all" else [split]
    lines = [
        json.loads(line)
        for name in names
        for line in (SHIPPED / f"legal_br.{name}.jsonl").read_text("utf-8").splitlines()
    ]
    assert overall["stories"] == sum(one["locale"] == "en" for one in lines)


def test_what_is_not_there_is_named(replayed: Evaluation) -> None:
    """An unknown playbook and a locale without stories are mistakes of the caller."""
    unknown = CliRunner().invoke(evaluate, ["--playbook", "astrology"])
    assert isinstance(unknown.exception, InvalidInput)
    assert "legal_br" in str(unknown.exception)
    nothing = replayed(STORIES, "--locale", "fr")
    assert isinstance(nothing.exception, InvalidInput)
    assert "no stories" in str(nothing.exception)


def test_a_playbook_without_shipped_stories_is_told_so() -> None:
    """One line that says which file is missing, rather than a traceback."""
    result = CliRunner().invoke(evaluate, ["--playbook", "it_support"])
    assert isinstance(result.exception, InvalidInput)
    assert "it_support.tuned.jsonl" in str(result.exception)
