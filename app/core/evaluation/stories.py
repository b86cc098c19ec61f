"""How well the rules understand labelled stories: replays and the figures made of them.

A story is told as a person's first message, and what is measured is the understanding right after
it. Every share comes with its n and a Wilson interval. Nothing here knows a domain, prints or
reads the environment; `triage eval` does.
"""

import math
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from datetime import date
from pathlib import Path

import msgspec
from msgspec import Struct

from app.core.understanding.running import Understanding
from app.domain.assessment import Candidate
from app.domain.case import CaseState
from app.domain.errors import InvalidInput
from app.domain.playbook import Playbook

_Z = 1.959964
"""Of the normal distribution, for intervals of 95 %."""
_BINS = 10


class Story(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A labelled story."""

    id: str
    locale: str
    text: str
    code: str | None
    """The right sub-area; null where the taxonomy has none for it."""
    also: tuple[str, ...] = ()
    """Sub-areas that are right as well."""
    red_flags: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()

    @property
    def accepted(self) -> frozenset[str]:
        """Return every right sub-area."""
        return frozenset(self.also) | ({self.code} if self.code else frozenset())


class Outcome(Struct, frozen=True, kw_only=True):
    """What was understood of one story."""

    story: Story
    candidates: tuple[Candidate, ...]
    answered: bool
    """Whether the leading candidate was likely enough to be called the classification."""
    red_flags: tuple[str, ...]

    @property
    def leading(self) -> str | None:
        """Return the likeliest code, also where the classification abstains."""
        return self.candidates[0].code if self.candidates else None

    @property
    def missed(self) -> tuple[str, ...]:
        """Return the red flags that should have been raised."""
        return tuple(one for one in self.story.red_flags if one not in self.red_flags)

    @property
    def false_alarms(self) -> tuple[str, ...]:
        """Return the red flags that should not have been raised."""
        return tuple(one for one in self.red_flags if one not in self.story.red_flags)


class Rate(Struct, frozen=True, kw_only=True):
    """A share with its counts and its Wilson interval of 95 %."""

    hits: int
    n: int
    value: float | None
    """None where n is 0."""
    low: float
    high: float


class Group(Struct, frozen=True, kw_only=True):
    """Figures of some stories."""

    name: str
    stories: int
    accuracy: Rate
    """The likeliest sub-area is right; of the stories that the taxonomy covers."""
    hits_at_2: Rate
    area_accuracy: Rate
    area_hits_at_2: Rate
    coverage: Rate
    """A classification was given; of the stories that the taxonomy covers."""
    accuracy_answered: Rate
    """It is right; of those with a classification."""
    out_of_scope_abstained: Rate
    flags_found: Rate
    """Red flags raised; of those that should have been."""
    false_alarms: Rate
    """Stories with a red flag too many; of all stories."""
    calm_alarms: Rate
    """Stories with any red flag; of the stories that should have none."""


class Confusion(Struct, frozen=True, kw_only=True):
    """A right sub-area that was taken for another, and how often."""

    right: str
    taken_for: str
    count: int


class Missed(Struct, frozen=True, kw_only=True):
    """A red flag that was not raised."""

    story: str
    red_flag: str


class Report(Struct, frozen=True, kw_only=True):
    """All figures of an evaluation."""

    playbook: str
    version: str
    split: str
    overall: Group
    macro_f1: float | None
    area_macro_f1: float | None
    calibration_error: float | None
    """Expected calibration error in ten bins, over all stories with a candidate."""
    by_locale: tuple[Group, ...]
    by_tag: tuple[Group, ...]
    by_flag: tuple[tuple[str, Rate, int], ...]
    """For each red flag: found of expected, and how often it was a false alarm."""
    confusions: tuple[Confusion, ...]
    missed: tuple[Missed, ...]
    false_alarms: tuple[Missed, ...]


_decode_story = msgspec.json.Decoder(Story).decode


def read_stories(path: Path) -> list[Story]:
    """Read a file with one story a line.

    Raises:
        InvalidInput: naming the line that is no story.
    """
    if not path.is_file():
        raise InvalidInput(f"{path}: there is no such file of stories")
    stories: list[Story] = []
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        if line.strip():
            try:
                stories.append(_decode_story(line))
            except msgspec.DecodeError as error:
                raise InvalidInput(f"{path}:{number}: {error}") from None
    return stories


def replay(
    playbook: Playbook, understanding: Understanding, stories: Iterable[Story], today: date
) -> list[Outcome]:
    """Tell each story as the first message of a new case and return what was understood."""
    outcomes: list[Outcome] = []
    for story in stories:
        state = new_case(playbook, story)
        read = understanding.read(state, (), 1, story.text, today)
        outcomes.append(
            Outcome(
                story=story,
                candidates=read.candidates,
                answered=understanding.is_placed(read),
                red_flags=tuple(flag.code for flag in read.red_flags),
            )
        )
    return outcomes


def new_case(playbook: Playbook, story: Story) -> CaseState:
    """Return the case in which a story is told."""
    return CaseState(
        case_id=story.id,
        playbook=playbook.id,
        playbook_version=playbook.version,
        locale=playbook.locale(story.locale),
        variant="v1",
        created_at=0,
        updated_at=0,
    )


def report(playbook: Playbook, split: str, outcomes: Sequence[Outcome]) -> Report:
    """Work out all figures."""
    locales = sorted({one.story.locale for one in outcomes})
    tags = sorted({tag for one in outcomes for tag in one.story.tags})
    covered = [one for one in outcomes if one.story.code is not None]
    return Report(
        playbook=playbook.id,
        version=playbook.version,
        split=split,
        overall=_group("all", outcomes),
        macro_f1=macro_f1([(_right(one, _same), one.leading) for one in covered]),
        area_macro_f1=macro_f1(
            [(area_of(_right(one, area_of)), area_of(one.leading)) for one in covered]
        ),
        calibration_error=calibration_error(
            [
                (one.candidates[0].confidence, one.leading in one.story.accepted)
                for one in outcomes
                if one.candidates
            ]
        ),
        by_locale=tuple(
            _group(name, [one for one in outcomes if one.story.locale == name]) for name in locales
        ),
        by_tag=tuple(
            _group(name, [one for one in outcomes if name in one.story.tags]) for name in tags
        ),
        by_flag=tuple(_flags(playbook, outcomes)),
        confusions=_confusions(covered),
        missed=tuple(
            Missed(story=one.story.id, red_flag=flag) for one in outcomes for flag in one.missed
        ),
        false_alarms=tuple(
            Missed(story=one.story.id, red_flag=flag)
            for one in outcomes
            for flag in one.false_alarms
        ),
    )


def rate(hits: int, n: int) -> Rate:
    """Return a share with its Wilson score interval (Wilson 1927, eq. for 95 %).

    >>> one = rate(8, 10)
    >>> round(one.low, 3), round(one.high, 3)
    (0.49, 0.943)
    """
    if n == 0:
        return Rate(hits=0, n=0, value=None, low=0.0, high=1.0)
    share = hits / n
    spread = _Z * math.sqrt(share * (1 - share) / n + _Z**2 / (4 * n**2))
    scale = 1 + _Z**2 / n
    middle = share + _Z**2 / (2 * n)
    low, high = (middle - spread) / scale, (middle + spread) / scale
    return Rate(hits=hits, n=n, value=share, low=max(0.0, low), high=min(1.0, high))


def macro_f1(pairs: Sequence[tuple[str | None, str | None]]) -> float | None:
    """Return the mean F1 over the right classes of (right, given) pairs; None without any."""
    classes = {right for right, _ in pairs if right is not None}
    if not classes:
        return None
    right_count = Counter(right for right, _ in pairs)
    given_count = Counter(given for _, given in pairs)
    both = Counter(right for right, given in pairs if right == given)
    return sum(2 * both[one] / (right_count[one] + given_count[one]) for one in classes) / len(
        classes
    )


def calibration_error(judged: Sequence[tuple[float, bool]]) -> float | None:
    """Return the expected calibration error of (confidence, right) pairs in ten equal bins."""
    if not judged:
        return None
    bins: dict[int, list[tuple[float, bool]]] = {}
    for confidence, right in judged:
        bins.setdefault(min(_BINS - 1, int(confidence * _BINS)), []).append((confidence, right))
    return sum(
        abs(sum(confidence for confidence, _ in inside) - sum(right for _, right in inside))
        for inside in bins.values()
    ) / len(judged)


def area_of(code: str | None) -> str | None:
    """Return the area of a sub-area's code."""
    return code.split(".")[0] if code else None


def _same(code: str | None) -> str | None:
    return code


def _right(outcome: Outcome, level: Callable[[str | None], str | None]) -> str | None:
    """Return the right code; where the leading one is right as well, that one."""
    accepted = {level(code) for code in outcome.story.accepted}
    return outcome.leading if level(outcome.leading) in accepted else outcome.story.code


def _group(name: str, outcomes: Sequence[Outcome]) -> Group:
    covered = [one for one in outcomes if one.story.code is not None]
    answered = [one for one in covered if one.answered]
    outside = [one for one in outcomes if one.story.code is None]
    calm = [one for one in outcomes if not one.story.red_flags]
    expected = sum(len(one.story.red_flags) for one in outcomes)
    return Group(
        name=name,
        stories=len(outcomes),
        accuracy=rate(sum(_hits(one, 1, _same) for one in covered), len(covered)),
        hits_at_2=rate(sum(_hits(one, 2, _same) for one in covered), len(covered)),
        area_accuracy=rate(sum(_hits(one, 1, area_of) for one in covered), len(covered)),
        area_hits_at_2=rate(sum(_hits(one, 2, area_of) for one in covered), len(covered)),
        coverage=rate(len(answered), len(covered)),
        accuracy_answered=rate(sum(_hits(one, 1, _same) for one in answered), len(answered)),
        out_of_scope_abstained=rate(sum(not one.answered for one in outside), len(outside)),
        flags_found=rate(expected - sum(len(one.missed) for one in outcomes), expected),
        false_alarms=rate(sum(bool(one.false_alarms) for one in outcomes), len(outcomes)),
        calm_alarms=rate(sum(bool(one.red_flags) for one in calm), len(calm)),
    )


def _hits(outcome: Outcome, k: int, level: Callable[[str | None], str | None]) -> bool:
    accepted = {level(code) for code in outcome.story.accepted}
    return any(level(one.code) in accepted for one in outcome.candidates[:k])


def _flags(playbook: Playbook, outcomes: Sequence[Outcome]) -> Iterable[tuple[str, Rate, int]]:
    for flag in playbook.red_flags:
        expected = [one for one in outcomes if flag.code in one.story.red_flags]
        found = sum(flag.code in one.red_flags for one in expected)
        wrong = sum(flag.code in one.false_alarms for one in outcomes)
        yield flag.code, rate(found, len(expected)), wrong


def _confusions(covered: Sequence[Outcome]) -> tuple[Confusion, ...]:
    counted = Counter(
        (one.story.code or "", one.leading or "nothing")
        for one in covered
        if one.leading not in one.story.accepted
    )
    return tuple(
        Confusion(right=right, taken_for=taken, count=count)
        for (right, taken), count in counted.most_common()
    )
