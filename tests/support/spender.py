"""A process that spends: asks for leave to make many calls at once, and settles those it got.

`python -m tests.support.spender URL CALLS hold|spend`: with `hold` it says `held` once it has
leave, and then waits to be killed.
"""

import asyncio
import random
import sys

from app.core.accounting.meter import LedgerMeter
from app.domain.usage import Usage
from app.llm.catalogue import Catalogue
from app.llm.metering import Denied
from app.llm.timeouts import Timeouts
from app.state.ledger import Ledger
from app.state.store import Store
from tests.support.ledgers import attempt, request


async def spend(url: str, calls: int) -> int:
    """Make so many calls at once; return how many got leave."""
    store = Store(url)
    meter = LedgerMeter(Ledger(store), Catalogue())

    async def call(number: int) -> bool:
        ticket = await meter.reserve(request(output=400), "openai")
        if isinstance(ticket, Denied):
            return False
        await asyncio.sleep(random.random() * 0.01)
        used = Usage(input=50 + number % 200, output=random.randint(0, 400))
        ticket.settle(attempt(used))
        return True

    got = sum(await asyncio.gather(*(call(number) for number in range(calls))))
    await meter.close()
    await store.close()
    return got


async def hold(url: str) -> None:
    """Get leave for a call whose reservation runs out at once, and never come back."""
    store = Store(url)
    meter = LedgerMeter(
        Ledger(store), Catalogue(), timeouts=Timeouts(total=0.0, rest=0.0), spare_seconds=0.0
    )
    ticket = await meter.reserve(request(), "openai")
    assert not isinstance(ticket, Denied)
    print("held", flush=True)
    await asyncio.Event().wait()


if __name__ == "__main__":
    _, url, calls, how = sys.argv
    if how == "hold":
        asyncio.run(hold(url))
    else:
        print(asyncio.run(spend(url, int(calls))))
