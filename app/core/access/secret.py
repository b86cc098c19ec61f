"""The secret under which digests of credentials are made: set, or made once and kept in a file.

It stands apart from the storage that the digests are in. All instances on one storage must have
the same; the storage knows its fingerprint, so that another one is found at the start.
"""

import secrets
from pathlib import Path

from app.core.private_file import make_private
from app.domain.access import Hasher
from app.domain.errors import AccessSecretWrong, InvalidInput
from app.settings import Settings
from app.state.access import AccessBook

_FILE = "access-secret"
_LEAST_CHARS = 32


def secret_file(var: Path) -> Path:
    """Return where the secret is kept that nobody set."""
    return var / _FILE


def hasher(settings: Settings) -> Hasher:
    """Return what makes digests here, with a new secret if there is none.

    Raises:
        InvalidInput: if it cannot be kept or read.
    """
    if settings.access_secret is not None:
        return Hasher(settings.access_secret.encode())
    path = secret_file(settings.var)
    try:
        return Hasher(_kept(path).encode())
    except OSError as error:
        raise InvalidInput(
            f"the secret of credentials cannot be kept in {path}: {error.strerror};"
            " set TRIAGE_ACCESS_SECRET, the same for every instance"
        ) from error


async def check_secret(book: AccessBook, made: Hasher, settings: Settings) -> None:
    """Return if credentials that are kept were made under this secret.

    Raises:
        AccessSecretWrong: they were not: every token and every key would be refused.
    """
    if await book.is_secret(made.fingerprint()):
        return
    have = "TRIAGE_ACCESS_SECRET" if settings.access_secret else str(secret_file(settings.var))
    raise AccessSecretWrong(
        f"{have} is not the secret that this storage's tokens and keys were made with. Give every"
        " process the same TRIAGE_ACCESS_SECRET, or the same TRIAGE_VAR/access-secret"
    )


def _kept(path: Path) -> str:
    """Read the secret; whoever comes first makes it, and everybody reads that one."""
    make_private(path, lambda: f"{secrets.token_urlsafe(32)}\n")
    found = path.read_text("ascii").strip()
    if len(found) < _LEAST_CHARS:
        raise InvalidInput(
            f"{path} is damaged: restore it, or every token and key is worth nothing"
        )
    return found
