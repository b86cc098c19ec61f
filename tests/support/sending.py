"""A process that empties outboxes, to be killed: `python -m tests.support.sending URL`."""

import asyncio
import signal
import sys

from tests.support.outboxes import notifier_on
from tests.support.sealed import store_at


async def send(url: str) -> None:
    """Send until asked to stop, with a lease that a test can wait for."""
    stopping = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stopping.set)
    store = store_at(url)
    async with notifier_on(store, lease_ms=200) as notifier:
        print("ready", flush=True)
        await notifier.run(stopping)
    await store.close()


if __name__ == "__main__":
    asyncio.run(send(sys.argv[1]))
