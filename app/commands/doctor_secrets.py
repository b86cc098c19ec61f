"""What `triage doctor` says of who is let in, and of the keys that everything is sealed with."""

from collections.abc import Iterator

from app.api.addresses import Proxies
from app.commands.finding import Finding
from app.commands.place import open_to
from app.core.access.secret import secret_file
from app.datafolder import holder, socket_url
from app.domain.access import is_loopback
from app.domain.errors import InvalidInput, StateUnavailable
from app.settings import Settings


def access(settings: Settings) -> Iterator[Finding]:
    """Say who may open cases, whose word about addresses counts, and whether secrets agree."""
    by = open_to(settings)
    if settings.open_intake and not settings.trusted_proxies and not is_loopback(settings.host):
        yield Finding(
            topic="access",
            status="warn",
            text=f"cases are opened by {by}; whoever connects is counted as one person",
            mend="Behind a proxy, name it in TRIAGE_TRUSTED_PROXIES: else all share one rate.",
        )
    else:
        yield Finding(topic="access", status="ok", text=f"cases are opened by {by}")
    try:
        Proxies(settings.trusted_proxies)
    except InvalidInput as error:
        yield Finding(topic="access", status="bad", text=str(error), mend="Correct or unset it.")
    if settings.redis_url is not None and not _has_secret(settings):
        yield Finding(
            topic="access",
            status="warn",
            text=f"no secret for tokens and keys yet: {secret_file(settings.var)} will be made",
            mend="With instances on several machines, set TRIAGE_ACCESS_SECRET, the same for all.",
        )


def masters(settings: Settings) -> Iterator[Finding]:
    """See whether the ring of master keys can be read, by nobody else, and is the storage's."""
    import asyncio

    from app.core.privacy.masters import RingFile, masters_file
    from app.domain.errors import MasterKeysWrong
    from app.domain.sealing import MasterRing, read_ring
    from app.state.masters import MasterBook
    from app.state.store import Store

    topic, path = "master keys", masters_file(settings)
    given = settings.master_keys is not None
    if not given and settings.master_keys_file is None and not path.exists():
        yield Finding(topic=topic, status="ok", text=f"none yet: {path} will be made")
        return
    try:
        text = settings.master_keys
        ring = RingFile(path).read() if text is None else read_ring(text)
    except InvalidInput as error:
        mend = "Restore it from a back-up: without it, nothing that people said can be read."
        yield Finding(topic=topic, status="bad", text=str(error), mend=mend)
        return
    if not given and not path.is_relative_to("/run/secrets") and path.stat().st_mode & 0o077:
        mend = f"chmod 600 {path}: whoever has it and the storage reads everything."
        yield Finding(topic=topic, status="bad", text=f"others can read {path}", mend=mend)

    async def check(url: str, ring: MasterRing) -> str:
        store = Store(url)
        try:
            if not await MasterBook(store).all():
                return ring.first.id
            return await MasterBook(store).check(ring)
        finally:
            await store.close()

    where = "TRIAGE_MASTER_KEYS" if given else str(path)
    kept = "keep a copy apart from the storage's: losing it loses what people said"
    url = settings.redis_url
    if url is None and holder(settings.var) is not None:
        url = socket_url(settings.var.absolute() / "valkey")
    try:
        current = ring.first.id if url is None else asyncio.run(check(url, ring))
    except StateUnavailable:
        return  # it has been told already
    except MasterKeysWrong as error:
        mend = "Restore the ring that belongs to this storage."
        yield Finding(topic=topic, status="bad", text=str(error), mend=mend)
        return
    text = f"{current} of {len(ring.masters)} in {where}; {kept}"
    yield Finding(topic=topic, status="ok", text=text)


def _has_secret(settings: Settings) -> bool:
    return settings.access_secret is not None or secret_file(settings.var).exists()
