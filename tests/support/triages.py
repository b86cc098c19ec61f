"""A made-up history of an experiment, and every figure of it counted by hand, one person a time."""

import datetime as dt
import math
import random
from collections.abc import Mapping, Sequence
from statistics import fmean
from typing import Any

import msgspec
from msgspec import Struct

from app.domain.facts import Fact
from tests.support import warehouses
from tests.support.warehouses import HOUR, MIDNIGHT

KEY = "intelligent_triage_v2"
DAYS = 10
AT = dt.datetime(2025, 12, 15)
"""When the history is looked at: all of it happened."""


class Visit(Struct, frozen=True, kw_only=True):
    """One case of somebody."""

    at: int
    seconds: float | None
    """Until the result; None where they never finished."""
    score: int | None
    correct: bool | None
    usd: float
    before: bool = False
    """It was over before they were exposed."""


class Somebody(Struct, frozen=True, kw_only=True):
    """A person, what they were shown, and what they did."""

    name: str
    arm: str
    exposed_at: int
    locale: str
    visits: Sequence[Visit]
    also_saw: str | None = None


class Likings(Struct, frozen=True, kw_only=True):
    """What an arm does to people."""

    completes: float
    seconds: float
    score: float
    correct: float
    usd: float


V1 = Likings(completes=0.6, seconds=60.0, score=7.4, correct=0.75, usd=0.001)
V2 = Likings(completes=0.72, seconds=70.0, score=8.3, correct=0.8, usd=0.012)


def crowd(
    number: int,
    arms: Mapping[str, Likings],
    *,
    seed: int = 1,
    several: bool = False,
    before: bool = False,
    both: int = 0,
    days: int = DAYS,
) -> list[Somebody]:
    """Make people up.

    Args:
        number: of persons.
        arms: what each arm does.
        seed: the same gives the same people.
        several: some come more than once.
        before: some had been here before they were exposed.
        both: so many of them see both variations.
        days: over which they come.
    """
    chance = random.Random(seed)
    people = []
    for index in range(number):
        arm = chance.choice(sorted(arms))
        exposed = MIDNIGHT + int(chance.random() * days * 24 * HOUR)
        likings = arms[arm]
        visits = [_visit(chance, likings, exposed)]
        if several and chance.random() < 0.4:
            visits += [
                _visit(chance, likings, exposed + (1 + n) * 5 * HOUR)
                for n in range(chance.randint(1, 3))
            ]
        if before and chance.random() < 0.5:
            earlier = _visit(chance, V1, exposed - 48 * HOUR)
            visits.insert(0, msgspec.structs.replace(earlier, before=True))
        people.append(
            Somebody(
                name=f"person-{index:05}",
                arm=arm,
                exposed_at=exposed,
                locale=chance.choice(["pt-BR", "en"]),
                visits=visits,
                also_saw="v1" if index < both and arm == "v2" else "v2" if index < both else None,
            )
        )
    return people


def _visit(chance: random.Random, likings: Likings, at: int) -> Visit:
    completes = chance.random() < likings.completes
    seconds = round(chance.lognormvariate(math.log(likings.seconds), 0.5), 3)
    rated = completes and chance.random() < 0.5
    score = min(10, max(0, round(chance.gauss(likings.score, 1.8))))
    reviewed = completes and chance.random() < 0.4
    return Visit(
        at=at,
        seconds=seconds if completes else None,
        score=score if rated else None,
        correct=(chance.random() < likings.correct) if reviewed else None,
        usd=round(chance.lognormvariate(math.log(likings.usd), 0.6), 9),
    )


def facts_of(people: Sequence[Somebody]) -> list[Fact]:
    """Return everything that these people leave behind."""
    found: list[Fact] = []
    for number, one in enumerate(people):
        who: dict[str, Any] = {"person": one.name, "locale": one.locale}
        found.append(_exposed(f"{number:08x}e", one, one.arm, one.exposed_at))
        if one.also_saw is not None:
            later = one.exposed_at + HOUR
            found.append(_exposed(f"{number:08x}f", one, one.also_saw, later))
        for index, visit in enumerate(one.visits):
            case = f"{number:08x}{index:02x}"
            found.append(warehouses.started(case, visit.at, **who))
            found.append(
                warehouses.call(case, f"call-{case}", round(visit.usd * 1e9), visit.at + 1_000)
            )
            if visit.seconds is None:
                continue
            found.append(warehouses.completed(case, visit.at + 2_000, **who))
            result = warehouses.analysed(case, at=visit.at + 3_000, **who)
            took = round(visit.seconds * 1_000)
            found.append(msgspec.structs.replace(result, since_opened_ms=took))
            if visit.score is not None:
                found.append(warehouses.rating(case, visit.score, visit.at + 4_000, **who))
            if visit.correct is not None:
                code = "leak" if visit.correct else "mould"
                found.append(warehouses.review(case, code, visit.at + 5_000, **who))
    return found


def _exposed(case: str, one: Somebody, arm: str, at: int) -> Fact:
    return warehouses.exposure(case, arm, at, experiment=KEY, person=one.name, locale=one.locale)


class Sums(Struct, frozen=True, kw_only=True):
    """A metric's values of the persons of an arm: above and below the line."""

    above: Sequence[float]
    below: Sequence[float]

    @property
    def rate(self) -> float:
        """The ratio of the sums, which where everybody counts once is the mean."""
        return sum(self.above) / sum(self.below)

    @property
    def variance_of_rate(self) -> float:
        """By the delta method; where everybody counts once it is the variance of the mean."""
        n, rate = len(self.above), self.rate
        rest = [a - rate * b for a, b in zip(self.above, self.below, strict=True)]
        middle = fmean(rest)
        variance = sum((one - middle) ** 2 for one in rest) / (n - 1)
        return variance / n / fmean(self.below) ** 2


def sums_of(people: Sequence[Somebody], arm: str, metric: str) -> Sums:
    """Count a metric by hand, over persons of an arm below whose line something counts."""
    pairs = []
    for one in people:
        if one.arm != arm or one.also_saw is not None:
            continue
        visits = [each for each in one.visits if not each.before]
        match metric:
            case "completion":
                above = float(sum(each.seconds is not None for each in visits))
                below = float(len(visits))
            case "triage_time":
                known = [each.seconds for each in visits if each.seconds is not None]
                above, below = sum(known), float(len(known))
            case "satisfaction":
                scores = [each.score for each in visits if each.score is not None]
                above, below = float(sum(scores)), float(len(scores))
            case "accuracy":
                judged = [each.correct for each in visits if each.correct is not None]
                above, below = float(sum(judged)), float(len(judged))
            case "cost":
                above, below = sum(each.usd for each in visits), float(len(visits))
            case _:
                raise ValueError(metric)
        if below:
            pairs.append((above, below))
    return Sums(above=[a for a, _ in pairs], below=[b for _, b in pairs])


def scores_of(people: Sequence[Somebody], arm: str) -> list[int]:
    """Return the latest score of every person of an arm who gave one."""
    found = []
    for one in people:
        if one.arm == arm and one.also_saw is None:
            given = [
                each.score for each in one.visits if each.score is not None and not each.before
            ]
            found += given[-1:]
    return found
