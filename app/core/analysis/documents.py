"""The structured answers that are asked of models, and how they are read.

A model's output is hostile until proven otherwise: codes come from closed sets by schema, and are
checked again here, because a server may ignore the schema.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any, Literal

import msgspec
from msgspec import Struct

from app.domain.playbook import Level, Playbook, UrgencyLevel
from app.llm.schema import strict_schema

NONE = "none"
_LONGEST_VALUE = 2_000


class ModelSlot(Struct, frozen=True):
    """A fact the model found, with the message it rests on."""

    slot: str
    value: str
    message: int


class ModelCandidate(Struct, frozen=True):
    """A classification the model thinks possible."""

    code: str
    confidence: float


class ModelAssessment(Struct, frozen=True):
    """What a model understood."""

    slots: list[ModelSlot]
    candidates: list[ModelCandidate]
    complexity: Level
    signals: list[str]
    confidence: float
    red_flags: list[str]
    asking: str
    done: bool


class ModelTurn(Struct, frozen=True):
    """A model's whole answer to a turn; the reply comes first so that it can be shown first."""

    reply: str
    assessment: ModelAssessment


class ModelParty(Struct, frozen=True):
    """Somebody involved."""

    role: str
    name: str


class ModelEntry(Struct, frozen=True):
    """Something that happened."""

    when: str
    what: str
    message: int


class ModelViability(Struct, frozen=True):
    """How well the matter stands."""

    level: Literal["low", "medium", "high", "unknown"]
    strengths: list[str]
    weaknesses: list[str]
    rationale: str


class ModelAnalysis(Struct, frozen=True):
    """A model's analysis of a case."""

    candidates: list[ModelCandidate]
    urgency: UrgencyLevel
    urgency_reason: str
    deadline: str
    parties: list[ModelParty]
    chronology: list[ModelEntry]
    requests: list[str]
    documents: list[str]
    viability: ModelViability
    next_steps: list[str]
    plain: str
    professional: str


class ModelVerdict(Struct, frozen=True):
    """What a judge decides where two analyses differ; the reason comes first, as it should."""

    justification: str
    verdict: str
    """One of the codes that were named, or `none`."""
    confidence: float


class ModelReport(Struct, frozen=True):
    """The detailed part of a result, written from several analyses."""

    parties: list[ModelParty]
    chronology: list[ModelEntry]
    requests: list[str]
    documents: list[str]
    viability: ModelViability
    next_steps: list[str]
    plain: str
    professional: str


_decode_turn = msgspec.json.Decoder(ModelTurn).decode
_decode_analysis = msgspec.json.Decoder(ModelAnalysis).decode
_decode_verdict = msgspec.json.Decoder(ModelVerdict).decode
_decode_report = msgspec.json.Decoder(ModelReport).decode


class Documents:
    """The answers of one playbook: their schemas and their readers."""

    def __init__(self, playbook: Playbook) -> None:
        self._slots = {slot.name for slot in playbook.slots}
        self._codes = set(playbook.subareas())
        self._flags = {flag.code for flag in playbook.red_flags}
        self._signals = {signal.name for signal in playbook.complexity.signals}
        closed = {
            "slot": sorted(self._slots),
            "code": sorted(self._codes),
            "asking": [*sorted(self._slots), NONE],
            "verdict": [*sorted(self._codes), NONE],
        }
        lists = {"red_flags": sorted(self._flags), "signals": sorted(self._signals)}
        self.turn_schema = _closed(strict_schema(ModelTurn), closed, lists)
        self.analysis_schema = _closed(strict_schema(ModelAnalysis), closed, lists)
        self.verdict_schema = _closed(strict_schema(ModelVerdict), closed, lists)
        self.report_schema = _closed(strict_schema(ModelReport), closed, lists)

    def read_turn(self, raw: bytes) -> ModelTurn:
        """Read a turn's document.

        Raises:
            msgspec.ValidationError, ValueError: if it is not what was asked for.
        """
        found = _decode_turn(raw)
        said = found.assessment
        _check("slot", self._slots, (one.slot for one in said.slots))
        _check("code", self._codes, (one.code for one in said.candidates))
        _check("red flag", self._flags, said.red_flags)
        _check("signal", self._signals, said.signals)
        _check("slot", {*self._slots, NONE}, [said.asking])
        _check_shares([said.confidence, *(one.confidence for one in said.candidates)])
        if any(len(one.value) > _LONGEST_VALUE for one in said.slots):
            raise ValueError("a slot's value is too long")
        return found

    def read_analysis(self, raw: bytes) -> ModelAnalysis:
        """Read an analysis.

        Raises:
            msgspec.ValidationError, ValueError: if it is not what was asked for.
        """
        found = _decode_analysis(raw)
        _check("code", self._codes, (one.code for one in found.candidates))
        _check_shares(one.confidence for one in found.candidates)
        return found

    def read_verdict(self, raw: bytes, named: Collection[str]) -> ModelVerdict:
        """Read a judge's verdict upon the codes that were named.

        Raises:
            msgspec.ValidationError, ValueError: if it is not what was asked for.
        """
        found = _decode_verdict(raw)
        _check("code among those named", {*self._codes.intersection(named), NONE}, [found.verdict])
        _check_shares([found.confidence])
        if not found.justification.strip():
            raise ValueError("a verdict without a justification")
        return found

    def read_report(self, raw: bytes) -> ModelReport:
        """Read a report.

        Raises:
            msgspec.ValidationError, ValueError: if it is not what was asked for.
        """
        return _decode_report(raw)


def _check(what: str, known: set[str], named: Any) -> None:
    unknown = sorted(set(named) - known)
    if unknown:
        raise ValueError(f"no such {what}: {', '.join(unknown)[:200]}")


def _check_shares(shares: Any) -> None:
    if not all(0.0 <= share <= 1.0 for share in shares):
        raise ValueError("a probability is not between 0 and 1")


def _closed(
    schema: dict[str, Any],
    choices: Mapping[str, Sequence[str]],
    lists: Mapping[str, Sequence[str]],
) -> dict[str, Any]:
    """Return the schema with the playbook's own names as the only ones allowed."""

    def visit(name: str, node: Any) -> Any:
        if not isinstance(node, dict):
            return node
        if name in choices and node.get("type") == "string":
            return {**node, "enum": list(choices[name])}
        if lists.get(name) and node.get("type") == "array":
            return {**node, "items": {"type": "string", "enum": list(lists[name])}}
        out = dict(node)
        if "properties" in node:
            out["properties"] = {key: visit(key, one) for key, one in node["properties"].items()}
        if "items" in node:
            out["items"] = visit("", node["items"])
        return out

    visited: dict[str, Any] = visit("", schema)
    return visited


ReadTurn = Callable[[bytes], ModelTurn]
