"""Fetches flags from GrowthBook: a conditional GET with a deadline and a bound.

The SDK's own transport shows faults that would reach people (see decision 14), so we own it.
"""

import asyncio

import httpx2

from app.domain.errors import FlagsInvalid
from plugins.flags.payload import MOST_BYTES

CONNECT_SECONDS = 3.0
DEADLINE_SECONDS = 10.0


class GrowthBookSource:
    """The endpoint of GrowthBook's API, or its proxy's, from which SDKs fetch."""

    def __init__(self, host: str, client_key: str) -> None:
        """Take the API's host, such as `https://cdn.growthbook.io`, and the SDK's client key."""
        self._url = f"{host.rstrip('/')}/api/features/{client_key}"
        self._etag: str | None = None
        self._client = httpx2.AsyncClient(
            timeout=httpx2.Timeout(DEADLINE_SECONDS, connect=CONNECT_SECONDS),
            follow_redirects=False,
            trust_env=False,
        )

    async def fetch(self) -> bytes | None:
        """Return the flags; None where they are as they were when last fetched.

        Raises:
            FlagsInvalid: no answer came, or not the one that was asked for.
        """
        headers = {"accept": "application/json"}
        if self._etag is not None:
            headers["if-none-match"] = self._etag
        try:
            async with (
                asyncio.timeout(DEADLINE_SECONDS),
                self._client.stream("GET", self._url, headers=headers) as response,
            ):
                if response.status_code == 304:
                    return None
                if response.status_code != 200:
                    raise FlagsInvalid(f"GrowthBook answers {response.status_code}")
                read = bytearray()
                async for piece in response.aiter_bytes():
                    read += piece
                    if len(read) > MOST_BYTES:
                        raise FlagsInvalid(f"GrowthBook sends more than {MOST_BYTES} bytes")
                self._etag = response.headers.get("etag")
                return bytes(read)
        except (httpx2.HTTPError, httpx2.InvalidURL, TimeoutError, OSError) as error:
            raise FlagsInvalid(f"GrowthBook does not answer: {error!r}") from error

    def forget(self) -> None:
        """Fetch in full the next time: what came could not be used."""
        self._etag = None

    async def close(self) -> None:
        """Close the connections."""
        await self._client.aclose()
