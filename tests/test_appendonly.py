"""The guard before the append-only file: every tear is told from every damage."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.appendonly import find_tear, keep_tail

Command = tuple[bytes, ...]

COMMANDS = st.lists(
    st.one_of(
        st.tuples(st.just(b"SET"), st.binary(max_size=8), st.binary(max_size=40)),
        st.tuples(st.just(b"DEL"), st.binary(max_size=8)),
    ),
    min_size=1,
    max_size=8,
)


def encode(command: Command) -> bytes:
    """Write a command as the append-only file does."""
    parts = b"".join(b"$%d\r\n%s\r\n" % (len(part), part) for part in command)
    return b"*%d\r\n%s" % (len(command), parts)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data folder whose manifest names one file of commands."""
    made = tmp_path_factory.mktemp("valkey")
    (made / "appendonlydir").mkdir()
    manifest = "file a.base.rdb seq 1 type b\nfile a.incr.aof seq 1 type i\n"
    (made / "appendonlydir" / "appendonly.aof.manifest").write_text(manifest)
    return made


def write(folder: Path, content: bytes) -> Path:
    """Put this content where the last commands are kept."""
    path = folder / "appendonlydir" / "a.incr.aof"
    path.write_bytes(content)
    return path


@given(commands=COMMANDS, data=st.data())
def test_every_prefix_is_a_tail_and_is_measured_exactly(
    folder: Path, commands: list[Command], data: st.DataObject
) -> None:
    """Wherever a file of commands ends, what is sound is the commands that are whole."""
    whole = [encode(command) for command in commands]
    content = b"".join(whole)
    length = data.draw(st.integers(1, len(content)))
    write(folder, content[:length])
    ends = [sum(map(len, whole[: n + 1])) for n in range(len(whole))]
    sound = max((end for end in ends if end <= length), default=0)
    tear = find_tear(folder)
    if sound == length:
        assert tear is None
    else:
        assert tear is not None
        assert (tear.sound, tear.size, tear.is_tail) == (sound, length, True)


@given(before=COMMANDS, after=COMMANDS, beyond=st.integers(0, 10_000))
def test_a_length_that_swallows_commands_is_no_tail(
    folder: Path, before: list[Command], after: list[Command], beyond: int
) -> None:
    """A length that points beyond the end hides the commands behind it, and is found out."""
    rest = b"key:1\r\n$1\r\n1\r\n" + b"".join(map(encode, after))
    damaged = b"*3\r\n$3\r\nSET\r\n$%d\r\n" % (len(rest) + beyond) + rest
    write(folder, b"".join(map(encode, before)) + damaged)
    tear = find_tear(folder)
    assert tear is not None
    assert not tear.is_tail
    assert tear.sound == sum(len(encode(command)) for command in before)


@given(
    before=COMMANDS,
    garbage=st.binary(min_size=1, max_size=30).filter(
        lambda text: not text.startswith(b"*") and text.strip(b"\0") != b""
    ),
)
def test_bytes_that_begin_no_command_are_no_tail(
    folder: Path, before: list[Command], garbage: bytes
) -> None:
    """An unfinished write begins like every command; anything else is damage."""
    write(folder, b"".join(map(encode, before)) + garbage)
    tear = find_tear(folder)
    assert tear is not None
    assert not tear.is_tail


@given(before=COMMANDS, after=COMMANDS, zeros=st.integers(1, 10_000), data=st.data())
def test_zeros_behind_a_torn_write_are_torn_with_it(
    folder: Path, before: list[Command], after: list[Command], zeros: int, data: st.DataObject
) -> None:
    """A power cut may leave the file long and its end empty; zeros in the middle are damage."""
    start = b"".join(map(encode, before))
    begun = encode(after[0])[: data.draw(st.integers(0, 3))]
    write(folder, start + begun + bytes(zeros))
    tear = find_tear(folder)
    assert tear is not None
    assert (tear.sound, tear.is_tail) == (len(start), True)
    write(folder, start + bytes(zeros) + b"".join(map(encode, after)))
    tear = find_tear(folder)
    assert tear is not None
    assert not tear.is_tail


@given(before=COMMANDS, inside=COMMANDS, data=st.data())
def test_an_open_transaction_is_not_sound(
    folder: Path, before: list[Command], inside: list[Command], data: st.DataObject
) -> None:
    """What MULTI began and EXEC did not end counts from MULTI on as torn."""
    start = b"".join(map(encode, before))
    opened = encode((b"MULTI",)) + b"".join(map(encode, inside))
    length = data.draw(st.integers(1, len(opened)))
    write(folder, start + opened[:length])
    tear = find_tear(folder)
    assert tear is not None
    assert (tear.sound, tear.is_tail) == (len(start), True)
    write(folder, start + opened + encode((b"EXEC",)))
    assert find_tear(folder) is None


def test_what_is_cut_is_kept_to_the_byte(folder: Path) -> None:
    """The kept file and the sound part make up the torn file."""
    content = encode((b"SET", b"a", b"1")) + b"*3\r\n$3\r\nSE"
    path = write(folder, content)
    tear = find_tear(folder)
    assert tear is not None
    assert content == path.read_bytes()[: tear.sound] + keep_tail(tear).read_bytes()


@pytest.mark.parametrize("content", [b"", None], ids=["empty", "missing"])
def test_nothing_to_read_is_no_tear(folder: Path, content: bytes | None) -> None:
    """An empty or missing file of commands is left to Valkey."""
    path = write(folder, content or b"")
    if content is None:
        path.unlink()
    assert find_tear(folder) is None
