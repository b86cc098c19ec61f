"""The lexical classifier: what kind of problem a story tells of, by the playbook's words alone.

Two kinds of evidence are added up for every kind of problem. A *phrase* of the playbook that the
person uses speaks for its kinds, the more so the longer and the more exclusive it is. Every *word*
and pair of words speaks for a kind by how much likelier it is in what the playbook says about the
kind than in what it says at all: naive Bayes with Dirichlet smoothing, where a kind borrows from
its area and the area from the whole. Words are compared by their stems, and an unknown stem stands
for the known one that differs from it by a single letter. The playbook's *concepts* count as words
of their own, so that a word no example has still speaks where its meaning is known.

The evidence becomes probabilities by a softmax that includes "none of these" at a fixed level, so
the confidences of the kinds sum to less than one and shrink where little was recognised.
"""

import math
import struct
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise

from msgspec import Struct

from app.core.language.function_words import FUNCTION_WORDS
from app.core.language.phrases import PhraseIndex
from app.core.language.text import Token, fold, stem, words
from app.core.language.typos import TypoIndex
from app.core.understanding.concepts import Concepts, said_of
from app.domain.assessment import Candidate
from app.domain.playbook import Playbook, SubArea, Words

ABSTAIN_BELOW = 0.30
"""A leading confidence below this is no classification: a human should look."""

_TOP = 5
_SURE_STEM = 4
_LONGEST_READ = 6_000
"""Characters of one message that are read; what a person needs to say comes before that."""


class Evidence(Struct, frozen=True):
    """What speaks for each kind of problem, by its number, and for none of them."""

    kinds: dict[int, float]
    none: float


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


_CORRECTIONS = tuple(
    tuple(words(phrase))
    for phrase in (
        "na verdade", "quis dizer", "quero dizer", "me expressei mal", "não é isso", "corrigindo",
        "me enganei", "actually", "i meant", "i mean", "correction", "i was wrong", "to be precise",
        "not what i meant",
    )
)  # fmt: skip


class Counted(Struct, frozen=True):
    """What counting the words of a playbook comes to: plain data that a later start can use."""

    evidence: dict[str, bytes]
    """For every feature, the kinds it speaks for and how strongly, packed as `_SPEAKS` says:
    objects of their own would take ten times the memory."""
    vocabulary: frozenset[str]


_SPEAKS = struct.Struct("<Hd")
"""The number of a kind, and how strongly a feature speaks for it."""


