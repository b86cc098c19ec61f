"""Playbook files: find them, read them, and explain every mistake with its line."""

import tomllib
from pathlib import Path

import msgspec

from app.domain.errors import PlaybookInvalid
from app.domain.playbook import Playbook

_SHIPPED = Path(__file__).parent.parent / "playbooks"


def load_playbook(path: Path) -> Playbook:
    """Read one playbook file.

    Raises:
        PlaybookInvalid: naming each mistake with its line and field.
    """
    try:
        return msgspec.convert(tomllib.loads(path.read_text(encoding="utf-8")), Playbook)
    except (msgspec.ValidationError, tomllib.TOMLDecodeError) as error:
        raise PlaybookInvalid([f"{path}:1: {error}"]) from error


def load_playbooks(extra: Path | None = None) -> dict[str, Playbook]:
    """Read the shipped playbooks and those of a further folder, by their ids.

    Raises:
        PlaybookInvalid: naming each mistake of each file.
    """
    folders = [_SHIPPED] if extra is None else [_SHIPPED, extra]
    playbooks: dict[str, Playbook] = {}
    for folder in folders:
        for path in sorted(folder.glob("*.toml")):
            playbook = load_playbook(path)
            playbooks[playbook.id] = playbook
    return playbooks
