"""Sealing: what is sealed opens in its own place, whole, and nowhere else."""

from base64 import b64encode
from itertools import combinations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from app.domain.errors import InvalidInput, MasterUnknown, StateDamaged, StateTooNew
from app.domain.sealing import (
    CaseKey,
    MasterKey,
    MasterRing,
    is_sealed,
    master_of,
    new_case_key,
    new_master,
    read_ring,
)

RING = MasterRing((new_master(), new_master()))
CASES = st.text(max_size=40)
KINDS = st.sampled_from([b"state", b"turn", b"event"])
PLAIN = st.binary(max_size=400) | st.text(alphabet="palavr ", min_size=60).map(str.encode)


def key_of(case_id: str) -> CaseKey:
    """Make a key for a case."""
    return new_case_key(RING, case_id, RING.first.id)


@given(CASES, KINDS, PLAIN)
@example("a\udcff", b"state", b"x")
def test_what_is_sealed_is_opened_as_it_was(case_id: str, kind: bytes, plain: bytes) -> None:
    """Whoever unwraps the case's key reads what was sealed, and it does not begin as plain ones."""
    key = key_of(case_id)
    sealed = key.seal(kind, plain)
    again = CaseKey(case_id, RING.unwrap(case_id, key.wrapped), key.wrapped)
    assert is_sealed(sealed)
    assert again.open(kind, sealed) == plain


@given(PLAIN, st.data())
def test_a_changed_value_is_refused(plain: bytes, data: st.DataObject) -> None:
    """Whichever bit is another one, or whatever is cut off or added, nothing of it is read."""
    key = key_of("c")
    sealed = bytearray(key.seal(b"turn", plain))
    at = data.draw(st.integers(1, len(sealed) - 1))
    sealed[at] ^= 1 << data.draw(st.integers(0, 7))
    with pytest.raises((StateDamaged, StateTooNew)):
        key.open(b"turn", bytes(sealed))
    with pytest.raises((StateDamaged, StateTooNew)):
        key.open(b"turn", key.seal(b"turn", plain)[: data.draw(st.integers(1, len(sealed) - 1))])
    with pytest.raises(StateDamaged):
        key.open(b"turn", key.seal(b"turn", plain) + b"x")


@given(PLAIN)
def test_a_value_opens_in_its_own_place_alone(plain: bytes) -> None:
    """Another kind of value, another case and another key of the same case all refuse it."""
    key = key_of("one")
    sealed = key.seal(b"state", plain)
    same_key = CaseKey("two", RING.unwrap("one", key.wrapped), key.wrapped)
    for other, kind in ((key, b"turn"), (same_key, b"state"), (key_of("one"), b"state")):
        with pytest.raises(StateDamaged):
            other.open(kind, sealed)


def test_a_key_opens_for_its_own_case_alone() -> None:
    """A wrapped key that was moved to another case, or was changed, unwraps nothing."""
    wrapped = key_of("one").wrapped
    with pytest.raises(StateDamaged, match="key of two"):
        RING.unwrap("two", wrapped)
    with pytest.raises(StateDamaged):
        RING.unwrap("one", wrapped[:-1] + bytes([wrapped[-1] ^ 1]))
    for cut in (b"", wrapped[:-1], b"\x02" + wrapped[1:]):
        with pytest.raises(StateDamaged):
            RING.unwrap("one", cut)


def test_a_newer_version_is_told_from_damage() -> None:
    """A schema or a form that is not known here is left to a version that knows it."""
    key = key_of("c")
    newer = key.seal(b"state", b"x", schema=2)
    assert key.open(b"state", newer, schema=2) == b"x"
    for sealed in (newer, newer[:1] + b"\x03" + newer[2:]):
        with pytest.raises(StateTooNew):
            key.open(b"state", sealed)


def test_what_claims_to_be_compressed_and_is_not_is_damage() -> None:
    """Even sealed with the right key, a value that does not unpack is refused, and not in part."""
    key = key_of("c")
    packed = key.seal(b"state", b"abc " * 100)
    nonce, cipher = packed[3:15], key._cipher
    head = b"\xc1\x02\x01"
    forged = head + nonce + cipher.encrypt(nonce, b"no frame", head + b"state\0c")
    with pytest.raises(StateDamaged):
        key.open(b"state", forged)


