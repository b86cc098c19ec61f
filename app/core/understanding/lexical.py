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
from collections.abc import Mapping, Sequence

from msgspec import Struct

from app.core.language.phrases import PhraseIndex
from app.core.language.text import Token, stem, words
from app.core.language.typos import TypoIndex
from app.core.understanding.concepts import Concepts, concepts_by_locale
from app.core.understanding.counting import (
    SPEAKS,
    Counted,
    Tuning,
    carries_meaning,
    content_of,
    count_words,
    meant,
    pairs,
)
from app.core.understanding.safety import every
from app.domain.assessment import Candidate
from app.domain.playbook import Playbook

ABSTAIN_BELOW = 0.30
"""A leading confidence below this is no classification: a human should look."""

_TOP = 5
_SURE_STEM = 4
_LONGEST_READ = 6_000
"""Characters of one message that are read; what a person needs to say comes before that."""


class _Told(Struct, frozen=True):
    """What one message has of what the playbook's taxonomy is made of."""

    features: tuple[tuple[str, float], ...]
    """Known features and how much each counts, in the order in which they came."""
    phrases: tuple[tuple[tuple[int, ...], float], ...]
    """The kinds that each phrase speaks for, and how strongly."""
    unknown: int
    """Words that the playbook does not have."""


class Evidence(Struct, frozen=True):
    """What speaks for each kind of problem, by its number, and for none of them."""

    kinds: dict[int, float]
    none: float


_CORRECTIONS = tuple(
    tuple(words(phrase))
    for phrase in (
        "na verdade", "quis dizer", "quero dizer", "me expressei mal", "não é isso", "corrigindo",
        "me enganei", "actually", "i meant", "i mean", "correction", "i was wrong", "to be precise",
        "not what i meant",
    )
)  # fmt: skip


class Lexicon:
    """The words of one playbook's taxonomy, compiled to evidence."""

    def __init__(
        self,
        playbook: Playbook,
        tuning: Tuning | None = None,
        counted: Counted | None = None,
        concepts: Mapping[str, Concepts] | None = None,
    ) -> None:
        """Index the phrases, and count the words of every kind and area unless they are counted.

        Args:
            playbook: Whose taxonomy it is.
            tuning: The constants.
            counted: What `count_words` gave, where somebody has asked before.
            concepts: The playbook's by locale; made here if absent.
        """
        self._tuning = tuning or Tuning()
        self._codes = tuple(playbook.subareas())
        self._numbers = {code: number for number, code in enumerate(self._codes)}
        found = concepts_by_locale(playbook) if concepts is None else concepts
        self._concepts = tuple(found.values()) if playbook.concepts else ()
        known = counted or count_words(playbook, self._tuning, found)
        self._evidence = known.evidence
        self._vocabulary = known.vocabulary
        self._phrases = self._index_phrases(playbook)
        self._typos = TypoIndex(word for word in self._vocabulary if stem(word) in self._evidence)
        # A message is judged for danger and for its kind: the latest is read and scored once.
        self._latest = ("", _Told((), (), 0))
        self._scored: tuple[Sequence[str], dict[int, float], float] = ((), {}, 0.0)

    def _index_phrases(self, playbook: Playbook) -> PhraseIndex[tuple[int, ...]]:
        owners: dict[tuple[str, ...], set[int]] = {}
        for number, sub in enumerate(playbook.subareas().values()):
            for phrase in (*every(sub.synonyms), *sub.label.values()):
                said = tuple(content_of(words(phrase)))
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
        if self._scored[0] == texts:
            return self._scored[1].copy(), self._scored[2]
        found, nothing = self._score(texts)
        self._scored = (list(texts), found, nothing)
        return found.copy(), nothing

    def _score(self, texts: Sequence[str]) -> tuple[dict[int, float], float]:
        features: dict[str, float] = {}
        # What speaks for a kind is above zero, so a kind at zero is one that nothing speaks for.
        scores = [0.0] * len(self._codes)
        unknown = 0.0
        for text, weight in zip(texts, self._weights(texts), strict=True):
            told = self._read(text)
            unknown += weight * told.unknown
            for feature, share in told.features:
                features[feature] = features.get(feature, 0.0) + weight * share
            for kinds, strength in told.phrases:
                for number in kinds:
                    scores[number] += weight * strength / len(kinds)
        if not features:
            return {}, 0.0
        mass = 0.0
        for feature, count in features.items():
            strength = 1 + math.log(count) if count > 1 else count
            if " " not in feature:
                mass += strength
            for number, value in SPEAKS.iter_unpack(self._evidence[feature]):
                scores[number] += strength * value
        scale = 1 / max(1.0, mass) ** self._tuning.length_power
        nothing = self._tuning.none_level + self._tuning.unknown_weight * unknown * scale
        if self._concepts:
            nothing += self._tuning.none_level_concepts
        return {number: score * scale for number, score in enumerate(scores) if score}, nothing

    def _weights(self, texts: Sequence[str]) -> list[float]:
        weights = [1.0] * len(texts)
        if len(texts) > 1:
            weights[-1] = self._tuning.latest_weight
        for index in range(1, len(texts)):
            said = words(texts[index][:200])
            if any(_contains(said, phrase) for phrase in _CORRECTIONS):
                weights[:index] = [one * self._tuning.corrected_weight for one in weights[:index]]
        return weights

    def _read(self, text: str) -> _Told:
        """Return the features and phrases of a text."""
        if self._latest[0] == text:
            return self._latest[1]
        read = text[:_LONGEST_READ]
        tuning, evidence = self._tuning, self._evidence
        said = [self._recognise(word) for word in filter(carries_meaning, words(read))]
        stems = [known for known, _ in said]
        features = [one for one in said if one[0] in evidence]
        unknown = len(said) - len(features)
        features += ((pair, 1.0) for pair in pairs(stems) if pair in evidence)
        mentioned = (one for one in meant(self._concepts, read) if one in evidence)
        features += ((one, tuning.concept_weight) for one in mentioned)
        found = self._phrases.find([Token(one, at, at + 1) for at, one in enumerate(stems)])
        told = _Told(
            tuple(features),
            tuple(
                (hit.value, tuning.phrase_weight * hit.length**tuning.phrase_power) for hit in found
            ),
            unknown,
        )
        self._latest = (text, told)
        return told

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


def _contains(said: list[str], phrase: tuple[str, ...]) -> bool:
    size = len(phrase)
    return any(tuple(said[i : i + size]) == phrase for i in range(len(said) - size + 1))
