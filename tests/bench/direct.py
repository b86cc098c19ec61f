"""The SDKs called directly: so many streams at a time in one process, read as documented.

Prints one JSON object: for every stream the seconds to its first word, the delays of all words in
microseconds, and the process's own processor time.
"""

import asyncio
import sys
import time
from collections.abc import AsyncIterator

import anthropic
import msgspec
import openai
import uvloop
from msgspec import Struct

from tests.bench.provider import CLOCK, stamp


class Direct(Struct, kw_only=True):
    """What was seen."""

    first_words: list[float]
    delays: list[int]
    words: int
    cpu: float


def openai_texts(client: openai.AsyncOpenAI) -> AsyncIterator[str]:
    """Return the pieces of one response."""

    async def pieces() -> AsyncIterator[str]:
        stream = await client.responses.create(model="direct", input="What happened?", stream=True)
        async for event in stream:
            if event.type == "response.output_text.delta":
                yield event.delta

    return pieces()


def anthropic_texts(client: anthropic.AsyncAnthropic) -> AsyncIterator[str]:
    """Return the pieces of one message."""

    async def pieces() -> AsyncIterator[str]:
        stream = await client.messages.create(
            model="direct",
            max_tokens=1_000,
            messages=[{"role": "user", "content": "What happened?"}],
            stream=True,
        )
        async for event in stream:
            if event.type == "content_block_delta" and event.delta.type == "text_delta":
                yield event.delta.text

    return pieces()


async def measure(sdk: str, url: str, users: int, spread: float, seconds: float) -> Direct:
    """Keep so many streams open for a while, after one each to warm up."""
    of_openai = openai.AsyncOpenAI(api_key="none", base_url=f"{url}/v1", max_retries=0)
    of_anthropic = anthropic.AsyncAnthropic(api_key="none", base_url=url, max_retries=0)
    found = Direct(first_words=[], delays=[], words=0, cpu=0.0)
    begun = asyncio.Barrier(users + 1)
    over = asyncio.Event()

    async def stream(*, counts: bool) -> None:
        began = time.perf_counter()
        texts = openai_texts(of_openai) if sdk == "openai" else anthropic_texts(of_anthropic)
        first = 0.0
        async for text in texts:
            word = text.removeprefix('{"reply":"')
            if not word[:9].isdigit():
                continue
            first = first or time.perf_counter() - began
            found.words += 1
            if counts:
                found.delays.append((stamp() - int(word[:9])) % CLOCK)
        if counts:
            found.first_words.append(first)

    async def live(number: int) -> None:
        await asyncio.sleep(spread * number / users)
        await stream(counts=False)
        await begun.wait()
        await asyncio.sleep(spread * number / users)
        while not over.is_set():
            await stream(counts=True)

    lives = [asyncio.create_task(live(number)) for number in range(users)]
    await begun.wait()
    found.words, began = 0, time.process_time()
    await asyncio.sleep(seconds)
    found.cpu, words = time.process_time() - began, found.words
    over.set()
    await asyncio.gather(*lives)
    found.words = words
    await of_openai.close()
    await of_anthropic.close()
    return found


if __name__ == "__main__":
    _, name, base_url, *numbers = sys.argv
    result = uvloop.run(measure(name, base_url, int(numbers[0]), *map(float, numbers[1:])))
    sys.stdout.buffer.write(msgspec.json.encode(result))
