"""`triage cache` shows, clears and replays; the figures that docs/cache.md names are true."""

import asyncio
import json
import re
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from app.commands.cache import cache
from app.domain.cached import Kept
from app.domain.errors import InvalidInput
from app.embedded import EmbeddedValkey
from app.state.cache import KeptAnalyses
from app.state.conversations import ConversationStateManager
from tests.support.cases import opened
from tests.support.sealed import store_at

DOCS = Path(__file__).parents[2] / "docs" / "cache.md"
CASES = Path(__file__).parents[2] / "app" / "playbooks" / "stories" / "replay.jsonl"
KEPT = Kept(
    document=b"{}", placeholders=(), strategy="simple", models=(), prompts=(), calls=1, kept_at=1,
    cost_nano_usd=2_000_000,
)  # fmt: skip


def run(valkey: EmbeddedValkey | None, *args: str, **options: Any) -> Result:
    """Run `triage cache` with these arguments."""
    env = {"COLUMNS": "160", "TRIAGE_REDIS_URL": valkey.url if valkey else ""}
    done = CliRunner().invoke(cache, args, env=env, **options)
    if done.exception is not None and not isinstance(done.exception, (InvalidInput, SystemExit)):
        raise done.exception
    return done


def fill(valkey: EmbeddedValkey) -> None:
    """Keep two analyses, one of which served once."""

    async def work() -> None:
        store = store_at(valkey.url)
        kept = KeptAnalyses(store)
        case = await opened(ConversationStateManager(store, "test"))
        for context in ("one", "two"):
            await kept.put(context, KEPT, seconds=60, bands=(), case_id=case.case_id)
        await kept.count("simple", {"misses": 2, "kept": 2, "hits": 1, "saved_calls": 1})
        await kept.count("simple", {"saved_nano_usd": 2_000_000})
        await store.close()

    asyncio.run(work())


def test_stats_show_what_was_saved(own_valkey: EmbeddedValkey) -> None:
    """By strategy, for people and for programs."""
    fill(own_valkey)
    shown = run(own_valkey, "stats")
    assert shown.exit_code == 0
    assert "2 analyses are kept" in shown.output
    assert "0.002000" in shown.output
    report = json.loads(run(own_valkey, "stats", "--days", "1", "--json").output)
    assert report["entries"] == 2
    assert report["by_strategy"]["simple"]["hits"] == 1
    assert report["by_strategy"]["simple"]["misses"] == 2


def test_clear_asks_first(own_valkey: EmbeddedValkey) -> None:
    """Only a yes empties the cache."""
    fill(own_valkey)
    assert run(own_valkey, "clear", input="n\n").exit_code == 1
    assert "2 analyses are kept" in run(own_valkey, "stats").output
    assert "forgot 2 kept analyses" in run(own_valkey, "clear", input="y\n").output
    assert "0 analyses are kept" in run(own_valkey, "stats").output
    assert "forgot 0" in run(own_valkey, "clear", "--yes").output


def line(number: int, text: str, *, same_as: int | None = None, hour: float = 1.0) -> str:
    """Return a case of a replay."""
    value = {
        "id": f"c{number}",
        "hour": hour,
        "locale": "pt-BR",
        "kind": "template",
        "group": "g",
        "same_as": f"c{same_as or number}",
        "messages": [text],
    }
    return json.dumps(value) + "\n"


def test_a_replay_of_own_cases(tmp_path: Path) -> None:
    """What is served, and whether the label says that it was right."""
    file = tmp_path / "cases.jsonl"
    text = "Comprei um fogão que chegou quebrado e a loja não troca."
    file.write_text(line(1, text) + line(2, text, same_as=1, hour=2) + line(3, text, hour=3))
    report = json.loads(run(None, "replay", str(file), "--json").output)
    assert report["cases"] == 3
    assert (report["hits"]["hits"], report["wrong"]["hits"]) == (2, 1)
    assert [one["right"] for one in report["served"]] == [True, False]
    assert report["counted"]["by_strategy"]["simple"]["hits"] == 2
    shown = run(None, "replay", str(file))
    assert "Served wrongly: c3 from c1" in shown.output


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("{", ":1: "),
        (line(1, "x", same_as=9), "no earlier case"),
        ("\n", "no cases"),
    ],
)
def test_a_file_that_is_none(tmp_path: Path, content: str, reason: str) -> None:
    """The line at fault is named."""
    file = tmp_path / "cases.jsonl"
    file.write_text(content)
    result = run(None, "replay", str(file))
    assert isinstance(result.exception, InvalidInput)
    assert reason in str(result.exception)


@pytest.mark.timeout(600)  # thousands of cases are replayed
@pytest.mark.parametrize("mode", ["exact", "near"])
def test_the_figures_in_the_docs(mode: str) -> None:
    """The shipped replay comes to what docs/cache.md says, and serves nobody wrongly."""
    options = ["--near"] if mode == "near" else []
    report = json.loads(run(None, "replay", "--json", *options).output)
    assert report["cases"] >= 200
    assert report["priced"]
    assert report["wrong"]["hits"] == 0
    column = 2 if mode == "exact" else 3
    rows = [one.split("|") for one in DOCS.read_text("utf-8").splitlines() if one[:1] == "|"]
    table = {cells[1].strip(): cells[column].strip() for cells in rows if len(cells) == 5}
    for title, name in (
        ("served from an equal telling", "hits"),
        ("served from a near telling", "near"),
        ("served wrongly, of those served", "wrong"),
        ("right analyses that were there, used", "reachable"),
        ("cost of analyses saved", "saved"),
        ("cost of analyses saved, cases in danger left out", "saved_of_servable"),
        ("calls for analyses saved", "saved_calls"),
    ):
        said, low, high = (float(one) / 100 for one in re.findall(r"([\d.]+)%", table[title]))
        assert low <= said <= high
        # A little room, since every better rule moves a case or two.
        assert said == pytest.approx(report[name]["value"], abs=0.02), f"{title}: {DOCS} is old"
