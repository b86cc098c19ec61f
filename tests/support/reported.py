"""Some weeks of an installation's life, invented: what reports are about in tests and pictures."""

import random
from collections.abc import Iterator
from typing import Any

from msgspec.structs import replace

from app.domain.facts import AiCall, Fact
from app.domain.ledger import LedgerRow
from tests.support.warehouses import (
    HOUR,
    abandoned,
    analysed,
    call,
    completed,
    rating,
    review,
    started,
    turn,
)

DAY = 24 * HOUR
_BUSY = (1, 1, 0, 0, 0, 1, 2, 4, 7, 10, 11, 10, 8, 9, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2)
"""How busy each hour is, by UTC."""
_MODELS = (
    # name, provider, share, nano-USD a call, milliseconds to the first token, of the whole
    ("gpt-5-mini", "openai", 0.62, 1_400_000, 620, 2_100),
    ("claude-haiku-4-5", "anthropic", 0.23, 2_900_000, 480, 1_700),
    ("gpt-5", "openai", 0.15, 14_500_000, 1_450, 7_800),
)
_CODES = ("leak", "noise", None)


def weeks(first_ms: int, days: int, *, seed: int = 7, scale: float = 1.0) -> list[Fact]:
    """Return what happened in so many days, the same for the same seed."""
    dice = random.Random(seed)
    found: list[Fact] = []
    for day in range(days):
        weekday = (first_ms // DAY + 3 + day) % 7
        weight = scale * (0.45 if weekday >= 5 else 1.0) * (1 + 0.02 * day)
        for hour, busy in enumerate(_BUSY):
            for _ in range(round(busy * weight * dice.uniform(0.6, 1.4))):
                at = first_ms + day * DAY + hour * HOUR + dice.randrange(HOUR)
                found += _case(at, dice)
    return found


def rows_of(facts: list[Fact]) -> list[LedgerRow]:
    """Return the ledger's rows among facts."""
    return [one.row for one in facts if isinstance(one, AiCall)]


def _case(at: int, dice: random.Random) -> Iterator[Fact]:
    case_id = f"{dice.getrandbits(128):032x}"
    arm = dice.choice(("control", "warm"))
    who: dict[str, Any] = {"experiment": "greeting", "variation": arm}
    yield started(case_id, at, **who)
    ends = dice.random()
    turns = dice.randint(3, 9) if ends > 0.2 else dice.randint(1, 3)
    moment = at
    for number in range(1, turns + 1):
        moment += dice.randint(15_000, 70_000)
        yield replace(
            turn(case_id, number, moment, **who),
            duration_ms=round(2_400 * dice.lognormvariate(0, 0.5)),
            outcome="completed" if dice.random() < 0.995 else "failed",
            degraded=dice.random() < 0.02,
        )
        yield from _calls(f"{case_id}.{number}", case_id, moment, "interview", arm, dice)
    if ends > 0.2:
        yield completed(case_id, moment, moment - at + 5_000, **who)
        yield from _calls(f"{case_id}.a", case_id, moment + 9_000, "analysis", arm, dice)
        if dice.random() < 0.2:
            yield from _calls(f"{case_id}.j", case_id, moment + 15_000, "judge", arm, dice)
        waited = round(14_000 * dice.lognormvariate(0, 0.6))
        yield replace(
            analysed(case_id, turns, dice.choice(_CODES), moment + waited, **who),
            since_opened_ms=moment - at + 5_000 + waited,
            waited_ms=waited,
            background=True,
            attempts=1 if dice.random() < 0.99 else 2,
            outcome="done" if dice.random() < 0.997 else "given_up",
            cached=dice.random() < 0.15,
        )
        if dice.random() < 0.35:
            score = min(10, round(dice.gauss(8.4, 1.8)))
            yield rating(case_id, max(0, score), moment + 60_000, **who)
        if dice.random() < 0.15:
            code = "leak" if dice.random() < 0.91 else "noise"
            yield review(case_id, code, moment + 90_000)
    elif ends > 0.05:
        yield abandoned(case_id, moment + DAY, **who)


def _calls(
    name: str, case_id: str, at: int, operation: str, arm: str, dice: random.Random
) -> Iterator[Fact]:
    model, provider, _, nano, first, whole = dice.choices(
        _MODELS, [one[2] if operation == "interview" else 1 - one[2] for one in _MODELS]
    )[0]
    fields: dict[str, Any] = {
        "provider": provider,
        "model": model,
        "operation": operation,
        "arm": f"greeting:{arm}",
        "input": dice.randint(900, 4_200),
        "output": dice.randint(60, 700),
        "first_token_ms": round(first * dice.lognormvariate(0, 0.35), 2),
        "latency_ms": round(whole * dice.lognormvariate(0, 0.4), 2),
    }
    cost = round(nano * dice.lognormvariate(0, 0.3))
    fate = dice.random()
    if operation == "analysis" and fate < 0.18:
        spared = {"outcome": "cached", "source": "free", "saved_nano_usd": cost, "input": 0}
        yield call(
            case_id, name, 0, at, **{**fields, **spared, "output": 0, "first_token_ms": None}
        )
        return
    if fate > 0.988:
        failed = {"outcome": "failed", "source": "free", "error": "rate_limited", "output": 0}
        yield call(
            case_id, f"{name}.0", 0, at - 3_000, **{**fields, **failed, "first_token_ms": None}
        )
    elif fate > 0.98:
        cut = {"outcome": "cut", "source": "estimated", "error": "stall"}
        yield call(case_id, f"{name}.0", cost // 2, at - 4_000, **{**fields, **cut})
    yield call(case_id, name, cost, at, **fields)
