"""Torn and damaged data: what was whole is recovered, or nothing starts and the words say why."""

import random
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from app.appendonly import DataDamaged
from app.embedded import EmbeddedValkey
from tests.faults.conftest import Show
from tests.support.processes import Program, environment, free_port, triage
from tests.support.proofs import rounds
from tests.support.valkey import Wire

KEYS = 40
"""Half of them are in the base, the others in the file of increments."""
LAST = 4
"""So many of the latest commands are torn at every byte by the long proof."""
MANIFEST = "appendonly.aof.manifest"


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data folder with a base of keys and increments behind it; its server has ended."""
    var = tmp_path_factory.mktemp("whole")
    with EmbeddedValkey(var) as server, Wire(server.socket) as wire:
        for number in range(KEYS // 2):
            wire.call("SET", f"key:{number}", f"value {number} " * 40)
        wire.call("BGREWRITEAOF")
        while b"aof_rewrite_in_progress:1" in (wire.call("INFO", "persistence") or b""):
            wire.call("PING")
        for number in range(KEYS // 2, KEYS - 2):
            wire.call("SET", f"key:{number}", f"value {number}")
        script = "for _, key in ipairs(KEYS) do redis.call('SET', key, ARGV[1]) end"
        wire.call("EVAL", script, "2", f"key:{KEYS - 2}", f"key:{KEYS - 1}", "value")
    return var


class Copy:
    """A copy of a data folder, to be damaged."""

    def __init__(self, whole: Path, var: Path) -> None:
        """Make it."""
        shutil.rmtree(var, ignore_errors=True)
        shutil.copytree(whole, var, ignore=shutil.ignore_patterns("*.sock"))
        self.var = var
        self.folder = var / "valkey" / "appendonlydir"
        (self.base,) = self.folder.glob("*.base.rdb")
        (self.increments,) = self.folder.glob("*.incr.aof")
        self.manifest = self.folder / MANIFEST

    def keys(self) -> int:
        """Start a server on it and return how many keys it has, which are then served."""
        with EmbeddedValkey(self.var) as server, Wire(server.socket) as wire:
            found = int(wire.call("DBSIZE") or 0)
            wire.call("SET", "another", "1")
            wire.call("DEL", "another")
        return found

    def refused(self) -> str:
        """Start a server on it, which must not come up; returns the words, and nothing changed."""
        before = self._files()
        server = EmbeddedValkey(self.var)
        with pytest.raises(DataDamaged) as caught:
            server.start()
        server.stop()
        assert self._files() == before
        return str(caught.value)

    def _files(self) -> dict[str, bytes]:
        return {one.name: one.read_bytes() for one in self.folder.iterdir()}


def _some(places: range, many: int) -> list[int]:
    """Return so many of these, always with the first and the last."""
    if many >= len(places):
        return list(places)
    chance = random.Random(20_260_315)
    return sorted({places[0], places[-1], *chance.sample(places, many)})


def test_increments_that_end_anywhere_keep_every_whole_write(
    whole: Path, tmp_path: Path, show: Show
) -> None:
    """Cut at any byte, the file loads up to the last write, or script, that is whole."""
    content = Copy(whole, tmp_path / "var").increments.read_bytes()
    starts = [at for at in range(len(content)) if content.startswith(b"*", at)]
    places = _some(range(starts[-2 * LAST], len(content)), rounds(12))
    for at in places:
        torn = Copy(whole, tmp_path / "var")
        torn.increments.write_bytes(content[:at])
        sound = content[:at].rpartition(b"*1\r\n$5\r\nMULTI")[0] or content[:at]
        sound = content[:at] if at == len(content) else sound
        at_least = KEYS // 2 + sound.count(b"\r\nkey:") - 1
        assert at_least <= torn.keys() <= KEYS
        assert torn.keys() >= at_least
    show(
        "increments cut off at any byte",
        [("places", len(places)), ("whole writes lost", 0), ("refused", 0)],
    )


def test_a_damaged_byte_loses_no_key_in_silence(whole: Path, tmp_path: Path, show: Show) -> None:
    """One wrong byte anywhere in the increments changes one word, or nothing starts.

    Valkey's file has no sums; a wrong byte within a word is found when the word is unsealed.
    """
    chance = random.Random(20_260_316)
    content = Copy(whole, tmp_path / "var").increments.read_bytes()
    before_last = content.rindex(b"*1\r\n$5\r\nMULTI")
    places = _some(range(before_last), rounds(12))
    changed = refused = 0
    for at in places:
        damaged = Copy(whole, tmp_path / "var")
        wrong = bytes([content[at] ^ chance.randint(1, 255)])
        damaged.increments.write_bytes(content[:at] + wrong + content[at + 1 :])
        try:
            found = damaged.keys()
        except DataDamaged:
            assert "backup" in damaged.refused()
            refused += 1
        else:
            assert found >= KEYS - 1, (at, content[at : at + 1], wrong)
            changed += 1
    show(
        "one wrong byte in the increments",
        [
            ("places", len(places)),
            ("refused with instructions", refused),
            ("a word changed, no other key lost", changed),
        ],
    )


def test_a_torn_or_damaged_base_is_refused(whole: Path, tmp_path: Path, show: Show) -> None:
    """A snapshot cut off or with one wrong byte does not load, and the words say what to do."""
    chance = random.Random(20_260_317)
    content = Copy(whole, tmp_path / "var").base.read_bytes()
    places = _some(range(len(content) - 1), rounds(8))
    for number, at in enumerate(places):
        damaged = Copy(whole, tmp_path / "var")
        rest = b"" if number % 2 else content[at + 1 :]
        wrong = bytes([content[at] ^ chance.randint(1, 255)])
        damaged.base.write_bytes(content[:at] + wrong + rest)
        words = damaged.refused()
        assert "backup" in words
        assert str(damaged.var) in words
    show("a base cut off, or with one wrong byte", [("places", len(places)), ("loaded", 0)])


def test_a_manifest_that_ends_anywhere_is_refused(whole: Path, tmp_path: Path, show: Show) -> None:
    """A list of files that lost its end would start without what it no longer names."""
    content = Copy(whole, tmp_path / "var").manifest.read_bytes()
    places = _some(range(len(content)), rounds(12))
    for at in places:
        torn = Copy(whole, tmp_path / "var")
        torn.manifest.write_bytes(content[:at])
        words = torn.refused()
        assert MANIFEST in words
        assert "backup" in words
    show("the manifest cut off at any byte", [("places", len(places)), ("started", 0)])


def _without_base(copy: Copy) -> None:
    lines = copy.manifest.read_text().splitlines(keepends=True)
    copy.manifest.write_text("".join(one for one in lines if "type b" not in one))


def _without_increments(copy: Copy) -> None:
    lines = copy.manifest.read_text().splitlines(keepends=True)
    copy.manifest.write_text("".join(one for one in lines if "type i" not in one))


def _of_another(copy: Copy) -> None:
    shutil.rmtree(copy.var / "valkey")
    (copy.var / "valkey").mkdir()
    (copy.var / "valkey" / "dump.rdb").write_bytes(b"REDIS0011")


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        pytest.param(lambda copy: copy.manifest.unlink(), "is missing", id="no manifest"),
        pytest.param(lambda copy: copy.manifest.write_bytes(b""), "is damaged", id="empty"),
        pytest.param(lambda copy: copy.manifest.write_bytes(b"\xff\0"), "is damaged", id="rubbish"),
        pytest.param(_without_base, "is damaged", id="without its base"),
        pytest.param(_without_increments, "does not name", id="without its increments"),
        pytest.param(lambda copy: copy.increments.unlink(), "is missing", id="no increments"),
        pytest.param(lambda copy: copy.base.write_bytes(b""), "is empty", id="an empty base"),
        pytest.param(_of_another, "another server", id="of another server"),
    ],
)
def test_up_and_doctor_say_what_is_wrong(
    whole: Path, tmp_path: Path, damage: Callable[[Copy], None], words: str
) -> None:
    """Neither starts anything: one message, no traceback, status 1, the folder and what to do."""
    copy = Copy(whole, tmp_path / "var")
    damage(copy)
    settings = environment(TRIAGE_VAR=str(copy.var), TRIAGE_PORT=str(free_port()))
    for command in ("up", "doctor"):
        told = Program(command, triage(command), settings, tmp_path / f"{command}.log")
        try:
            assert told.wait_ended() == 1
            said = " ".join(told.output().split())
            assert words in said, said
            assert str(copy.var / "valkey") in said
            assert "Traceback" not in said
        finally:
            told.close()


def test_what_a_rewrite_had_not_yet_deleted_is_no_damage(whole: Path, tmp_path: Path) -> None:
    """Killed while it tidies up behind itself, Valkey leaves names whose files are gone."""
    copy = Copy(whole, tmp_path / "var")
    with copy.manifest.open("a") as manifest:
        manifest.write("file appendonly.aof.1.base.rdb seq 1 type h\n")
    (copy.folder / "appendonly.aof.9.incr.aof").touch()
    assert copy.keys() == KEYS
