"""Teaching a playbook: what is learned, by which stories it is judged, and that it repeats."""

import pytest
from msgspec.structs import replace

from app.core.evaluation.stories import Story
from app.core.evaluation.teaching import teach
from app.core.understanding.running import Understanding
from app.core.understanding.taught import encode_weights
from app.domain.errors import InvalidInput
from app.domain.playbook import Taught
from tests.support.playbooks import tiny_playbook

TINY = tiny_playbook()
_GAS = (
    "there is a hissing behind the stove and we all feel dizzy",
    "the stove keeps hissing and the children feel dizzy",
    "dizzy since morning, something hisses near the stove",
    "my mother got dizzy next to the hissing stove",
    "hissing from the stove, headache and dizzy",
    "we got dizzy, the stove hisses all night",
)
_CALM = (
    "the kitchen tap makes a noise at night",
    "the sink is full of water that stays there",
    "half of the lamps stay dark",
    "the water in the shower stays cold",
    "the drain gurgles and stays full",
    "a lamp flickers in the hall",
)


def told(hand: str, *, start: int) -> list[Story]:
    """Return the half of the stories that one hand wrote."""
    gas = [
        Story(id=f"{hand}g{n}", locale="en", text=text, code=None, red_flags=("gas_smell",))
        for n, text in enumerate(_GAS[start::2])
    ]
    calm = [
        Story(id=f"{hand}c{n}", locale="en", text=text, code="plumbing.blockage")
        for n, text in enumerate(_CALM[start::2])
    ]
    return [*gas, *calm]


FILES = {"one.jsonl": told("a", start=0), "other.jsonl": told("b", start=1)}


def test_what_was_taught_is_heard_in_other_words() -> None:
    """A danger that no rule knows is raised in a story that nobody told before; calm stays calm."""
    lesson = teach(TINY, FILES, alarms=0.2)
    taught = replace(TINY, taught=Taught(file="w", content=encode_weights(lesson.weights)))
    rules = Understanding(taught)
    assert Understanding(TINY).dangers("it was hissing at the stove and I was dizzy") == ()
    assert rules.dangers("it was hissing at the stove and I was dizzy") == ("gas_smell",)
    assert rules.dangers("the lamp in the kitchen stays dark at night") == ()


def test_every_file_is_judged_by_what_the_others_taught() -> None:
    """The figures are of each file and of all, by rules alone and together with the model."""
    lesson = teach(TINY, FILES, alarms=0.2)
    assert [one.file for one in lesson.found] == ["one.jsonl", "other.jsonl", "all"]
    whole = lesson.found[-1]
    assert (whole.stories, whole.flags.n, whole.calm_alarms.n, whole.kinds.n) == (12, 6, 6, 6)
    assert whole.flags_by_rules.hits == 0
    assert whole.flags.hits == 6
    assert whole.calm_alarms.hits <= 1
    assert lesson.weights.stories == {"one.jsonl": 6, "other.jsonl": 6}


def test_no_room_for_alarms_means_none_beside_the_rules_own() -> None:
    """Without any alarm to spare, the calmest threshold is taken."""
    whole = teach(TINY, FILES, alarms=0.0).found[-1]
    assert whole.calm_alarms.hits == 0


def test_where_rules_alarm_too_often_nothing_is_added() -> None:
    """A price that the rules alone exceed leaves no threshold that could be reached."""
    loud = [
        replace(one, id=f"x{one.id}", text=f"smell of gas, {one.text}", red_flags=())
        for one in FILES["one.jsonl"]
    ]
    lesson = teach(TINY, {**FILES, "loud.jsonl": loud}, alarms=0.1)
    whole = lesson.found[-1]
    assert whole.flags == whole.flags_by_rules
    assert whole.calm_alarms == whole.calm_alarms_by_rules


def test_the_same_stories_give_the_same_bytes() -> None:
    """Nothing is drawn by chance."""
    once, again = (encode_weights(teach(TINY, FILES, alarms=0.2).weights) for _ in range(2))
    assert once == again


def test_stories_that_cannot_teach_are_refused() -> None:
    """One file has no other to be tried on; unknown labels and empty files are mistakes."""
    with pytest.raises(InvalidInput, match="two files"):
        teach(TINY, {"one.jsonl": FILES["one.jsonl"]}, alarms=0.1)
    wrong = replace(FILES["one.jsonl"][0], red_flags=("dragon",))
    with pytest.raises(InvalidInput, match=r"mine: ag0: 'dragon'"):
        teach(TINY, {"mine": [wrong], "other": FILES["other.jsonl"]}, alarms=0.1)
    with pytest.raises(InvalidInput, match="mine: there are no stories"):
        teach(TINY, {"mine": [], "other": FILES["other.jsonl"]}, alarms=0.1)
