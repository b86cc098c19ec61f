"""Reads and writes what stands sealed in the storage, for tests that look behind the managers."""

from app.domain.sealing import CaseKey, read_ring
from app.state.sealing import Installation, Sealer, key_to_write
from app.state.store import Store
from tests.support.processes import MASTER_KEYS


def sealer_of_tests() -> Sealer:
    """Return the keys of cases as every process of the tests has them."""
    return Sealer(read_ring(MASTER_KEYS))


def store_at(url: str, *, replicas: int = 0) -> Store:
    """Return a connection that reads and writes what cases hold, as every process does."""
    return Store(url, replicas=replicas, sealer=sealer_of_tests())


async def key_of(store: Store, case_id: str) -> CaseKey:
    """Return the key of a case that is there."""
    found = await key_to_write(store, case_id)
    assert found is not None, f"there is no case {case_id}"
    return found


async def cached_name(store: Store, digest: str) -> str:
    """Return under what name the cache of analyses keeps what has this digest."""
    return (await Installation(store).key()).digest(b"cache", digest.encode())
