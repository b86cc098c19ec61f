"""Teaching a playbook: weights from labelled stories, chosen and judged by cross-validation.

Each file of stories is one hand's. What is chosen (thresholds, calibration, how much words and what
was learned count) is chosen on scores that every story got from a model taught by the other files
alone. Stories that stand among the playbook's examples were known to whoever wrote its rules, so
what the rules say of them teaches nothing and is left out.

The same stories and playbook give the same bytes: nothing is drawn by chance, and features are
sorted. (Another processor or another release of the numeric libraries may round otherwise.)
"""

from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet

import numpy as np
from msgspec import Struct
from msgspec.structs import replace
from numpy.typing import NDArray

from app.core.evaluation.logistic import (
    Fitted,
    Vocabulary,
    fit_each,
    fit_one_of,
    matrix,
    platt,
    shares,
    vocabulary,
)
from app.core.evaluation.stories import Rate, Story, rate
from app.core.understanding.running import Understanding
from app.core.understanding.taught import (
    FEATURES,
    LENGTH_STEP,
    ZERO,
    Table,
    Weights,
    basis_of,
    danger_features,
    features_of,
)
from app.domain.errors import InvalidInput
from app.domain.playbook import Playbook

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]
_LEAST_STORIES = 3
"""A feature counts from so many stories on."""
_STRENGTH = 30.0
"""The inverse of the penalty, chosen by cross-validation."""
_BYTE = 127
_ALL = "all"


class Found(Struct, frozen=True, kw_only=True):
    """What one model found in stories that it was not taught by."""

    file: str
    stories: int
    flags_by_rules: Rate
    flags: Rate
    """By rules and model together."""
    calm_alarms_by_rules: Rate
    calm_alarms: Rate
    kinds_by_rules: Rate
    kinds: Rate
    """First guess right, of the stories that have a kind."""


class Lesson(Struct, frozen=True, kw_only=True):
    """Weights, and what cross-validation says of them."""

    weights: Weights
    found: tuple[Found, ...]
    """For each file, by a model taught by the others; then for all."""


class _Told(Struct, frozen=True):
    """A story as the model sees it."""

    file: str
    story: Story
    known: bool
    """It is among the playbook's examples."""
    rules: tuple[str, ...]
    """The red flags that rules find."""
    plain: AbstractSet[str]
    danger: AbstractSet[str]
    lexical: tuple[float, ...]
    """The evidence of words for each kind, and for none."""


class _Scores(Struct, frozen=True):
    flags: Floats
    kinds: Floats


def teach(playbook: Playbook, files: Mapping[str, Sequence[Story]], alarms: float) -> Lesson:
    """Teach a playbook by labelled stories.

    Args:
        playbook: What is taught; weights that it already has are not looked at.
        files: Stories by the name of their file; at least two files, for cross-validation.
        alarms: The share of calm stories that may raise a red flag, in cross-validation.

    Raises:
        InvalidInput: if there are too few files, or labels that the playbook does not have.
    """
    bare = replace(playbook, taught=None)
    kinds = list(bare.subareas())
    _check(files, [flag.code for flag in bare.red_flags], kinds)
    # A flag that no story has, such as one that answers alone raise, cannot be learned.
    had = {code for stories in files.values() for story in stories for code in story.red_flags}
    flags = [flag.code for flag in bare.red_flags if flag.code in had]
    told = _tell(bare, files)
    wanted = np.array([[code in one.story.red_flags for code in flags] for one in told], float)
    targets = np.array([_target(one.story, kinds) for one in told])
    by_rules = np.array([[code in one.rules for code in flags] for one in told])

    held = _held_out(told, wanted, targets)
    calibration = [platt(held.flags[:, n], wanted[:, n]) for n in range(len(flags))]
    scores = held.flags * [slope for slope, _ in calibration] + [shift for _, shift in calibration]
    least = _least_score(scores, by_rules, wanted, alarms)
    words = np.array([one.lexical for one in told])
    fresh = np.array([not one.known for one in told])
    lexical, taught = shares(words[fresh], held.kinds[fresh], targets[fresh])

    by_flag, by_kind = _fit(told, wanted, targets)
    return Lesson(
        weights=Weights(
            features=FEATURES,
            playbook=bare.id,
            version=bare.version,
            digest=basis_of(bare),
            stories={name: len(stories) for name, stories in files.items()},
            flags=tuple(flags),
            kinds=tuple(kinds),
            # A flag is raised where its calibrated score reaches the common least one.
            thresholds=tuple(_rounded((least - shift) / slope) for slope, shift in calibration),
            lexical=_rounded(lexical),
            taught=_rounded(taught),
            by_flag=_table(by_flag),
            by_kind=_table(by_kind),
        ),
        found=tuple(
            _found(
                name,
                [n for n, one in enumerate(told) if name in (one.file, _ALL)],
                told,
                by_rules,
                by_rules | (scores >= least),
                words,
                lexical * words + taught * held.kinds,
                flags,
                kinds,
            )
            for name in (*files, _ALL)
        ),
    )


