"""Playbook files: find them, read them, and explain every mistake with its line."""

import re
import tomllib
from pathlib import Path

import msgspec

import app
from app.core.playbook.rules import rule_mistakes
from app.core.playbook.shape import Mistake, shape_mistakes
from app.core.playbook.toml_lines import Lines, dotted
from app.core.playbook.weights import with_weights
from app.domain.errors import PlaybookInvalid
from app.domain.playbook import Playbook

_SHIPPED = Path(app.__file__).parent / "playbooks"
_SYNTAX = re.compile(r"(.*) \(at (?:line (\d+), column \d+|end of document)\)", re.DOTALL)


def load_playbook(path: Path, *, taught: bool = True) -> Playbook:
    """Read one playbook file, and the file of weights that it names.

    Args:
        path: the file.
        taught: whether the weights are wanted; whoever makes them anew leaves them.

    Raises:
        PlaybookInvalid: with one line `file:line: field: what is wrong` for every mistake.
    """
    text = _read(path)
    try:
        tables = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise PlaybookInvalid([_syntax_mistake(path, text, error)]) from None
    mistakes: list[Mistake] = list(shape_mistakes(tables, Playbook))
    if not mistakes:
        playbook = msgspec.convert(tables, Playbook)
        mistakes = list(rule_mistakes(playbook))
        if not mistakes and taught:
            playbook, mistakes = with_weights(playbook, path.parent)
        if not mistakes:
            return playbook
    lines = Lines(text)
    placed = sorted((lines.line(place), dotted(place), what) for place, what in mistakes)
    raise PlaybookInvalid(
        [f"{path}:{line}: {field or 'playbook'}: {what}" for line, field, what in placed]
    )


def load_playbooks(extra: Path | None = None) -> dict[str, Playbook]:
    """Read the shipped playbooks and those of a further folder, by id; the folder's win.

    Raises:
        PlaybookInvalid: with every mistake of every file.
    """
    playbooks: dict[str, Playbook] = {}
    mistakes: list[str] = []
    if extra is not None and not extra.is_dir():
        mistakes.append(f"{extra}:1: folder: no such folder; expected playbook files")
    for folder in [_SHIPPED] if extra is None else [_SHIPPED, extra]:
        files: dict[str, Path] = {}
        for path in sorted(folder.glob("*.toml")):
            try:
                playbook = load_playbook(path)
            except PlaybookInvalid as error:
                mistakes.extend(error.mistakes)
                continue
            if playbook.id in files:
                line = Lines(_read(path)).line(("id",))
                other = files[playbook.id].name
                mistakes.append(f"{path}:{line}: id: '{playbook.id}' is already the id of {other}")
            files[playbook.id] = path
            playbooks[playbook.id] = playbook
    if mistakes:
        raise PlaybookInvalid(mistakes)
    return playbooks


def _read(path: Path) -> str:
    try:
        raw = path.read_bytes()
    except OSError as error:
        reason = error.strerror or "unknown reason"
        raise PlaybookInvalid([f"{path}:1: file: cannot be read: {reason}"]) from None
    try:
        return raw.decode("utf-8").replace("\r\n", "\n")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        raise PlaybookInvalid([f"{path}:{line}: file: not UTF-8; expected UTF-8 text"]) from None


def _syntax_mistake(path: Path, text: str, error: tomllib.TOMLDecodeError) -> str:
    match = _SYNTAX.fullmatch(str(error))
    what = match.group(1) if match else str(error)
    last = text.rstrip("\n").count("\n") + 1
    line = match.group(2) if match and match.group(2) else last
    return f"{path}:{line}: syntax: not TOML: {what[:1].lower()}{what[1:]}"
