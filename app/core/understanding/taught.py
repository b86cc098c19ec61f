"""What a playbook has learned from labelled stories: a linear model, read from a file of weights.

Every red flag, and every kind of problem with "none of these", has a weight for each feature of a
text: its words, their stems, stems side by side, and the playbook's concepts; for red flags also
how its words begin, the signs that were found and what the taxonomy's words take the text for.
A text's score is the sum of the weights of what it has, divided by the length of its vector, plus
a constant. Weights are whole numbers of one byte, so a feature's weights are added up as one long
integer, a lane for each output: a message's hundred features take some ten microseconds.

The weights are made by `app.core.evaluation.teaching`, which needs numpy; this module does not.
"""

import hashlib
import struct
import sys
from collections.abc import Iterable, Iterator
from itertools import pairwise
from math import sqrt
from typing import Literal

import msgspec
from msgspec import Struct

from app.core.language.text import stem
from app.domain.assessment import Candidate
from app.domain.playbook import Playbook

FEATURES = 2
"""Counts up whenever `features_of`, or what it rests on, gives other features for a text."""
ZERO = 128
"""The byte of a weight of 0."""
LENGTH_STEP = 1 / 25
"""What one step of a feature's squared length stands for."""
_LANE = 4
"""Bytes of a lane: so wide that no sum of bytes flows over into the next one."""
_MOST = 4_000
"""Features of one text that are looked at; what a person needs to say is among them."""
_BEGINNING = 4
"""Letters of a word's beginning; more than the stem it joins words of one family."""
_LIKELY = 0.25
"""From this confidence on, a kind or an area that words speak for is a feature."""


