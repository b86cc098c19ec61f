"""The file of weights beside a playbook: found, read, and refused where it is for another one."""

from pathlib import Path as FilePath

import msgspec
from msgspec.structs import replace

from app.core.playbook.shape import Mistake
from app.core.understanding.taught import read_weights, why_stale
from app.domain.playbook import Playbook

_MOST = 16 * 1024 * 1024
_ANEW = "expected weights of this playbook: run `triage playbook teach`"


def with_weights(playbook: Playbook, folder: FilePath) -> tuple[Playbook, list[Mistake]]:
    """Return a playbook with the content of the file of weights that it names, and every mistake.

    A playbook that names none is returned as it is.
    """
    taught = playbook.taught
    if taught is None:
        return playbook, []
    if taught.content:
        return playbook, [(("taught", "content"), "is read from the file; expected none here")]
    try:
        content = (folder / taught.file).read_bytes()
    except OSError as error:
        reason = error.strerror or "unknown reason"
        return playbook, [_mistake(f"'{taught.file}' cannot be read: {reason}")]
    if len(content) > _MOST:
        return playbook, [_mistake(f"'{taught.file}' is larger than any file of weights")]
    try:
        weights = read_weights(content)
    except msgspec.DecodeError as error:
        return playbook, [_mistake(f"'{taught.file}' is no file of weights: {error}")]
    if (stale := why_stale(weights, playbook)) is not None:
        return playbook, [_mistake(f"'{taught.file}' is stale: {stale}")]
    return replace(playbook, taught=replace(taught, content=content)), []


def _mistake(what: str) -> Mistake:
    return ("taught", "file"), f"{what}; {_ANEW}"