class Lexicon:
    """The words of one playbook's taxonomy, compiled to evidence."""

    def __init__(
        self, playbook: Playbook, tuning: Tuning | None = None, counted: Counted | None = None
    ) -> None:
        """Index the phrases, and count the words of every kind and area unless they are counted."""
        self._tuning = tuning or Tuning()
        self._codes = tuple(playbook.subareas())
        self._numbers = {code: number for number, code in enumerate(self._codes)}
        self._concepts = _concepts(playbook)
        known = counted or count_words(playbook, self._tuning)
        self._evidence = known.evidence
        self._vocabulary = known.vocabulary
        self._phrases = self._index_phrases(playbook)
        self._typos = TypoIndex(word for word in self._vocabulary if stem(word) in self._evidence)

    def _index_phrases(self, playbook: Playbook) -> PhraseIndex[tuple[int, ...]]:
        owners: dict[tuple[str, ...], set[int]] = {}
        for number, sub in enumerate(playbook.subareas().values()):
            for phrase in (*_every(sub.synonyms), *sub.label.values()):
                said = tuple(_content(words(phrase)))
                if said:
                    owners.setdefault(said, set()).add(number)
        return PhraseIndex((phrase, tuple(sorted(kinds))) for phrase, kinds in owners.items())

    def classify(
        self, texts: Sequence[str], suggested: Sequence[Sequence[str]] = ()
    ) -> tuple[Candidate, ...]:
        """Return the likeliest kinds with calibrated confidence; nothing where nothing is known.

        Later messages weigh more, and one that takes back what was said weighs earlier ones down.

        Args:
            texts: What the person said, message by message.
            suggested: The kinds that each danger found so far suggests.
        """
        return self.ranked(self.evidence(texts, suggested))

    def evidence(self, texts: Sequence[str], suggested: Sequence[Sequence[str]] = ()) -> Evidence:
        """Return the evidence of what was said, and of the dangers found in it."""
        scores, nothing = self.scores(texts)
        for codes in suggested:
            for code in codes:
                number = self._numbers[code]
                share = self._tuning.suggestion / len(codes) ** 0.5
                scores[number] = scores.get(number, 0.0) + share
        return Evidence(scores, nothing)

    def ranked(self, evidence: Evidence) -> tuple[Candidate, ...]:
        """Return the likeliest kinds by their evidence, with calibrated confidence."""
        if not evidence.kinds:
            return ()
        temperature = self._tuning.temperature
        exponents = {number: score / temperature for number, score in evidence.kinds.items()}
        none = evidence.none / temperature
        peak = max(none, *exponents.values())
        total = math.exp(none - peak) + sum(math.exp(one - peak) for one in exponents.values())
        total += (len(self._codes) - len(exponents)) * math.exp(-peak)
        ordered = sorted(exponents.items(), key=lambda item: (-item[1], item[0]))[:_TOP]
        return tuple(
            Candidate(code=self._codes[number], confidence=math.exp(one - peak) / total)
            for number, one in ordered
        )

    def scores(self, texts: Sequence[str]) -> tuple[dict[int, float], float]:
        """Return the evidence for every kind by its number, and the evidence for none of them.

        There is no kind where nothing is recognised.
        """
        features: dict[str, float] = {}
        phrases: dict[int, float] = {}
        weights = self._weights(texts)
        unknown = 0.0
        for text, weight in zip(texts, weights, strict=True):
            unknown += weight * self._read(text, weight, features, phrases)
        if not features:
            return {}, 0.0
        scores: dict[int, float] = dict(phrases)
        mass = 0.0
        for feature, count in features.items():
            strength = 1 + math.log(count) if count > 1 else count
            if " " not in feature:
                mass += strength
            for number, value in _SPEAKS.iter_unpack(self._evidence[feature]):
                scores[number] = scores.get(number, 0.0) + strength * value
        scale = 1 / max(1.0, mass) ** self._tuning.length_power
        nothing = self._tuning.none_level + self._tuning.unknown_weight * unknown * scale
        if self._concepts:
            nothing += self._tuning.none_level_concepts
        return {number: score * scale for number, score in scores.items()}, nothing

    def _weights(self, texts: Sequence[str]) -> list[float]:
        weights = [1.0] * len(texts)
        if len(texts) > 1:
            weights[-1] = self._tuning.latest_weight
        for index in range(1, len(texts)):
            said = words(texts[index][:200])
            if any(_contains(said, phrase) for phrase in _CORRECTIONS):
                weights[:index] = [one * self._tuning.corrected_weight for one in weights[:index]]
        return weights

    def _read(
        self, text: str, weight: float, features: dict[str, float], phrases: dict[int, float]
    ) -> int:
        """Add a text's features and phrases to the others; return how many words are unknown."""
        text = text[:_LONGEST_READ]
        said: list[str] = []
        unknown = 0
        for word in filter(_carries_meaning, words(text)):
            known, certainty = self._recognise(word)
            said.append(known)
            if known in self._evidence:
                features[known] = features.get(known, 0.0) + weight * certainty
            else:
                unknown += 1
        joined = dict.fromkeys(_meant(self._concepts, text), weight * self._tuning.concept_weight)
        for feature, strength in (*((pair, weight) for pair in _pairs(said)), *joined.items()):
            if feature in self._evidence:
                features[feature] = features.get(feature, 0.0) + strength
        tokens = [Token(one, index, index + 1) for index, one in enumerate(said)]
        for hit in self._phrases.find(tokens):
            strength = self._tuning.phrase_weight * hit.length**self._tuning.phrase_power
            for number in hit.value:
                phrases[number] = phrases.get(number, 0.0) + weight * strength / len(hit.value)
        return unknown

    def _recognise(self, word: str) -> tuple[str, float]:
        """Return the stem a word stands for and how sure that is."""
        known = stem(word)
        if word not in self._vocabulary and self._is_doubtful(known):
            meant = self._typos.nearest(word)
            if meant is not None:
                return stem(meant), self._tuning.typo_weight
        return known, 1.0

    def _is_doubtful(self, known: str) -> bool:
        """Say whether a stem is unknown, or too short to be known for sure."""
        return known not in self._evidence or len(known) < _SURE_STEM


def _every(listed: Words) -> Iterator[str]:
    for one in listed.values():
        yield from one


def _contains(said: list[str], phrase: tuple[str, ...]) -> bool:
    size = len(phrase)
    return any(tuple(said[i : i + size]) == phrase for i in range(len(said) - size + 1))


def _content(said: Iterable[str]) -> list[str]:
    """Return the stems of the words that carry subject matter."""
    return [stem(word) for word in said if _carries_meaning(word)]


def _carries_meaning(word: str) -> bool:
    return word not in FUNCTION_WORDS and len(word) > 1 and not word[0].isdigit()


def _pairs(said: list[str]) -> Iterator[str]:
    for one, other in pairwise(said):
        yield f"{one} {other}"


def _told(sub: SubArea) -> tuple[str, ...]:
    """Return all that the playbook says about one kind."""
    listed = (*_every(sub.synonyms), *_every(sub.examples))
    return (*listed, *sub.description.values(), *sub.label.values())


def count_words(playbook: Playbook, tuning: Tuning | None = None) -> Counted:
    """Count the words of every kind and area; most of what a start takes is this."""
    concepts = _concepts(playbook)
    counts = [_count(concepts, sub) for sub in playbook.subareas().values()]
    areas = [code.split(".")[0] for code in playbook.subareas()]
    told = (text for sub in playbook.subareas().values() for text in _told(sub))
    return Counted(
        {
            feature: b"".join(_SPEAKS.pack(*one) for one in speaks)
            for feature, speaks in _evidence(counts, areas, tuning or Tuning()).items()
        },
        frozenset(word for text in told for word in words(text) if _carries_meaning(word)),
    )


def _concepts(playbook: Playbook) -> tuple[Concepts, ...]:
    """Return the concepts of every language, where there are any."""
    listed = playbook.concepts
    return tuple(Concepts(listed, locale) for locale in playbook.locales if listed)


def _count(concepts: tuple[Concepts, ...], sub: SubArea) -> Counter[str]:
    """Count the words, pairs and concepts of what the playbook says about one kind."""
    counted: Counter[str] = Counter()
    for text in _told(sub):
        stems = _content(words(text))
        counted.update(stems)
        counted.update(_pairs(stems))
        counted.update(_meant(concepts, text))
    return counted


def _meant(concepts: tuple[Concepts, ...], text: str) -> set[str]:
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
