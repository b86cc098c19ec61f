"""The scripts that run in the server: which there are, what each is put together from."""

import hashlib
from importlib import resources

SHARED = (
    "start", "accept", "claim", "finish", "release", "drop", "erase", "save", "subscribe",
    "say_of", "abandon", "adopt", "revoke", "case_key",
)  # fmt: skip
"""Scripts over the keys of a case."""
JOBS = ("job_claim", "job_keep", "job_finish", "job_postpone", "job_order")
"""Scripts over the keys of a case that concern one of its background jobs."""
ALONE = (
    "renew", "unlist", "move", "swap", "outbox_take", "outbox_hold", "outbox_fan_out",
    "offer_flags", "let_go", "admit", "hold_streams", "swap_key",
    "audit", "audit_trim", "masters",
)  # fmt: skip
"""Scripts over one key of their own."""

LEDGER = ("ledger_reserve", "ledger_settle", "ledger_void", "ledger_budgets")
"""Scripts over the keys of the ledger."""
RECORDING = ("finish", "job_finish", "erase", "say_of", "abandon")
"""Scripts over the keys of a case that leave facts behind for the warehouse."""

DURABLE = (
    "start", "adopt", "accept", "finish", "save", "erase", "job_finish", "revoke", "swap_key",
    "audit",
)  # fmt: skip
"""Scripts whose effect is told to somebody as done; replicas may have to have it before that."""


class Script:
    """A script's source and the digest under which the server caches it."""

    __slots__ = ("digest", "source")

    def __init__(self, name: str) -> None:
        folder = resources.files("app.state") / "scripts"
        of_case = name not in ALONE and name not in LEDGER
        shared = ["lib.lua"] * of_case + ["job_lib.lua"] * (name in JOBS)
        facts = ["facts.lua"] * (name in RECORDING)
        ledger = ["ledger_facts.lua", "ledger_lib.lua"] * (name in LEDGER)
        parts = [*shared, *facts, *ledger, f"{name}.lua"]
        self.source = "\n".join((folder / part).read_text() for part in parts)
        self.digest = hashlib.sha1(self.source.encode(), usedforsecurity=False).hexdigest()


SCRIPTS = {name: Script(name) for name in SHARED + JOBS + ALONE + LEDGER}
