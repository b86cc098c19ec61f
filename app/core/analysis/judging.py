"""Compares what models found of the same case, and brings it together.

Probabilities of several models are brought together by their mean, the linear opinion pool (Stone
1961), which is never surer than the surest of them. Of urgencies the highest counts. Where the
leading codes differ, a judge's verdict leads; without one the mean does, and a human should look.
"""

from collections.abc import Iterable, Sequence

import msgspec
from msgspec import Struct

from app.core.analysis.documents import (
    NONE,
    ModelAnalysis,
    ModelCandidate,
    ModelReport,
    ModelVerdict,
)
from app.domain.assessment import Candidate
from app.domain.playbook import URGENCY_ORDER, UrgencyLevel

_TOP = 5


class Finding(Struct, frozen=True, kw_only=True):
    """What models came to, before it is put upon what rules find."""

    candidates: tuple[Candidate, ...]
    """Most likely first; none where the models offered none."""
    nowhere: bool = False
    """It was decided that the case fits nowhere, whatever the candidates say."""
    codes: tuple[str | None, ...]
    """The leading code of every analysis; None for one that named none."""
    urgencies: tuple[UrgencyLevel, ...]
    """The urgency of every analysis."""
    urgency: UrgencyLevel
    """The highest of them."""
    urgency_reason: str
    deadline: str
    report: ModelReport
    justification: str | None = None
    """Why a judge decided as it did."""

    @property
    def undecided(self) -> bool:
        """Whether the leading codes differ and nobody has decided."""
        return len(set(self.codes)) > 1 and self.justification is None

    @property
    def differences(self) -> tuple[str, ...]:
        """In what the analyses differ and what each says, in their order.

        Such as `classification: work.dismissal | none` and `urgency: low | high`.
        """
        said: dict[str, list[str]] = {
            "classification": [one or NONE for one in self.codes],
            "urgency": list(self.urgencies),
        }
        return tuple(
            f"{what}: {' | '.join(words)}" for what, words in said.items() if len(set(words)) > 1
        )


def together(analyses: Sequence[ModelAnalysis], verdict: ModelVerdict | None = None) -> Finding:
    """Return the finding of the analyses of one case.

    Args:
        analyses: At least one; the first counts where nothing else decides.
        verdict: The judge's, where the leading codes differ and a judge has decided.
    """
    pool = pooled([ranked(one.candidates) for one in analyses])
    nowhere = verdict is not None and verdict.verdict == NONE
    candidates = pool if verdict is None or nowhere else _led(pool, verdict)
    code = candidates[0].code if candidates and not nowhere else None
    # Details come from an analysis that agrees with what was decided, if one does.
    best = next((one for one in analyses if leading(one) == code), analyses[0])
    urgent = max(analyses, key=lambda one: URGENCY_ORDER.index(one.urgency))
    return Finding(
        candidates=candidates,
        nowhere=nowhere,
        codes=tuple(leading(one) for one in analyses),
        urgencies=tuple(one.urgency for one in analyses),
        urgency=urgent.urgency,
        urgency_reason=urgent.urgency_reason,
        deadline=next((one.deadline for one in (best, *analyses) if one.deadline.strip()), ""),
        report=report_of(best),
        justification=verdict.justification.strip() if verdict else None,
    )


def ranked(candidates: Iterable[ModelCandidate]) -> tuple[Candidate, ...]:
    """Return candidates by probability, each code once and all together at most 1.

    >>> [one.code for one in ranked([ModelCandidate("a", 0.2), ModelCandidate("b", 0.5)])]
    ['b', 'a']
    """
    best: dict[str, float] = {}
    for one in candidates:
        best[one.code] = max(one.confidence, best.get(one.code, 0.0))
    return _shares(best)


def pooled(opinions: Sequence[Sequence[Candidate]]) -> tuple[Candidate, ...]:
    """Return the mean of opinions; a code that one does not name has no probability there.

    >>> pooled([[Candidate(code="a", confidence=0.5)], []])
    (Candidate(code='a', confidence=0.25),)
    """
    sums: dict[str, float] = {}
    for opinion in opinions:
        for one in opinion:
            sums[one.code] = sums.get(one.code, 0.0) + one.confidence
    return _shares({code: total / len(opinions) for code, total in sums.items()})


def leading(analysis: ModelAnalysis) -> str | None:
    """Return the code that an analysis thinks likeliest; None where it names none."""
    candidates = ranked(analysis.candidates)
    return candidates[0].code if candidates else None


def differ(analyses: Sequence[ModelAnalysis]) -> bool:
    """Say whether the leading codes are not all the same."""
    return len({leading(one) for one in analyses}) > 1


def named(analyses: Iterable[ModelAnalysis]) -> frozenset[str]:
    """Return every code that an analysis names: what a judge may choose from."""
    return frozenset(one.code for analysis in analyses for one in analysis.candidates)


def report_of(analysis: ModelAnalysis) -> ModelReport:
    """Return the part of an analysis that a report replaces."""
    return msgspec.convert(analysis, ModelReport, from_attributes=True)


def _led(pool: tuple[Candidate, ...], verdict: ModelVerdict) -> tuple[Candidate, ...]:
    """Return the pool with the verdict first: its own probability, the others in what is left."""
    others = {one.code: one.confidence for one in pool if one.code != verdict.verdict}
    total = sum(others.values())
    rest = 1.0 - verdict.confidence
    scale = min(1.0, rest / total) if total else 0.0
    shares = {code: min(share * scale, verdict.confidence) for code, share in others.items()}
    # The verdict stands first in the mapping, so it stays first where another is as likely.
    return _shares({verdict.verdict: verdict.confidence, **shares})


def _shares(shares: dict[str, float]) -> tuple[Candidate, ...]:
    total = max(1.0, sum(shares.values()))
    ranking = sorted(shares.items(), key=lambda item: -item[1])[:_TOP]
    return tuple(Candidate(code=code, confidence=share / total) for code, share in ranking)
