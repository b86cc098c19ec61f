"""What the proofs under faults share: how many rounds, a playbook with much to say, and figures."""

import os
from collections.abc import Sequence
from pathlib import Path

from msgspec.structs import replace

from app.domain.playbook import Ttl
from tests.support.playbooks import tiny_playbook
from tests.support.toml_text import write_playbook

ROUNDS = "TRIAGE_PROOF_ROUNDS"
"""The variable with which `make prove-*` asks for more rounds than every test run takes."""

SHORT_TTL = Ttl(active=60, completed=60, turn_log=5)
STORY = "Water has been dripping from my bathroom ceiling since yesterday."

_AT_LENGTH = (
    "Thank you for telling me – I have written it all down, word by word, and nothing of it will be"
    " lost, whatever happens to the machines that we are talking through: not the naïve question,"
    " not the 5 €, not the 🚰 and the 👩🏽‍🔧 who is on her way; so take your time."
)
_MUCH = ("drip" * 100 + " ") * 1_000


def rounds(usual: int) -> int:
    """Return how many rounds a proof takes: the usual number unless more were asked for."""
    return int(os.environ.get(ROUNDS) or usual)


TALKATIVE = "talkative"
"""A playbook with answers of some sixty words, in cases that hardly ever fill."""
ENDLESS = "endless"
"""The same with answers that no buffer between two programs holds."""
FLEETING = "fleeting"
"""The same with the shortest lives that a playbook can give."""
BRIEF = "brief"
"""The same with lives of some minutes, so that a long load comes to stand at a level."""


def write_proof_playbooks(folder: Path) -> dict[str, str]:
    """Write these playbooks into a folder and return the settings with which they are served."""
    tiny = tiny_playbook()
    said = {"pt-BR": _AT_LENGTH, "en": _AT_LENGTH}
    phrases = replace(
        tiny.phrases,
        acknowledge={locale: (text,) for locale, text in said.items()},
        unclear=said,
        retry=said,
        addendum=said,
        closing=said,
    )
    limits = replace(tiny.limits, messages=1_000)
    talkative = replace(tiny, id=TALKATIVE, phrases=phrases, limits=limits)
    write_playbook(tiny, folder)
    write_playbook(talkative, folder)
    endless = replace(phrases, acknowledge=dict.fromkeys(said, (_MUCH,)))
    write_playbook(replace(talkative, id=ENDLESS, phrases=endless), folder)
    write_playbook(replace(talkative, id=FLEETING, ttl=SHORT_TTL), folder)
    minutes = Ttl(active=300, completed=300, turn_log=60)
    write_playbook(replace(talkative, id=BRIEF, ttl=minutes), folder)
    return {"TRIAGE_PLAYBOOKS": str(folder), "TRIAGE_PLAYBOOK": TALKATIVE}


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
