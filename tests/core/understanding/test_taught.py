"""What was learned from stories: read from a file of weights, and added to what rules hear."""

import os
import subprocess
import sys
from datetime import date
from math import sqrt

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from app.core.understanding.running import Understanding
from app.core.understanding.taught import (
    FEATURES,
    LENGTH_STEP,
    ZERO,
    Scorer,
    Table,
    Weights,
    basis_of,
    encode_weights,
    features_of,
    read_weights,
    taught_model,
    why_stale,
)
from app.domain.case import CaseState
from app.domain.playbook import Playbook, Taught
from tests.support.claims import new_state
from tests.support.playbooks import tiny_playbook

TINY = tiny_playbook()
KINDS = tuple(TINY.subareas())
FLAGS = tuple(flag.code for flag in TINY.red_flags)
TODAY = date(2026, 3, 1)


def weights(**changes: object) -> Weights:
    """Return weights of the tiny playbook: "hiss" means gas, "gurgl" means a blockage."""
    made = Weights(
        features=FEATURES,
        playbook=TINY.id,
        version=TINY.version,
        digest=basis_of(TINY),
        stories={"mine.jsonl": 2},
        flags=FLAGS,
        kinds=KINDS,
        thresholds=(2.0,) * len(FLAGS),
        lexical=1.0,
        taught=1.0,
        by_flag=table(len(FLAGS), "hiss", FLAGS.index("gas_smell"), 100),
        by_kind=table(len(KINDS) + 1, "gurgl", KINDS.index("plumbing.blockage"), 120),
    )
    return replace(made, **changes)


def table(outputs: int, feature: str, output: int, weight: int) -> Table:
    """Return the weights of two features, of which one speaks for one output."""
    rows = {name: bytearray([ZERO] * outputs + [25]) for name in ("gurgl", "hiss")}
    rows[feature][output] = ZERO + weight
    return Table(
        steps=(0.1,) * outputs,
        constants=(0.0,) * outputs,
        vocabulary=tuple(rows),
        rows=memoryview(b"".join(rows.values())),
    )


def playbook(made: Weights) -> Playbook:
    """Return the tiny playbook with weights."""
    return replace(TINY, taught=Taught(file="tiny.weights", content=encode_weights(made)))


def case() -> CaseState:
    """Return a case to which nothing was said."""
    return new_state(TINY)


def test_danger_that_rules_do_not_hear_is_learned() -> None:
    """A word that no rule has raises the flag it was taught for; without weights it does not."""
    story = "there is a hiss behind the wall"
    assert Understanding(TINY).dangers(story) == ()
    rules = Understanding(playbook(weights()))
    assert rules.dangers(story) == ("gas_smell",)
    read = rules.read(case(), (), 1, story, TODAY)
    assert [(one.code, one.source) for one in read.red_flags] == [("gas_smell", "rules")]


def test_rules_are_never_silenced() -> None:
    """What rules hear is raised whatever was learned, and no flag is raised twice."""
    rules = Understanding(playbook(weights(thresholds=(99.0,) * len(FLAGS))))
    assert rules.dangers("a smell of gas") == ("gas_smell",)
    read = Understanding(playbook(weights())).read(case(), (), 1, "hiss, smell of gas", TODAY)
    assert [one.code for one in read.red_flags] == ["gas_smell"]


def test_a_threshold_is_what_a_score_must_reach() -> None:
    """Above the score of the only feature, nothing is raised."""
    assert Understanding(playbook(weights(thresholds=(10.1,) * 2))).dangers("hiss") == ()
    assert Understanding(playbook(weights(thresholds=(7.0,) * 2))).dangers("hiss") != ()


def test_a_short_answer_is_no_story() -> None:
    """What was learned from stories judges a story, and a short answer only as part of one."""
    rules = Understanding(playbook(weights()))
    asked = replace(case(), asking="name")
    assert rules.read(asked, ("water",), 2, "hiss", TODAY).red_flags == ()
    again = rules.read(replace(case(), asking="story"), ("water",), 2, "hiss", TODAY)
    assert [one.code for one in again.red_flags] == ["gas_smell"]
    longer = "hiss is all that I hear since this very morning"
    assert [one.code for one in rules.read(asked, ("water",), 2, longer, TODAY).red_flags] == [
        "gas_smell"
    ]


def test_nothing_known_raises_nothing() -> None:
    """A text without a known feature is not judged, however low a threshold is."""
    rules = Understanding(playbook(weights(thresholds=(-5.0,) * len(FLAGS))))
    assert rules.dangers("zzz qqq") == ()


