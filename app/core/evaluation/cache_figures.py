"""What a replay of cases says about the cache: how much it saved, and how often it was wrong."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Literal

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from app.core.evaluation.stories import Rate, rate
from app.domain.cached import CacheMode, CacheReport
from app.domain.errors import InvalidInput
from app.domain.usage import Attempt
from app.llm.pricing import total_nano_usd

Kind = Literal["unique", "resent", "template", "near_copy", "trap"]
KINDS: tuple[Kind, ...] = ("unique", "resent", "template", "near_copy", "trap")


class ReplayedCase(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A labelled case."""

    id: str
    hour: float
    """Hours since the beginning."""
    locale: str
    kind: Kind
    group: str
    """The event that it tells of, where several do."""
    same_as: str
    """The first case whose analysis would be right for this one; its own id where none is."""
    messages: tuple[str, ...]


class Served(Struct, frozen=True, kw_only=True):
    """A case that got another's analysis."""

    case: str
    source: str
    near: bool
    right: bool


class Heard(Struct, frozen=True, kw_only=True):
    """What happened while cases were told; the lists have one entry for each."""

    analyses: list[tuple[Attempt, ...]]
    """What each analysis takes, or took when it was made."""
    saved: list[bool]
    served: list[Served]
    interviews: list[Attempt]
    """What models would be asked if they held the interviews; one for each message."""
    shareable: list[bool]
    """Whether the cache may serve the case at all."""


class KindFigures(Struct, frozen=True, kw_only=True):
    """What became of the cases of one kind."""

    kind: Kind
    cases: int
    hits: int
    near: int
    wrong: int


class ReplayReport(Struct, frozen=True, kw_only=True):
    """All figures of a replay."""

    mode: CacheMode
    cases: int
    hits: Rate
    """Served from an equal telling; of all cases."""
    near: Rate
    """Served from a near telling; of all cases."""
    wrong: Rate
    """Served from a case that is not the same; of those that were served."""
    reachable: Rate
    """Served rightly; of the cases for which a right analysis had been made before."""
    barred: int
    """Cases that the cache was not asked for: they may be in danger."""
    priced: bool
    """Whether costs are in nano-USD at catalogue prices; else every call counts one."""
    cost_without: int
    """Of all analyses, if each were made."""
    saved: Rate
    """Of that cost; the interval takes cases as independent and equally dear."""
    saved_of_servable: Rate
    """The same, of what the cases cost that the cache may serve."""
    saved_calls: Rate
    """Calls of models for analyses that were saved; of all."""
    saved_with_interviews: float
    """Share saved where a model holds the interviews too, whose calls no cache saves."""
    kinds: tuple[KindFigures, ...]
    served: tuple[Served, ...]
    counted: CacheReport
    """What the cache itself counted."""


_decode_case = msgspec.json.Decoder(ReplayedCase).decode


def read_cases(path: Path) -> list[ReplayedCase]:
    """Read a file with one case a line, in the order of their hours.

    Raises:
        InvalidInput: naming the line that is no case, or that refers to none.
    """
    if not path.is_file():
        raise InvalidInput(f"{path}: there is no such file of cases")
    cases: list[ReplayedCase] = []
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        if line.strip():
            try:
                cases.append(_decode_case(line))
            except msgspec.MsgspecError as error:
                raise InvalidInput(f"{path}:{number}: {error}") from None
            if cases[-1].same_as not in {one.id for one in cases}:
                raise InvalidInput(f"{path}:{number}: same_as names no earlier case")
    return sorted(cases, key=lambda one: one.hour)


def figures(
    mode: CacheMode, cases: Sequence[ReplayedCase], heard: Heard, counted: CacheReport
) -> ReplayReport:
    """Work out all figures of a replay."""
    labels = {one.id: one.same_as for one in cases}
    served = tuple(
        replace(one, right=labels[one.case] == labels[one.source]) for one in heard.served
    )
    costs, priced = _costs(heard.analyses)
    (interviews,), interviews_priced = _costs([tuple(heard.interviews)])
    calls = [len(one) for one in heard.analyses]
    saved = _only(costs, heard.saved)
    without = sum(costs)
    whole = without + (interviews if interviews_priced == priced else 0)
    seen: set[str] = set()
    repeated = 0
    for one in cases:
        repeated += one.same_as in seen
        seen.add(one.same_as)
    return ReplayReport(
        mode=mode,
        cases=len(cases),
        hits=rate(sum(not one.near for one in served), len(cases)),
        near=rate(sum(one.near for one in served), len(cases)),
        wrong=rate(sum(not one.right for one in served), len(served)),
        reachable=rate(sum(one.right for one in served), repeated),
        barred=heard.shareable.count(False),
        priced=priced,
        cost_without=without,
        saved=_share_of(saved, without, len(cases)),
        saved_of_servable=_share_of(saved, _only(costs, heard.shareable), sum(heard.shareable)),
        saved_calls=rate(_only(calls, heard.saved), sum(calls)),
        saved_with_interviews=saved / whole if whole else 0.0,
        kinds=tuple(_figures(kind, cases, served) for kind in KINDS),
        served=served,
        counted=counted,
    )


def _only(numbers: Iterable[int], wanted: Iterable[bool]) -> int:
    return sum(number for number, one in zip(numbers, wanted, strict=True) if one)


def _costs(calls: Iterable[tuple[Attempt, ...]]) -> tuple[list[int], bool]:
    """Return what every group of calls costs; their number where a price is not known."""
    groups = list(calls)
    priced = [total_nano_usd(one) for one in groups]
    known = [one for one in priced if one is not None]
    return (known, True) if len(known) == len(groups) else ([len(one) for one in groups], False)


def _share_of(saved: int, without: int, n: int) -> Rate:
    """Return a share of cost, with the interval that so many equal cases would have."""
    share = saved / without if without else 0.0
    about = rate(round(share * n), n)
    return replace(about, value=share)


def _figures(kind: Kind, cases: Iterable[ReplayedCase], served: Iterable[Served]) -> KindFigures:
    of_kind = {one.id for one in cases if one.kind == kind}
    theirs = [one for one in served if one.case in of_kind]
    return KindFigures(
        kind=kind,
        cases=len(of_kind),
        hits=sum(not one.near for one in theirs),
        near=sum(one.near for one in theirs),
        wrong=sum(not one.right for one in theirs),
    )