def _check(
    files: Mapping[str, Sequence[Story]], flags: Sequence[str], kinds: Sequence[str]
) -> None:
    if len(files) < 2:
        raise InvalidInput("teaching needs two files of stories at least, one to try the other on")
    for name, stories in files.items():
        if not stories:
            raise InvalidInput(f"{name}: there are no stories in it")
        for story in stories:
            for code in {*story.red_flags}.difference(flags) | story.accepted.difference(kinds):
                raise InvalidInput(f"{name}: {story.id}: '{code}' is not in the playbook")


def _tell(bare: Playbook, files: Mapping[str, Sequence[Story]]) -> list[_Told]:
    """Read every story by the rules alone."""
    rules = Understanding(bare)
    subareas = bare.subareas().values()
    examples = {text for sub in subareas for listed in sub.examples.values() for text in listed}
    told: list[_Told] = []
    for name, stories in files.items():
        for story in stories:
            heard = rules.safety.hear(story.text)
            concepts = heard.concepts()
            known = story.text in examples
            suggested = rules.safety.suggested(heard.flags)
            evidence = rules.lexicon.evidence([story.text], suggested)
            lexical = tuple(evidence.kinds.get(n, 0.0) for n in range(len(subareas)))
            said = () if known else rules.lexicon.classify([story.text])
            told.append(
                _Told(
                    file=name,
                    story=story,
                    known=known,
                    rules=heard.flags,
                    plain=features_of(heard.words, concepts),
                    danger=danger_features(heard.words, () if known else heard.flags, said),
                    lexical=(*lexical, evidence.none),
                )
            )
    return told


def _target(story: Story, kinds: Sequence[str]) -> list[float]:
    """Return the probabilities of the kinds, and of none of them, by the labels."""
    right = story.accepted
    share = 1 / len(right) if right else 0.0
    return [*(share if code in right else 0.0 for code in kinds), float(not right)]


def _held_out(told: Sequence[_Told], wanted: Floats, targets: Floats) -> _Scores:
    """Return each story's scores by models that were taught by the other files alone."""
    flags, kinds = np.zeros_like(wanted), np.zeros_like(targets)
    for name in dict.fromkeys(one.file for one in told):
        mine = np.array([one.file == name for one in told])
        others = [one for one in told if one.file != name]
        held = [one for one in told if one.file == name]
        by_flag, by_kind = _fit(others, wanted[~mine], targets[~mine])
        flags[mine] = by_flag.scores(_dangers(held))
        kinds[mine] = by_kind.scores(_plain(held))
    return _Scores(flags, kinds)


