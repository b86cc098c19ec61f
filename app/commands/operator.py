"""The operator's token: set by hand, or made once for everything that `triage up` starts."""

import secrets
from pathlib import Path

from app.core.private_file import write_private
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
    token = secrets.token_urlsafe(32)
    write_private(path, f"{token}\n")
    return token
