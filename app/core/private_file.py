"""Files that hold secrets: whole as soon as they have their name, and nobody else's to read."""

import contextlib
import os
import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path


def write_private(path: Path, text: str) -> None:
    """Write a file that only its owner may read; whoever looks sees all of one of its contents.

    Raises:
        OSError: if it cannot be written; what was there stays.
    """
    with _draft(path, text) as draft:
        draft.replace(path)


def make_private(path: Path, text: Callable[[], str]) -> None:
    """Write such a file unless it is there: whoever comes first does, and everybody reads that one.

    Raises:
        OSError: if it cannot be written.
    """
    if path.exists():
        return
    with _draft(path, text()) as draft, contextlib.suppress(FileExistsError):
        os.link(draft, path)


@contextmanager
def _draft(path: Path, text: str) -> Iterator[Path]:
    """Write it under another name, until it is on the disk."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f"{path.name}.{secrets.token_hex(8)}")
    made = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(made, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        yield draft
    finally:
        draft.unlink(missing_ok=True)
