"""Counts the words of a playbook's taxonomy: what each word, pair and concept says of its kinds.

A feature speaks for a kind by how much likelier it is in what the playbook says about the kind than
in what it says at all: naive Bayes with Dirichlet smoothing, where a kind borrows from its area and
the area from the whole. Counting is most of what a start takes, so what it comes to is plain data
that the next start can use.
"""

import math
import struct
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from itertools import pairwise

from msgspec import Struct

from app.core.language.function_words import FUNCTION_WORDS
from app.core.language.text import fold, stem, words
from app.core.understanding.concepts import Concepts, concepts_by_locale, said_of
from app.core.understanding.safety import every
from app.domain.playbook import Playbook, SubArea


class Tuning(Struct, frozen=True):
    """The classifier's constants, chosen on the tuned stories alone (see docs/accuracy.md)."""

    kind_pull: float = 30.0
    """Strength of the area's words as a prior for a kind, in words."""
    whole_pull: float = 85.0
    """Strength of the whole playbook's words as a prior, in words."""
    concept_weight: float = 0.5
    """How much a concept counts beside a single word."""
    pair_weight: float = 0.27
    """How much a pair of words counts beside a single word."""
    phrase_weight: float = 1.8
    phrase_power: float = 0.6
    """A phrase of n words counts n to this power."""
    doubt: float = 0.8
    """A word that an area's texts use n times has n / (n + doubt) of its weight."""
    typo_weight: float = 0.45
    length_power: float = 0.32
    """Evidence is divided by the number of recognised words to this power."""
    temperature: float = 0.9
    none_level: float = 2.6
    """The evidence that "none of these" has."""
    none_level_concepts: float = 3.6
    """What is added to it where there are concepts, which speak in stray texts as well."""
    unknown_weight: float = 3.2
    """What every word that the playbook does not have adds to that evidence."""
    latest_weight: float = 1.2
    """How much the latest message counts beside an earlier one."""
    corrected_weight: float = 0.4
    """What is left of earlier messages when a later one takes them back."""
    suggestion: float = 3.0
    """The evidence that a danger is for the kinds it suggests, shared out among them."""


class Counted(Struct, frozen=True):
    """What counting the words of a playbook comes to: plain data that a later start can use."""

    evidence: dict[str, bytes]
    """For every feature, the kinds it speaks for and how strongly, packed as `SPEAKS` says:
    objects of their own would take ten times the memory."""
    vocabulary: frozenset[str]


SPEAKS = struct.Struct("<Hd")
"""The number of a kind, and how strongly a feature speaks for it."""


def content_of(said: Iterable[str]) -> list[str]:
    """Return the stems of the words that carry subject matter."""
    return [stem(word) for word in said if carries_meaning(word)]


def carries_meaning(word: str) -> bool:
    """Say whether a word can speak for a kind of problem."""
    return word not in FUNCTION_WORDS and len(word) > 1 and not word[0].isdigit()


def pairs(said: list[str]) -> Iterator[str]:
    """Yield what stands side by side as one feature."""
    for one, other in pairwise(said):
        yield f"{one} {other}"


def _told(sub: SubArea) -> tuple[str, ...]:
    """Return all that the playbook says about one kind."""
    listed = (*every(sub.synonyms), *every(sub.examples))
    return (*listed, *sub.description.values(), *sub.label.values())


def count_words(
    playbook: Playbook,
    tuning: Tuning | None = None,
    concepts: Mapping[str, Concepts] | None = None,
) -> Counted:
    """Count the words of every kind and area, and the concepts among them; it takes a while."""
    found = concepts_by_locale(playbook) if concepts is None else concepts
    spoken = tuple(found.values()) if playbook.concepts else ()
    counts = [_count(spoken, sub) for sub in playbook.subareas().values()]
    areas = [code.split(".")[0] for code in playbook.subareas()]
    told = (text for sub in playbook.subareas().values() for text in _told(sub))
    return Counted(
        {
            feature: b"".join(SPEAKS.pack(*one) for one in speaks)
            for feature, speaks in _evidence(counts, areas, tuning or Tuning()).items()
        },
        frozenset(word for text in told for word in words(text) if carries_meaning(word)),
    )


def _count(concepts: tuple[Concepts, ...], sub: SubArea) -> Counter[str]:
    """Count the words, pairs and concepts of what the playbook says about one kind."""
    counted: Counter[str] = Counter()
    for text in _told(sub):
        stems = content_of(words(text))
        counted.update(stems)
        counted.update(pairs(stems))
        counted.update(meant(concepts, text))
    return counted


def meant(concepts: tuple[Concepts, ...], text: str) -> set[str]:
    """Return the concepts a text uses, as features that no word can be taken for."""
    if not concepts:
        return set()
    said = said_of(fold(text))
    return {f"{{{name}}}" for one in concepts for name in one.find(said)}


ByFeature = dict[str, list[tuple[int, float]]]


def _evidence(counted: list[Counter[str]], areas: list[str], tuning: Tuning) -> ByFeature:
    """Return, for every feature, the kinds it speaks for and how strongly.

    The value is the logarithm of how much likelier the feature is for the kind than for a kind
    of whose area it is unknown, so that it is never negative and absent kinds need no entry.
    """
    whole: Counter[str] = Counter()
    by_area: dict[str, Counter[str]] = {}
    for counts, area in zip(counted, areas, strict=True):
        whole.update(counts)
        by_area.setdefault(area, Counter()).update(counts)
    total = sum(whole.values()) or 1
    area_totals = {area: sum(counts.values()) or 1 for area, counts in by_area.items()}
    totals = [sum(counts.values()) for counts in counted]
    usual = sum(totals) / max(1, len(totals))
    pulls = tuning.kind_pull + tuning.whole_pull
    found: dict[str, list[tuple[int, float]]] = {}
    members: dict[str, list[int]] = {}
    for number, area in enumerate(areas):
        members.setdefault(area, []).append(number)
    for feature, count in whole.items():
        weight = tuning.pair_weight if " " in feature else 1.0
        base = tuning.whole_pull * count / total / (usual + pulls)
        for area, counts in by_area.items():
            if feature not in counts:
                continue
            prior = tuning.kind_pull * counts[feature] / area_totals[area]
            prior += tuning.whole_pull * count / total
            trust = weight * counts[feature] / (counts[feature] + tuning.doubt)
            for number in members[area]:
                likely = (counted[number][feature] + prior) / (totals[number] + pulls)
                value = trust * math.log(likely / base) if likely > base else 0.0
                if value > 0:
                    found.setdefault(feature, []).append((number, value))
    return found
