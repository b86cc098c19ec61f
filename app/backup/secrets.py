"""The secrets without which a back-up is of no use, and what of them is there."""

from collections.abc import Mapping
from pathlib import Path

from app.core.access.secret import hasher, secret_file
from app.core.privacy.masters import masters_file, sealer
from app.domain.errors import AccessSecretWrong, MasterKeysWrong, MasterUnknown
from app.settings import Settings
from app.state.access import AccessBook
from app.state.sealing import Sealer, case_key
from app.state.store import Store

_TRIED = 200
"""Cases whose keys are opened to see that the master keys are those of the back-up."""
ACCESS, MASTERS = "access-secret", "master.keys"


def files(settings: Settings) -> Mapping[str, Path]:
    """Return where each secret is that is a file, by its name in a back-up."""
    var = settings.var.absolute()
    return {
        ACCESS: secret_file(var),
        MASTERS: masters_file(settings),
        "operator-token": var / "operator-token",
        "vapid.json": var / "vapid.json",
    }


def missing(settings: Settings) -> tuple[str, ...]:
    """Return those that are not here, and that a new start would make anew, to no use."""
    found = files(settings)
    here = {
        ACCESS: settings.access_secret is not None or found[ACCESS].exists(),
        MASTERS: settings.master_keys is not None or found[MASTERS].exists(),
    }
    return tuple(name for name, is_here in here.items() if not is_here)


def opener(settings: Settings) -> Sealer | None:
    """Return what opens the keys of cases; None where there are no master keys here."""
    return None if MASTERS in missing(settings) else sealer(settings)


async def check(store: Store, settings: Settings, cases: list[str]) -> None:
    """See that the secrets that are here are those of what was read.

    Args:
        store: upon it, with what opens the keys of cases, if there is one.
        settings: which secrets.
        cases: all that are there; some of them are tried.

    Raises:
        AccessSecretWrong: tokens and keys were made under another one.
        MasterKeysWrong: cases were sealed under another one.
    """
    absent = missing(settings)
    if ACCESS not in absent:
        made = hasher(settings).fingerprint()
        if not await AccessBook(store).is_secret(made):
            raise AccessSecretWrong(
                "the access secret here is not the one that the tokens and keys of this back-up"
                " were made with: put that one in its place first"
            )
    if MASTERS not in absent:
        for name in cases[:: len(cases) // _TRIED + 1]:
            try:
                await case_key(store, name)
            except MasterUnknown as error:
                raise MasterKeysWrong(
                    "the master keys here do not open the cases of this back-up: put those in"
                    f" their place first that were there when it was made ({error})"
                ) from error
