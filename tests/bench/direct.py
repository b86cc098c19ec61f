"""The OpenAI SDK called directly, with no server between: what the time to first token is held to.

Run as a script with the provider's base URL, how many streams are open at a time, how many follow
each other on each, and the words and the gap of each. Prints the microseconds to the first words,
as JSON.
"""

import asyncio
import sys
import time

import msgspec
import uvloop
from openai import AsyncOpenAI

from tests.bench.provider import order


async def measure(base_url: str, streams: int, turns: int, words: int, gap_ms: int) -> list[int]:
    """Return the times to the first words of all streams, in microseconds."""
    firsts: list[int] = []
    client = AsyncOpenAI(api_key="bench", base_url=base_url, max_retries=0)

    async def one(name: int) -> None:
        message = order(name, words, gap_ms)
        began, first = time.monotonic_ns(), 0
        async for event in await client.responses.create(model="m", input=message, stream=True):
            if event.type == "response.output_text.delta" and not first:
                first = time.monotonic_ns()
        firsts.append((first - began) // 1_000)

    async def lane(at: int) -> None:
        await asyncio.sleep(at * words * gap_ms / 1_000 / streams)
        for _ in range(turns):
            await one(at)

    await one(0)
    firsts.clear()
    async with client:
        await asyncio.gather(*(lane(at) for at in range(streams)))
    return firsts


if __name__ == "__main__":
    found = uvloop.run(measure(sys.argv[1], *map(int, sys.argv[2:6])))
    print(msgspec.json.encode(found).decode())
