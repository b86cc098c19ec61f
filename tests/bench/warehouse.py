"""How fast facts get into the embedded warehouse and how much room they take.

python -m tests.bench.warehouse [rows of the day, default 1000000]
"""

import hashlib
import sys
import tempfile
import time
from functools import partial
from pathlib import Path
from typing import Any

from analytics.warehouse import open_warehouse
from app.domain.facts import encode, flattened
from app.state.facts import Entry
from jobs.warehouse import AT_ONCE, keep
from tests.support.warehouses import MIDNIGHT, turn


def entries(first: int, count: int) -> list[Entry]:
    """Return facts as they wait in the stream."""
    return [
        Entry(f"{at}-0", encode(turn(case_of(at), 1, MIDNIGHT + at % 80_000_000)))
        for at in range(first, first + count)
    ]


def case_of(number: int) -> str:
    """Return a case's id that looks as random as real ones."""
    return hashlib.md5(str(number).encode(), usedforsecurity=False).hexdigest()


def timed(work: Any) -> float:
    """Return the milliseconds that something takes."""
    began = time.perf_counter()
    work()
    return (time.perf_counter() - began) * 1_000


def main() -> None:
    """Measure and print."""
    total = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000
    with tempfile.TemporaryDirectory() as folder:
        warehouse = open_warehouse(Path(folder))
        with warehouse.writing() as writer:
            keep(writer, entries(0, 1))  # loads the engine
            empty = timed(lambda: keep(writer, entries(1, AT_ONCE)))
            at = AT_ONCE + 1
            while at < total:
                made = entries(at, min(100_000, total - at))
                writer.append([flattened(one.data) for one in made])
                at += len(made)
            one = min(timed(partial(keep, writer, entries(at + n, 1))) for n in range(5))
            full = timed(lambda: keep(writer, entries(at + 10, AT_ONCE)))
            erased = timed(lambda: writer.erase(cases=[case_of(7)], at_ms=1))
        status = next(one_ for one_ in warehouse.status() if one_.name == "turn")
        sql = "SELECT variant, count(*), avg(duration_ms) FROM turn GROUP BY 1"
        first = timed(lambda: warehouse.query(sql))
        again = min(timed(lambda: warehouse.query(sql)) for _ in range(5))
        print(f"rows of the day                       {status.rows:,} in {status.files} files")
        print(f"bytes a row in Parquet                {status.size_bytes / status.rows:.0f}")
        print(f"bytes a fact in the stream            {len(entries(0, 1)[0].data)}")
        print(f"{AT_ONCE:,} facts, an empty day             {empty:.0f} ms")
        print(f"{AT_ONCE:,} facts, the full day             {full:.0f} ms")
        print(f"one fact, the full day                {one:.0f} ms")
        print(f"erasing a case, the full day          {erased:.0f} ms")
        print(f"count and mean of all, first          {first:.0f} ms")
        print(f"count and mean of all, again          {again:.0f} ms")


if __name__ == "__main__":
    main()
