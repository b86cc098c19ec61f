"""What a start keeps for the next one: used again, and never trusted beyond that."""

from pathlib import Path

import pytest
from msgspec import Struct

from app.kept import Kept, digest_of


class Thing(Struct, frozen=True):
    """Something that takes long to make."""

    name: str
    size: int


class Maker:
    """Makes things, and counts how often."""

    def __init__(self) -> None:
        """Begin with none."""
        self.made = 0

    def __call__(self) -> Thing:
        """Make one."""
        self.made += 1
        return Thing(name="a", size=self.made)


@pytest.fixture
def make() -> Maker:
    """A maker."""
    return Maker()


def test_it_is_made_once(tmp_path: Path, make: Maker) -> None:
    """A second start, in whatever process, reads what the first one made."""
    first = Kept(tmp_path / "cache").value("thing", "one", Thing, make)
    assert Kept(tmp_path / "cache").value("thing", "one", Thing, make) == first
    assert make.made == 1


def test_of_something_else_it_is_made_anew(tmp_path: Path, make: Maker) -> None:
    """And what was made of the earlier is not kept any longer."""
    kept = Kept(tmp_path)
    kept.value("thing", "one", Thing, make)
    kept.value("other", "one", Thing, make)
    assert kept.value("thing", "two", Thing, make).size == 3
    assert sorted(one.name for one in tmp_path.iterdir()) == [
        "other-one.msgpack",
        "thing-two.msgpack",
    ]


@pytest.mark.parametrize("cut", [0, 10, 40, -1])
def test_what_is_cut_is_made_anew_and_mended(tmp_path: Path, make: Maker, cut: int) -> None:
    """A file that a full disk has cut, anywhere, is no value."""
    kept = Kept(tmp_path)
    kept.value("thing", "one", Thing, make)
    (file,) = tmp_path.iterdir()
    file.write_bytes(file.read_bytes()[:cut])
    assert kept.value("thing", "one", Thing, make).size == 2
    assert kept.value("thing", "one", Thing, make).size == 2


def test_a_single_changed_bit_is_seen(tmp_path: Path, make: Maker) -> None:
    """It would still be a value, and a wrong one."""
    kept = Kept(tmp_path)
    kept.value("thing", "one", Thing, make)
    (file,) = tmp_path.iterdir()
    content = bytearray(file.read_bytes())
    content[-1] ^= 1
    file.write_bytes(content)
    assert kept.value("thing", "one", Thing, make).size == 2


def test_another_shape_is_made_anew(tmp_path: Path, make: Maker) -> None:
    """What is whole but of another type is not taken for it."""
    kept = Kept(tmp_path)
    kept.value("thing", "one", list[int], lambda: [1])
    assert kept.value("thing", "one", Thing, make) == Thing(name="a", size=1)


def test_where_nothing_can_be_kept_it_is_made(tmp_path: Path, make: Maker) -> None:
    """A start needs no folder of its own."""
    nowhere = tmp_path / "file"
    nowhere.write_text("in the way")
    assert Kept(nowhere / "cache").value("thing", "one", Thing, make).size == 1


def test_a_digest_names_contents_and_places(tmp_path: Path) -> None:
    """Any change of any file, and a move of text between two, is another digest."""
    one, two = tmp_path / "one", tmp_path / "two"
    seen = set()
    for first, second in (("ab", "c"), ("a", "bc"), ("ab", "d"), ("", "abc")):
        one.write_text(first)
        two.write_text(second)
        seen.add(digest_of((one, two)))
    assert len(seen) == 4
    assert digest_of((one, two)) in seen
