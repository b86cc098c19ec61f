"""Where the keys for Web Push are kept: in the environment, or in a file of this machine's data."""

from pathlib import Path

import msgspec
from msgspec import Struct

from app.domain.errors import InvalidInput
from app.notify.push import VapidKeys, new_private_key
from app.settings import Settings

DEFAULT_SUBJECT = "mailto:operator@localhost"
"""Good enough for one machine; some push services want an address that can be reached."""


class VapidFile(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What the file holds."""

    private_key: str
    public_key: str
    subject: str


_decode = msgspec.json.Decoder(VapidFile).decode


def vapid_file(var: Path) -> Path:
    """Return where the keys are kept."""
    return var / "vapid.json"


def new_vapid(subject: str) -> VapidFile:
    """Return new keys.

    Raises:
        InvalidInput: if the subject cannot be one.
    """
    private = new_private_key()
    public = VapidKeys(private, subject).public_key
    return VapidFile(private_key=private, public_key=public, subject=subject)


def read_vapid(var: Path) -> VapidFile | None:
    """Return the keys that are kept; None if there are none.

    Raises:
        InvalidInput: if the file cannot be read.
    """
    path = vapid_file(var)
    try:
        return _decode(path.read_bytes())
    except FileNotFoundError:
        return None
    except (OSError, msgspec.MsgspecError) as error:
        raise InvalidInput(f"{path}: {error}; `triage keys vapid --force` writes it anew") from None


def vapid_keys(settings: Settings) -> VapidKeys | None:
    """Return the keys to use: those that are set, or those that are kept; None if there are none.

    Raises:
        InvalidInput: if they cannot be used.
    """
    if settings.vapid_private_key is not None:
        return VapidKeys(settings.vapid_private_key, settings.vapid_subject or DEFAULT_SUBJECT)
    if (kept := read_vapid(settings.var)) is None:
        return None
    return VapidKeys(kept.private_key, settings.vapid_subject or kept.subject)
