"""What the proofs under faults share: how many rounds, a playbook with much to say, and figures."""

import os
from collections.abc import Sequence
from pathlib import Path

from msgspec.structs import replace

from app.domain.playbook import Playbook, Ttl
from tests.support.playbooks import tiny_playbook
from tests.support.toml_text import write_playbook

ROUNDS = "TRIAGE_PROOF_ROUNDS"
"""The variable with which `make prove-*` asks for more rounds than every test run takes."""

STORY = "Water has been dripping from my bathroom ceiling since yesterday."

_AT_LENGTH = (
    "Thank you for telling me – I have written it all down, word by word, and nothing of it will be"
    " lost, whatever happens to the machines that we are talking through: not the naïve question,"
    " not the 5 €, not the 🚰 and the 👩🏽‍🔧 who is on her way; so take your time."
)


def rounds(usual: int) -> int:
    """Return how many rounds a proof takes: the usual number unless more were asked for."""
    return int(os.environ.get(ROUNDS) or usual)


def talkative_playbook(ttl: Ttl | None = None) -> Playbook:
    """Return the tiny playbook with answers of some fifty words, in cases that hardly ever fill."""
    tiny = tiny_playbook()
    said = {"pt-BR": _AT_LENGTH, "en": _AT_LENGTH}
    phrases = replace(
        tiny.phrases,
        acknowledge={locale: (text,) for locale, text in said.items()},
        addendum=said,
        closing=said,
    )
    return replace(
        tiny,
        id="talkative",
        phrases=phrases,
        limits=replace(tiny.limits, messages=1_000),
        ttl=ttl or tiny.ttl,
    )


def talkative_settings(folder: Path, ttl: Ttl | None = None) -> dict[str, str]:
    """Write that playbook into a new folder and return the settings with which it is served."""
    folder.mkdir()
    playbook = talkative_playbook(ttl)
    write_playbook(playbook, folder)
    return {"TRIAGE_PLAYBOOKS": str(folder), "TRIAGE_PLAYBOOK": playbook.id}


def spread(values: Sequence[float]) -> dict[str, str]:
    """Return the least, the middle and the greatest of some seconds, as milliseconds to print."""
    ordered = sorted(values)
    named = {"least": ordered[0], "p50": ordered[len(ordered) // 2], "max": ordered[-1]}
    return {name: f"{value * 1_000:.0f} ms" for name, value in named.items()}


def table(title: str, rows: Sequence[tuple[str, object]]) -> str:
    """Return figures as a small table."""
    width = max(len(name) for name, _ in rows)
    lines = [f"  {name:<{width}}  {value}" for name, value in rows]
    return "\n".join(["", title, *lines, ""])
