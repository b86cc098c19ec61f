"""Keeps on disk what a start computes, so that the next one need not.

A cache and nothing more: whatever is missing, damaged or made of something else is computed anew.
Plain data in msgpack is read and checked, never objects that could run anything.
"""

import hashlib
import os
import sys
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path
from typing import TypeVar

import msgspec
import structlog

T = TypeVar("T")

_DIGEST = hashlib.sha256
_DIGEST_BYTES = _DIGEST().digest_size

_log = structlog.get_logger(__name__)


def digest_of(files: Iterable[Path]) -> str:
    """Return what names the content of files, and the Python and msgspec that read it.

    Raises:
        OSError: if a file cannot be read.
    """
    whole = _DIGEST(f"{sys.version} {msgspec.__version__}".encode())
    for file in files:
        content = file.read_bytes()
        whole.update(f"{file} {len(content)} ".encode())
        whole.update(content)
    return whole.hexdigest()[:32]


class Kept:
    """A folder of values, each kept for the latest that it was made of."""

    def __init__(self, folder: Path) -> None:
        """Keep them in this folder; it is created when there is something to keep."""
        self._folder = folder

    def value(self, name: str, made_of: str, kind: type[T], make: Callable[[], T]) -> T:
        """Return a value: as kept, if it was made of the same, else as it is made now.

        Args:
            name: of the value.
            made_of: what it is made of, as `digest_of` names it.
            kind: its type, as which it is checked.
            make: makes it.
        """
        file = self._folder / f"{name}-{made_of}.msgpack"
        value = _read(file, kind)
        if value is None:
            value = make()
            self._keep(name, file, value)
        return value

    def _keep(self, name: str, file: Path, value: object) -> None:
        body = msgspec.msgpack.encode(value)
        draft = file.with_suffix(f".{os.getpid()}")
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            draft.write_bytes(_DIGEST(body).digest() + body)
            draft.replace(file)
            for old in self._folder.glob(f"{name}-*.msgpack"):
                if old != file:
                    old.unlink(missing_ok=True)
        except OSError as error:
            _log.warning("start.not_kept", name=name, reason=str(error))
            with suppress(OSError):
                draft.unlink()


def _read(file: Path, kind: type[T]) -> T | None:
    try:
        content = file.read_bytes()
    except FileNotFoundError:
        return None
    except OSError as error:
        _log.warning("start.kept_unreadable", file=str(file), reason=str(error))
        return None
    digest, body = content[:_DIGEST_BYTES], content[_DIGEST_BYTES:]
    try:
        if _DIGEST(body).digest() == digest:
            return msgspec.msgpack.decode(body, type=kind)
        reason = "it is not as it was written"
    except msgspec.DecodeError as error:
        reason = str(error)
    _log.warning("start.kept_damaged", file=str(file), reason=reason)
    return None
