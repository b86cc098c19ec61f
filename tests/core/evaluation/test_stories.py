"""The labelled stories are well formed, agree with the playbook and cover it."""

import re
from collections import Counter
from pathlib import Path
from typing import Annotated, Literal, get_args

import msgspec
import pytest
from msgspec import Meta, Struct

from app.core.playbook.files import load_playbooks
from app.core.understanding.safety import SafetyFloor
from app.domain.playbook import Playbook

FOLDER = Path(__file__).parents[3] / "app" / "playbooks" / "stories"
Split = Literal[
    "tuned",
    "kept",
    "taught.1",
    "taught.2",
    "taught.3",
    "taught.4",
    "taught.5",
    "taught.6",
    "taught.7",
    "taught.8",
    "taught.9",
    "taught.10",
    "taught.11",
    "taught.12",
]
Tag = Literal[
    "clear",
    "emotional",
    "indirect",
    "messy",
    "no_flag",
    "out_of_scope",
    "red_flag",
    "several",
    "short",
]


class Story(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One line of a file of stories."""

    id: Annotated[str, Meta(pattern=r"^([tk]\d{3}|t([1-9]|1[0-2])-\d{4})$")]
    locale: Literal["pt-BR", "en"]
    text: Annotated[str, Meta(min_length=2, max_length=1_000)]
    code: str | None
    also: tuple[str, ...]
    red_flags: tuple[str, ...]
    tags: Annotated[tuple[Tag, ...], Meta(min_length=1)]


decode_stories = msgspec.json.Decoder(Story, strict=True).decode_lines


def stories(split: Split) -> list[Story]:
    """Read one file of stories."""
    return decode_stories((FOLDER / f"legal_br.{split}.jsonl").read_bytes())


def words(text: str) -> frozenset[str]:
    """Return the words of a text, without case."""
    return frozenset(re.findall(r"\w+", text.casefold()))


every_file = pytest.mark.parametrize("split", get_args(Split))
both_splits = pytest.mark.parametrize("split", ["tuned", "kept"])


@pytest.fixture(scope="module")
def playbook() -> Playbook:
    """Return the playbook whose codes the stories carry."""
    return load_playbooks()["legal_br"]


@every_file
def test_ids_are_unique_and_tell_the_split(split: Split) -> None:
    """No two stories share an id, and its beginning says which file it is in."""
    ids = [story.id for story in stories(split)]
    assert len(set(ids)) == len(ids)
    beginning = f"t{split.partition('.')[2]}-" if split.startswith("taught") else split[0]
    assert {one[: len(beginning)] for one in ids} == {beginning}


@both_splits
def test_there_are_enough_stories_in_both_languages(split: Split) -> None:
    """Each file has at least 150 stories, about three in five of them in Portuguese."""
    told = stories(split)
    assert len(told) >= 150
    assert 0.55 <= sum(story.locale == "pt-BR" for story in told) / len(told) <= 0.65


@both_splits
def test_there_is_enough_out_of_scope(split: Split) -> None:
    """Both splits say something on problems that are none of ours."""
    assert sum(story.code is None for story in stories(split)) >= 15


@every_file
def test_labels_are_the_playbooks_own(split: Split, playbook: Playbook) -> None:
    """Every code, flag and locale exists in the playbook, and none is given twice."""
    codes = set(playbook.subareas())
    flags = {flag.code for flag in playbook.red_flags}
    for story in stories(split):
        given = [*([story.code] if story.code else []), *story.also]
        assert set(given) <= codes, story.id
        assert set(story.red_flags) <= flags, story.id
        assert story.locale in playbook.locales
        for labels in (given, story.red_flags, story.tags):
            assert len(set(labels)) == len(labels), story.id


@both_splits
def test_every_kind_of_problem_is_told(split: Split, playbook: Playbook) -> None:
    """Each leaf of the taxonomy is the main code of a story in either file."""
    assert set(playbook.subareas()) <= {story.code for story in stories(split)}


@both_splits
def test_every_red_flag_is_raised_often_enough(split: Split, playbook: Playbook) -> None:
    """Each danger that can be told is in at least four stories, and eight come near one."""
    told = stories(split)
    raised = Counter(flag for story in told for flag in story.red_flags)
    told_of = [flag.code for flag in playbook.red_flags if flag.signs]
    assert [code for code in told_of if raised[code] < 4] == []
    assert set(raised) == set(told_of), "what only an answer raises stands in no story's labels"
    assert sum("no_flag" in story.tags for story in told) >= 8


@every_file
def test_tags_agree_with_labels(split: Split) -> None:
    """Tags say the same as the code, the flags and the length of the text."""
    told = stories(split)
    for story in told:
        assert ("out_of_scope" in story.tags) == (story.code is None), story.id
        assert ("red_flag" in story.tags) == bool(story.red_flags), story.id
        assert not ("no_flag" in story.tags and story.red_flags), story.id
        assert not ("several" in story.tags and not story.also), story.id
        assert not (story.code is None and story.also), story.id
        if "short" in story.tags:
            assert 3 <= len(story.text.split()) <= 8, story.id


def test_no_story_is_told_twice() -> None:
    """No text is in the files twice, and none in one file is a near copy of one in the other."""
    kept = stories("kept")
    others: list[Split] = [one for one in get_args(Split) if one != "kept"]
    taught = [story for split in others for story in stories(split)]
    texts = [" ".join(story.text.casefold().split()) for story in (*taught, *kept)]
    assert len(set(texts)) == len(texts)
    kept_words = [(story.id, words(story.text)) for story in kept]
    for story in taught:
        mine = words(story.text)
        near = [
            one
            for one, its in kept_words
            # Of which one has twice as many words as the other, they are no copies.
            if len(mine) < 2 * len(its) < 4 * len(mine) and 2 * len(mine & its) > len(mine | its)
        ]
        assert near == [], story.id


def test_danger_in_the_tuned_stories_is_heard_without_crying_wolf(playbook: Playbook) -> None:
    """Nearly every flag is raised where it belongs, and hardly any where there is none."""
    floor = SafetyFloor(playbook)
    told = stories("tuned")
    found = {story.id: floor.find(story.text) for story in told}
    expected = [(story.id, flag) for story in told for flag in story.red_flags]
    assert sum(flag in found[one] for one, flag in expected) >= 0.95 * len(expected)
    calm = [story.id for story in told if not story.red_flags]
    assert sum(bool(found[one]) for one in calm) <= 0.03 * len(calm)
