"""The operator's token: set by hand, or made once for everything that `triage up` starts."""

import os
import secrets
from pathlib import Path

from app.settings import Settings

_FILE = "operator-token"


def operator_token_file(var: Path) -> Path:
    """Return where `triage up` keeps the token that it made."""
    return var / _FILE


def made_operator_token(settings: Settings) -> str:
    """Return the operator's token: the one that is set, the one that is kept, or a new one."""
    if settings.operator_token is not None:
        return settings.operator_token
    path = operator_token_file(settings.var)
    if path.exists():
        return path.read_text("ascii").strip()
    path.parent.mkdir(parents=True, exist_ok=True)
    token = secrets.token_urlsafe(32)
    # The name appears with the whole token in it, and is nobody else's to read.
    draft = path.with_name(f"{_FILE}.{os.getpid()}")
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(token + "\n")
    draft.replace(path)
    return token