class _Learned(Struct, frozen=True):
    """Features and what they were found to weigh."""

    known: Vocabulary
    fitted: Fitted

    def scores(self, texts: Sequence[AbstractSet[str]]) -> Floats:
        """Return the score of every text for every output."""
        return self.fitted.scores(matrix(texts, self.known))


def _fit(told: Sequence[_Told], wanted: Floats, targets: Floats) -> tuple[_Learned, _Learned]:
    dangers, plain = _dangers(told), _plain(told)
    by_flag = vocabulary(dangers, _LEAST_STORIES, LENGTH_STEP)
    by_kind = vocabulary(plain, _LEAST_STORIES, LENGTH_STEP)
    return (
        _Learned(by_flag, fit_each(matrix(dangers, by_flag), wanted, _STRENGTH)),
        _Learned(by_kind, fit_one_of(matrix(plain, by_kind), targets, _STRENGTH)),
    )


def _plain(told: Sequence[_Told]) -> list[AbstractSet[str]]:
    return [one.plain for one in told]


def _dangers(told: Sequence[_Told]) -> list[AbstractSet[str]]:
    return [one.plain | one.danger for one in told]


def _least_score(scores: Floats, by_rules: Flags, wanted: Floats, alarms: float) -> float:
    """Return the least score that keeps the share of calm stories with a red flag.

    What rules raise counts as well; where they raise too much already, no score is enough.
    """
    calm = wanted.sum(axis=1) == 0
    quiet = calm & ~by_rules.any(axis=1)
    room = int(alarms * calm.sum()) - int((calm & ~quiet).sum())
    highest = np.sort(scores[quiet].max(axis=1))[::-1]
    if room < 0 or not highest.size:
        return float("inf") if room < 0 else 0.0
    return float(highest[room]) + 1e-9 if room < highest.size else float(highest[-1])


def _table(learned: _Learned) -> Table:
    """Return weights as bytes around `ZERO`, a feature after the other, with their steps."""
    known, fitted = learned.known, learned.fitted
    values = fitted.weights * known.values()[:, None]
    steps = tuple(_rounded(float(one) or 1.0) for one in np.abs(values).max(axis=0) / _BYTE)
    whole = np.clip(np.rint(values / np.array(steps)), -_BYTE, _BYTE) + ZERO
    cells = np.hstack([whole, np.array(known.squares, float)[:, None]])
    return Table(
        steps=steps,
        constants=tuple(map(_rounded, fitted.constants)),
        vocabulary=tuple(known.numbers),
        rows=memoryview(cells.astype(np.uint8).tobytes()),
    )


def _rounded(value: float) -> float:
    """Round so far that the last digits of a computation do not show."""
    return float(f"{value:.5g}")


def _found(
    name: str,
    mine: Sequence[int],
    told: Sequence[_Told],
    by_rules: Flags,
    raised: Flags,
    by_words: Floats,
    by_both: Floats,
    flags: Sequence[str],
    kinds: Sequence[str],
) -> Found:
    def heard(found: Flags) -> Rate:
        hits = sum(
            bool(found[n, flags.index(code)]) for n in mine for code in told[n].story.red_flags
        )
        return rate(hits, sum(len(told[n].story.red_flags) for n in mine))

    def alarmed(found: Flags) -> Rate:
        calm = [n for n in mine if not told[n].story.red_flags]
        return rate(sum(bool(found[n].any()) for n in calm), len(calm))

    def placed(evidence: Floats) -> Rate:
        covered = [n for n in mine if told[n].story.code is not None]
        best = (kinds[int(evidence[n, :-1].argmax())] in told[n].story.accepted for n in covered)
        return rate(sum(best), len(covered))

    return Found(
        file=name,
        stories=len(mine),
        flags_by_rules=heard(by_rules),
        flags=heard(raised),
        calm_alarms_by_rules=alarmed(by_rules),
        calm_alarms=alarmed(raised),
        kinds_by_rules=placed(by_words),
        kinds=placed(by_both),
    )