def test_kinds_are_learned_as_well() -> None:
    """Words that the taxonomy does not have place a case, also over several messages."""
    bare, rules = Understanding(TINY), Understanding(playbook(weights()))
    assert not bare.is_placed(bare.read(case(), (), 1, "it gurgles at night", TODAY))
    read = rules.read(case(), (), 1, "it gurgled at night", TODAY)
    assert read.candidates[0].code == "plumbing.blockage"
    later = rules.read(case(), ("it gurgled at night",), 2, "in Recife", TODAY)
    assert later.candidates[0].code == "plumbing.blockage"
    assert rules.read(case(), (), 1, "zzz", TODAY).candidates == ()


def test_words_and_what_was_learned_are_weighed() -> None:
    """With no say for what was learned, the words of the taxonomy decide alone."""
    story = "my fuse blew and it gurgled"
    alone = Understanding(playbook(weights(taught=0.0))).read(case(), (), 1, story, TODAY)
    rules = Understanding(TINY).read(case(), (), 1, story, TODAY)
    assert alone.candidates[0].code == rules.candidates[0].code == "electric.outage"
    assert alone.confidence == pytest.approx(rules.confidence)


@given(
    st.lists(st.lists(st.integers(1, 255), min_size=3, max_size=3), min_size=1, max_size=30),
    st.data(),
)
def test_the_sums_are_those_of_the_weights(cells: list[list[int]], data: st.DataObject) -> None:
    """Adding up long integers gives the same as adding up weight by weight, for any bytes."""
    squares = [data.draw(st.integers(1, 255)) for _ in cells]
    names = tuple(f"f{number}" for number in range(len(cells)))
    made = Table(
        steps=(0.5, 0.25, 2.0),
        constants=(0.1, -0.2, 3.0),
        vocabulary=names,
        rows=memoryview(
            b"".join(bytes([*row, square]) for row, square in zip(cells, squares, strict=True))
        ),
    )
    known, scores = Scorer(made).scores([*names, "unknown"])
    length = sqrt(sum(squares) * LENGTH_STEP)
    expected = [
        sum(row[n] - ZERO for row in cells) * made.steps[n] / length + made.constants[n]
        for n in range(3)
    ]
    assert scores == pytest.approx(expected)
    assert known == len(cells)


def test_weights_come_back_as_they_were_written() -> None:
    """The same weights are the same bytes."""
    made = weights()
    content = encode_weights(made)
    assert read_weights(content) == made
    assert encode_weights(read_weights(content)) == content


@pytest.mark.parametrize(
    "changes",
    [
        {"thresholds": ()},
        {"by_flag": replace(table(len(FLAGS), "hiss", 0, 1), rows=memoryview(b"123"))},
        {"by_flag": replace(table(len(FLAGS), "hiss", 0, 1), vocabulary=("a", "b", "c"))},
        {"by_kind": replace(table(len(KINDS) + 1, "hiss", 0, 1), steps=(1.0,))},
        {"by_kind": table(len(KINDS), "hiss", 0, 1)},
    ],
)
def test_parts_that_do_not_fit_together_are_refused(changes: dict[str, object]) -> None:
    """A file that was cut or mended by hand is none."""
    with pytest.raises(msgspec.DecodeError):
        read_weights(encode_weights(weights(**changes)))
    with pytest.raises(msgspec.DecodeError):
        read_weights(encode_weights(weights())[:-7])


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"features": FEATURES + 1}, "features"),
        ({"playbook": "garden"}, "the playbook 'garden'"),
        ({"version": "0.9.0"}, "version 0.9.0"),
        ({"digest": "0"}, "other concepts"),
    ],
)
def test_stale_weights_say_why(changes: dict[str, object], why: str) -> None:
    """Another playbook, another version, other features, other concepts: none may be used."""
    made = weights(**changes)
    assert why in (why_stale(made, TINY) or "")
    with pytest.raises(ValueError, match="house_repairs"):
        taught_model(playbook(made))
    assert why_stale(weights(), TINY) is None


@given(st.lists(st.text(alphabet="abcdefgh", min_size=1, max_size=8), max_size=20))
def test_every_word_is_a_feature(words: list[str]) -> None:
    """By itself or beside its stem, and stems side by side; whatever is said, nothing else."""
    found = features_of(words, ())
    assert all(word in found or f"={word}" in found for word in words)
    assert len(found) <= 3 * len(words)


def test_serving_loads_no_numeric_library() -> None:
    """Only whoever teaches needs numpy; a process that serves never loads it."""
    code = (
        "import sys, app.main, app.engine, jobs.worker;"
        "print([one for one in ('numpy', 'scipy', 'statsmodels') if one in sys.modules])"
    )
    command = [sys.executable, "-c", code]
    env = {**os.environ, "COVERAGE_PROCESS_START": ""}
    told = subprocess.run(command, capture_output=True, text=True, check=True, env=env)
    assert told.stdout.strip() == "[]"
