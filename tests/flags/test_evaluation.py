"""What flags decide, and that whatever they are, everybody gets one of the two products."""

from collections import Counter
from typing import Any

import msgspec
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from app.core.assigning import Assigned, Assigner, Subject
from app.domain.assignment import VARIANTS
from app.domain.errors import FlagsInvalid
from app.state.flags import Flags
from plugins.flags.evaluation import FEATURE, Evaluator
from plugins.flags.payload import read_payload, shipped
from plugins.flags.sticky import StickyBuckets
from tests.support.growthbook import flags_with


def somebody(number: int | None, **attributes: str) -> Subject:
    """Return one of many people, or somebody without a name."""
    person = None if number is None else f"person-{number}"
    return Subject(person=person, playbook="legal_br", locale="pt-BR", attributes=attributes)


async def shares(evaluator: Evaluator, people: int = 2_000) -> Counter[str]:
    """Return how many of so many people get each variant."""
    return Counter([(await evaluator.assign(somebody(n))).variant for n in range(people)])


async def test_what_ships_is_half_and_half() -> None:
    """The experiment is ready: v1 and v2 by halves, v2 for whoever has no name."""
    evaluator = Evaluator(shipped())
    assert isinstance(evaluator, Assigner)
    counted = await shares(evaluator)
    assert 900 < counted["v1"] < 1_100
    assert counted.total() == 2_000
    nameless = await evaluator.assign(somebody(None))
    assert (nameless.variant, nameless.assignment) == ("v2", None)
    assert (evaluator.counts.assigned, evaluator.counts.nameless) == (2_000, 1)


async def test_an_assignment_says_what_events_need() -> None:
    """The experiment, the variation's own key, the person, and by which flags."""
    given = (await Evaluator(shipped()).assign(somebody(1))).assignment
    assert given is not None
    assert given.experiment == FEATURE
    assert given.variation in VARIANTS
    assert given.person == "person-1"
    assert given.flags == shipped().hash


async def test_the_same_person_gets_the_same() -> None:
    """In every instance, which need not know of each other."""
    first, second = Evaluator(shipped()), Evaluator(shipped())
    for number in range(50):
        assert await first.assign(somebody(number)) == await second.assign(somebody(number))


async def test_new_weights_move_the_new_and_leave_the_old(shared: Flags) -> None:
    """What somebody was given is theirs, also in another instance."""
    evaluator = Evaluator(read_payload(flags_with((0.5, 0.5))), StickyBuckets(shared))
    before = [await evaluator.assign(somebody(n)) for n in range(40)]
    assert {one.variant for one in before} == set(VARIANTS)
    await evaluator.close()
    other = Evaluator(read_payload(flags_with((0.0, 1.0))), StickyBuckets(shared))
    after = [await other.assign(somebody(n)) for n in range(40)]
    assert [one.variant for one in after] == [one.variant for one in before]
    assert {(await other.assign(somebody(n))).variant for n in range(100, 140)} == {"v2"}


async def test_a_switched_off_experiment_is_off_for_all(shared: Flags) -> None:
    """The kill switch is a default: also whoever took part gets it from then on."""
    evaluator = Evaluator(read_payload(flags_with((0.5, 0.5))), StickyBuckets(shared))
    await shares(evaluator, 20)
    off = msgspec.json.encode({"features": {FEATURE: {"defaultValue": "v1"}}})
    await evaluator.use(read_payload(off))
    assert await shares(evaluator, 20) == {"v1": 20}
    assert (await evaluator.assign(somebody(1))).assignment is None


async def test_nobody_outside_the_coverage_takes_part() -> None:
    """They get the default and are counted as outside."""
    evaluator = Evaluator(read_payload(flags_with((1.0, 0.0), coverage=0.1)))
    counted = await shares(evaluator, 1_000)
    assert 60 < counted["v1"] < 140
    assert evaluator.counts.outside == counted["v2"]