class Table(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Features with a weight for each output."""

    steps: tuple[float, ...]
    """What one step of a weight stands for: of each output."""
    constants: tuple[float, ...]
    vocabulary: tuple[str, ...]
    rows: memoryview
    """For each feature a byte for every output, and one for its squared length. Where it was read
    from a file, it is a part of the file's content and no copy."""

    def fits(self, outputs: int) -> bool:
        """Say whether the parts are of so many outputs."""
        cells = len(self.vocabulary) * (outputs + 1)
        return len(self.steps) == len(self.constants) == outputs and len(self.rows) == cells


class Weights(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The content of a file of weights."""

    format: Literal[2] = 2
    features: int
    """The version of the features that they are for."""
    playbook: str
    version: str
    digest: str
    """Of all in the playbook that features and outputs rest on."""
    stories: dict[str, int]
    """How many stories of which file taught it."""
    flags: tuple[str, ...]
    """Those that stories have; others cannot be learned."""
    kinds: tuple[str, ...]
    thresholds: tuple[float, ...]
    """The score from which on each flag is raised."""
    lexical: float
    """How much the words of the taxonomy count for the kind."""
    taught: float
    """How much the taught scores count for the kind."""
    by_flag: Table
    by_kind: Table
    """Of each kind, and of none of these."""


class KindScores(Struct, frozen=True):
    """What was learned says of a text's kind; all scores are logits."""

    known: int
    """Features that it knows."""
    kinds: tuple[float, ...]
    none: float


class TaughtModel:
    """The weights of a playbook, ready to be used."""

    def __init__(self, weights: Weights) -> None:
        """Index the vocabularies."""
        self.lexical = weights.lexical
        self.taught = weights.taught
        self._flags = tuple(zip(weights.flags, weights.thresholds, strict=True))
        self._by_flag = Scorer(weights.by_flag)
        self._by_kind = Scorer(weights.by_kind)

    def flags(self, features: Iterable[str]) -> Iterator[str]:
        """Yield the red flags whose score reaches their threshold."""
        known, scores = self._by_flag.scores(features)
        if known:
            for (code, least), score in zip(self._flags, scores, strict=True):
                if score >= least:
                    yield code

    def kinds(self, features: Iterable[str]) -> KindScores:
        """Score a text for each kind of problem."""
        known, (*kinds, none) = self._by_kind.scores(features)
        return KindScores(known, tuple(kinds), none)


class Scorer:
    """Adds up the weights of a text's features."""

    def __init__(self, table: Table) -> None:
        """Index the vocabulary."""
        # The tables of a playbook have most features in common, and need not keep them twice.
        self._numbers = {sys.intern(one): number for number, one in enumerate(table.vocabulary)}
        self._rows = table.rows
        self._steps = table.steps
        self._constants = table.constants
        self._width = len(table.steps) + 1
        self._lanes = struct.Struct(f"<{self._width}I")
        self._met: dict[int, int] = {}

    def scores(self, features: Iterable[str]) -> tuple[int, tuple[float, ...]]:
        """Return how many of a text's features are known, and its score for every output."""
        total = known = 0
        for feature in features:
            number = self._numbers.get(feature)
            if number is not None:
                total += self._met.get(number) or self._row(number)
                known += 1
                if known == _MOST:
                    break
        *sums, squares = self._lanes.unpack(total.to_bytes(self._width * _LANE, "little"))
        length = sqrt(squares * LENGTH_STEP) or 1.0
        zero = ZERO * known
        return known, tuple(
            (one - zero) * step / length + constant
            for one, step, constant in zip(sums, self._steps, self._constants, strict=True)
        )

    def _row(self, number: int) -> int:
        """Return a feature's weights as one long integer; people use the same few thousand."""
        lanes = bytearray(self._width * _LANE)
        begin = number * self._width
        lanes[::_LANE] = self._rows[begin : begin + self._width]
        row = self._met[number] = int.from_bytes(lanes, "little")
        return row


def features_of(words: Iterable[str], concepts: Iterable[str]) -> set[str]:
    """Return the features of a text: of its words in their order, and the concepts in it.

    A word is a feature beside its stem only where they differ.

    >>> sorted(features_of(["she", "hits", "me"], ["hit"]))
    ['=hits', 'hit', 'hit me', 'me', 'she', 'she hit', '{hit}']
    """
    said = list(words)
    stems = [stem(word) for word in said]
    found = {f"={word}" for word, root in zip(said, stems, strict=True) if word != root}
    found.update(stems)
    found.update(f"{one} {other}" for one, other in pairwise(stems))
    found.update(f"{{{name}}}" for name in concepts)
    return found


def danger_features(
    words: Iterable[str], signs: Iterable[str], kinds: Iterable[Candidate]
) -> set[str]:
    """Return what else speaks for and against danger, beside `features_of`.

    Args:
        words: The words of the text.
        signs: The red flags of which a sign was found.
        kinds: What the words of the taxonomy take the text for.

    >>> likely = Candidate(code="pets.lost", confidence=0.5)
    >>> sorted(danger_features(["threatening", "him"], ["abuse"], [likely]))
    ['!abuse', '@pets', '@pets.lost', 'thre*']
    """
    found = {f"!{code}" for code in signs}
    found.update(f"{word[:_BEGINNING]}*" for word in words if len(word) > _BEGINNING)
    areas: dict[str, float] = {}
    for one in kinds:
        area = one.code.partition(".")[0]
        areas[area] = areas.get(area, 0.0) + one.confidence
        if one.confidence >= _LIKELY:
            found.add(f"@{one.code}")
    found.update(f"@{area}" for area, share in areas.items() if share >= _LIKELY)
    return found


def basis_of(playbook: Playbook) -> str:
    """Return a digest of all in a playbook that features and outputs rest on."""
    parts = (
        playbook.locales,
        list(playbook.subareas()),
        [flag.code for flag in playbook.red_flags],
        sorted(playbook.concepts.items()),
    )
    return hashlib.sha256(msgspec.json.encode(parts)).hexdigest()[:16]


def read_weights(content: bytes) -> Weights:
    """Read a file of weights.

    Raises:
        msgspec.DecodeError: if it is none, or its parts do not fit together.
    """
    weights = _decode(content)
    fits = (
        weights.by_flag.fits(len(weights.flags))
        and weights.by_kind.fits(len(weights.kinds) + 1)
        and len(weights.thresholds) == len(weights.flags)
    )
    if not fits:
        raise msgspec.ValidationError("its parts do not fit together")
    return weights


def why_stale(weights: Weights, playbook: Playbook) -> str | None:
    """Say why weights are not for this playbook, or None where they are."""
    if weights.features != FEATURES:
        return f"made for features {weights.features}, and these are features {FEATURES}"
    if weights.playbook != playbook.id:
        return f"taught from the playbook '{weights.playbook}'"
    if weights.version != playbook.version:
        return f"taught from version {weights.version}, and this is version {playbook.version}"
    if weights.digest != basis_of(playbook):
        return "taught from other concepts, kinds or red flags than these"
    return None


def taught_model(playbook: Playbook) -> TaughtModel | None:
    """Return what a playbook has learned, or None where it has learned nothing."""
    if playbook.taught is None:
        return None
    weights = read_weights(playbook.taught.content)
    if (stale := why_stale(weights, playbook)) is not None:
        raise ValueError(f"{playbook.id}: its weights were {stale}")
    return TaughtModel(weights)


_decode = msgspec.msgpack.Decoder(Weights).decode
encode_weights = msgspec.msgpack.Encoder(order="deterministic").encode
