"""Writes a playbook as the TOML file that it could have come from."""

import json
from pathlib import Path
from typing import Any

import msgspec

from app.domain.playbook import Playbook


def write_playbook(playbook: Playbook, folder: Path) -> Path:
    """Write the playbook into a folder and return its path."""
    path = folder / f"{playbook.id}.toml"
    members = {k: v for k, v in msgspec.to_builtins(playbook).items() if v is not None}
    lines = (f"{name} = {_value(value)}\n" for name, value in members.items())
    path.write_text("".join(lines), "utf-8")
    return path


def _value(value: Any) -> str:
    if isinstance(value, dict):
        pairs = (f"{json.dumps(k)} = {_value(v)}" for k, v in value.items() if v is not None)
        return "{" + ", ".join(pairs) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(map(_value, value)) + "]"
    return json.dumps(value, ensure_ascii=False)