async def test_rules_may_look_at_playbook_locale_and_what_frontends_say() -> None:
    """But a frontend cannot say who somebody is: that is `user_ref` alone."""
    rule = {
        "condition": {"playbook": "legal_br", "locale": "pt-BR", "channel": "app"},
        "force": "v1",
    }
    flags = {"features": {FEATURE: {"defaultValue": "v2", "rules": [rule]}}}
    evaluator = Evaluator(read_payload(msgspec.json.encode(flags)))
    assert (await evaluator.assign(somebody(1, channel="app"))).variant == "v1"
    assert (await evaluator.assign(somebody(1, channel="web"))).variant == "v2"
    named = Evaluator(shipped())
    assert (await named.assign(somebody(None, id="x"))).assignment is None


@pytest.mark.parametrize(
    ("raw", "said"),
    [
        (b"", "not JSON"),
        (b"\xff\xfe", "not JSON"),
        (b"[1]", "not an object"),
        (b"null", "not an object"),
        (b"{}", "no `features`"),
        (b'{"features": []}', "no `features`"),
        (b'{"features": {"a": 1}}', "feature 'a'"),
        (b'{"features": {"a": {"rules": {}}}}', "feature 'a'"),
        (b"[" * 100_000, "not JSON"),
        (
            b'{"features": {"a": {"rules": [{"condition": {"x": {"$regex": "(a+)+$"}}}]}}}',
            "for ever",
        ),
        (b'{"features": {}, "x": "' + b"y" * 3_000_000 + b'"}', "bytes"),
        (b"<html>Bad gateway</html>", "not JSON"),
    ],
    ids=lambda one: str(one)[:40],
)
def test_flags_that_are_none_are_refused(raw: bytes, said: str) -> None:
    """One sentence says why."""
    with pytest.raises(FlagsInvalid, match=said):
        read_payload(raw)


SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(-9, 9)
    | st.floats(allow_nan=False)
    | st.text(max_size=5)
)
MEMBERS = (
    "key", "variations", "weights", "coverage", "meta", "condition", "force", "hashAttribute",
    "hashVersion", "ranges", "filters", "parentConditions", "phase", "namespace", "seed",
    "minBucketVersion", "fallbackAttribute",
)  # fmt: skip
JSON = st.recursive(
    SCALARS,
    lambda one: st.lists(one, max_size=3) | st.dictionaries(st.text(max_size=8), one, max_size=3),
    max_leaves=12,
)
RULES = st.lists(
    st.fixed_dictionaries({}, optional=dict.fromkeys(MEMBERS, JSON)) | JSON, max_size=3
)


@given(default=JSON, rules=RULES | JSON)
@example(default="v1", rules=[{"parentConditions": 1}])
@example(default="v1", rules=[{"coverage": "all", "variations": ["v1"]}])
@example(default="v1", rules=[{"key": 7, "variations": ["v1", "v2"], "meta": [{"key": 1}]}])
async def test_whatever_the_flags_are_everybody_gets_a_product(default: Any, rules: Any) -> None:
    """Flags are refused before they are live, or decide, or the default is given."""
    flags = {"features": {FEATURE: {"defaultValue": default, "rules": rules}}}
    evaluator = Evaluator(shipped())
    try:
        payload = read_payload(msgspec.json.encode(flags))
        await evaluator.use(payload)
    except FlagsInvalid:
        assert evaluator.payload.hash == shipped().hash
    for number in (None, 1, 2):
        found = await evaluator.assign(somebody(number))
        assert found.variant in VARIANTS
        assert msgspec.msgpack.decode(msgspec.msgpack.encode(found), type=Assigned) == found


def test_the_hash_is_of_the_content() -> None:
    """Not of the order of members, and not of when it was changed."""
    first = read_payload(b'{"features": {"a": {}, "b": {}}, "dateUpdated": "2026-01-01T00:00:00Z"}')
    second = read_payload(
        b'{"dateUpdated": "2026-02-01T00:00:00Z", "features": {"b": {}, "a": {}}}'
    )
    assert first.hash == second.hash
    assert first.hash != read_payload(b'{"features": {"a": {}}}').hash
    assert read_payload(second.raw) == second
