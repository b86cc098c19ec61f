"""What was erased, so that a back-up which is older does not bring it back.

Beside the back-ups lies a list of it: ids of cases and digests of persons, nothing in anybody's
words. It is taken from the warehouse, which hears of every erasure within seconds.
"""

import os
from collections.abc import Iterable
from pathlib import Path

import msgspec

from analytics.warehouse import Erased
from app.backup.manifest import sync
from app.domain.errors import InvalidInput

FILE = "erased.json"
_decode = msgspec.json.Decoder(Erased).decode


def read(path: Path) -> Erased:
    """Read a list; an empty one where there is none.

    Raises:
        InvalidInput: if it cannot be read.
    """
    try:
        return _decode(path.read_bytes())
    except FileNotFoundError:
        return Erased()
    except (OSError, msgspec.DecodeError) as error:
        raise InvalidInput(f"{path} is no list of what was erased: {error}") from error


def merged(lists: Iterable[Erased]) -> Erased:
    """Return one list of all; what was erased twice was erased when it was for the last time.

    >>> merged([Erased(cases={"a": 1}), Erased(cases={"a": 3, "b": 2})]).cases
    {'a': 3, 'b': 2}
    """
    cases: dict[str, int] = {}
    persons: dict[str, int] = {}
    for one in lists:
        for found, more in ((cases, one.cases), (persons, one.persons)):
            for name, at_ms in more.items():
                found[name] = max(at_ms, found.get(name, 0))
    return Erased(cases=cases, persons=persons)


def note(root: Path, erased: Erased) -> Erased:
    """Add to the list beside the back-ups in `root`; returns all of it, which is on disk then."""
    path = root / FILE
    everything = merged([read(path), erased])
    _write(path, everything)
    return everything


def forget(root: Path, before_ms: int) -> int:
    """Take off what was erased before the oldest back-up was made; returns how much that was."""
    path = root / FILE
    found = read(path)
    left = Erased(
        cases={name: at for name, at in found.cases.items() if at >= before_ms},
        persons={name: at for name, at in found.persons.items() if at >= before_ms},
    )
    gone = len(found.cases) + len(found.persons) - len(left.cases) - len(left.persons)
    if gone:
        _write(path, left)
    return gone


def _write(path: Path, erased: Erased) -> None:
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
        file.write(msgspec.json.encode(erased))
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)
    sync(path.parent)