def test_plain_values_are_returned_as_they_are() -> None:
    """What an earlier version wrote is read on."""
    assert key_of("c").open(b"event", b'{"type":"delta"}') == b'{"type":"delta"}'


def test_a_repeated_value_looks_different_each_time() -> None:
    """Whoever compares two stored values does not learn that the same was said."""
    key = key_of("c")
    sealed = [key.seal(b"turn", b"the same words") for _ in range(20)]
    assert all(one != other for one, other in combinations(sealed, 2))


def test_values_of_a_conversation_become_small() -> None:
    """Frames are known beforehand, so that even a short value does not grow by much."""
    key = key_of("c")
    assert len(key.seal(b"turn", b"x")) == 1 + 31
    assert len(key.seal(b"turn", b"Quando foi? " * 100)) < 100


def test_a_digest_tells_nothing_without_the_key() -> None:
    """The same text has one digest for each case and purpose."""
    one, other = key_of("one"), key_of("other")
    assert one.digest(b"a", b"yes") == one.digest(b"a", b"yes")
    digests = {one.digest(b"a", b"yes"), one.digest(b"b", b"yes"), other.digest(b"a", b"yes")}
    assert len(digests) == 3


def test_another_master_wraps_the_same_key() -> None:
    """After a rotation everything that was sealed before opens."""
    key = key_of("c")
    sealed = key.seal(b"turn", b"words")
    second = list(RING.masters)[1]
    again = key.rewrapped(RING, second)
    assert (master_of(key.wrapped), master_of(again.wrapped)) == (RING.first.id, second)
    unwrapped = CaseKey("c", RING.unwrap("c", again.wrapped), again.wrapped)
    assert unwrapped.open(b"turn", sealed) == b"words"


def test_an_unknown_master_is_named() -> None:
    """Whoever lacks a master key hears which one."""
    stranger = MasterRing((new_master(),))
    wrapped = new_case_key(stranger, "c", stranger.first.id).wrapped
    with pytest.raises(MasterUnknown, match=stranger.first.id):
        RING.unwrap("c", wrapped)


@given(st.lists(st.binary(min_size=32, max_size=32), min_size=1, max_size=4))
def test_a_ring_is_read_back_as_it_was_written(keys: list[bytes]) -> None:
    """The order is kept: the first one wraps in a new storage."""
    masters = tuple(MasterKey(f"{number:08x}", key) for number, key in enumerate(keys))
    text = "".join(f"{one.line()}\n" for one in masters)
    ring = read_ring(f"\n{text}\n")
    assert tuple(ring.masters.values()) == masters
    assert ring.first == masters[0]


@pytest.mark.parametrize(
    "line",
    [
        "words",
        "0123456g:" + b64encode(bytes(32)).decode(),
        "0123:" + b64encode(bytes(32)).decode(),
        "01234567:" + b64encode(bytes(31)).decode(),
        "01234567:!" + b64encode(bytes(32)).decode(),
    ],
)
def test_a_line_that_is_no_key_is_named_and_not_shown(line: str) -> None:
    """A mistake in the file of keys does not end up in a log."""
    good = new_master().line()
    with pytest.raises(InvalidInput, match="line 2 is no master key") as error:
        read_ring(f"{good}\n{line}\n")
    assert line not in str(error.value)


def test_a_ring_without_a_key_or_with_one_twice_is_none() -> None:
    """Neither could say which key wraps."""
    one = new_master()
    for masters in ((), (one, one)):
        with pytest.raises(InvalidInput, match="needs one at least"):
            MasterRing(masters)


def test_keys_do_not_show_themselves() -> None:
    """Whatever is logged or raised names keys and holds nothing of them."""
    master = new_master()
    key = key_of("c")
    assert repr(master) == f"MasterKey({master.id})"
    assert repr(key) == "CaseKey('c')"
    assert master.fingerprint() == MasterKey("ffffffff", master.key).fingerprint()
    assert master.fingerprint() != new_master().fingerprint()
