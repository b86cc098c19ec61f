"""Who is the primary, as most of the Sentinels that answer say.

One of them is not enough: for seconds after a failover a Sentinel may name the old primary still,
and that one may have come back meanwhile and take itself for the primary, with none of what was
written since.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from redis import Redis as SyncRedis
from redis import RedisError
from redis.asyncio import Redis
from redis.exceptions import ConnectionError as NotConnected

Address = tuple[str, int]
_ASK = "SENTINEL GET-MASTER-ADDR-BY-NAME"
"""It names the new primary as soon as that is one; `SENTINEL MASTERS` only after the failover."""


class Votes:
    """What the Sentinels said so far."""

    def __init__(self, voters: int, service: str) -> None:
        """Take how many there are, and what they are asked for."""
        self._voters = voters
        self._service = service
        self._named: Counter[Address] = Counter()
        self._errors: list[str] = []

    @property
    def decided(self) -> bool:
        """Whether more than half of all have named the same, so that nobody else need be asked."""
        return any(2 * count > self._voters for count in self._named.values())

    def add(self, answer: Any) -> None:
        """Count an answer; a Sentinel that does not know the service names nobody."""
        if answer is not None:
            host, port = answer
            name = host.decode() if isinstance(host, bytes) else str(host)
            self._named[name, int(port)] += 1

    def fail(self, error: Exception) -> None:
        """Note one that gave no answer."""
        self._errors.append(f"{type(error).__name__}: {error}")

    def winner(self) -> Address:
        """Return the address that more than half of those who named one have named.

        >>> votes = Votes(3, "main")
        >>> votes.add(("10.0.0.1", 6379)), votes.add((b"10.0.0.2", b"6379")), votes.decided
        (None, None, False)
        >>> votes.add((b"10.0.0.2", b"6379")), votes.winner(), votes.decided
        (None, ('10.0.0.2', 6379), True)

        Raises:
            NotConnected: they named none, or do not agree.
        """
        for address, count in self._named.most_common(1):
            if 2 * count > self._named.total():
                return address
        if self._named:
            raise NotConnected(f"the Sentinels do not agree yet who is {self._service!r}")
        raise NotConnected(f"no Sentinel names {self._service!r}: {', '.join(self._errors)}")


async def primary(
    sentinels: Sequence[Address], service: str, options: Mapping[str, Any]
) -> Address:
    """Ask who is the primary now.

    Args:
        sentinels: where they are.
        service: its name there.
        options: for connections to them.

    Raises:
        NotConnected: they do not say, or do not agree.
    """
    votes = Votes(len(sentinels), service)
    for host, port in sentinels:
        asked = Redis(host=host, port=port, **options)
        try:
            votes.add(await asked.execute_command(_ASK, service))
        except RedisError as error:
            votes.fail(error)
        finally:
            await asked.aclose()
        if votes.decided:
            break
    return votes.winner()


def primary_for_threads(
    sentinels: Sequence[Address], service: str, options: Mapping[str, Any]
) -> Address:
    """Ask who is the primary now, in a thread; as `primary`."""
    votes = Votes(len(sentinels), service)
    for host, port in sentinels:
        asked = SyncRedis(host=host, port=port, **options)
        try:
            votes.add(asked.execute_command(_ASK, service))
        except RedisError as error:
            votes.fail(error)
        finally:
            asked.close()
        if votes.decided:
            break
    return votes.winner()
