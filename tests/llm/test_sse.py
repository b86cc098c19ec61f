"""Splitting streams of bytes into events."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.llm.sse import MAX_EVENT, EventSplitter, EventTooLong

line_ends = st.sampled_from(["\n", "\r", "\r\n"])
# Text that an event stream can carry in one line: everything but the line ends.
one_line = st.text(alphabet=st.characters(exclude_characters="\r\n", exclude_categories=["Cs"]))
noise = st.sampled_from([": a comment", "event: x", "id: 7", "retry: 10", "odd", "datax: 1"])


@st.composite
def streams(draw: st.DrawFn) -> bytes:
    """Write events in one of the ways in which a server may."""
    events = draw(st.lists(st.lists(one_line, min_size=1, max_size=3), max_size=6))
    out = ["\ufeff"] if draw(st.booleans()) else []
    for lines in events:
        for line in lines:
            out += [part + draw(line_ends) for part in draw(st.lists(noise, max_size=2))]
            bare = line == "" and draw(st.booleans())
            gap = " " if line.startswith(" ") or draw(st.booleans()) else ""
            out.append(("data" if bare else f"data:{gap}{line}") + draw(line_ends))
        out.append(draw(line_ends))
    return "".join(out).encode()


def cut(data: bytes, places: list[int]) -> list[bytes]:
    """Cut bytes at these places."""
    edges = sorted({0, len(data), *(place % (len(data) + 1) for place in places)})
    return [data[a:b] for a, b in pairwise(edges)]


def reference(data: bytes) -> list[bytes]:
    """Read a whole stream at once, as the standard describes it."""
    text = data.removeprefix(b"\xef\xbb\xbf").replace(b"\r\n", b"\n").replace(b"\r", b"\n")
    found: list[bytes] = []
    pending: list[bytes] = []
    for line in text.split(b"\n")[:-1]:
        name, _, value = line.partition(b":")
        if not line:
            if pending:
                found.append(b"\n".join(pending))
            pending = []
        elif name == b"data":
            pending.append(value.removeprefix(b" "))
    return found


@given(streams(), st.lists(st.integers(min_value=0, max_value=4000), max_size=12))
def test_any_stream_cut_anywhere_reads_as_the_standard_says(data: bytes, places: list[int]) -> None:
    """Chunk boundaries, line ends, comments and unknown fields change nothing."""
    splitter = EventSplitter()
    found = [event for chunk in cut(data, places) for event in splitter.feed(chunk)]
    assert found == reference(data)


@given(st.lists(one_line, max_size=8), st.lists(st.integers(min_value=0, max_value=900)))
def test_what_providers_send_comes_back_whole(events: list[str], places: list[int]) -> None:
    """Named single-line events, however they are cut, give exactly their data."""
    data = b"".join(f"event: e\ndata: {event}\n\n".encode() for event in events)
    splitter = EventSplitter()
    found = [event.decode() for chunk in cut(data, places) for event in splitter.feed(chunk)]
    assert found == events


@given(st.binary(max_size=400), st.lists(st.integers(min_value=0, max_value=400), max_size=9))
def test_garbage_reads_the_same_however_it_is_cut(data: bytes, places: list[int]) -> None:
    """Bytes that are no stream at all neither fail nor depend on their chunks."""
    splitter = EventSplitter()
    assert [e for c in cut(data, places) for e in splitter.feed(c)] == reference(data)


def test_an_event_is_given_out_with_its_blank_line() -> None:
    """Nothing waits for the next event; a carriage return alone ends a line at once."""
    assert EventSplitter().feed(b"data: 1\r\r") == [b"1"]


@pytest.mark.parametrize("piece", [b"x" * 65536, b"data: " + b"x" * 65530 + b"\n"])
def test_an_endless_event_is_refused(piece: bytes) -> None:
    """Neither a line nor an event may grow without end."""
    splitter = EventSplitter()
    for _ in range(MAX_EVENT // len(piece)):
        assert splitter.feed(piece) == []
    with pytest.raises(EventTooLong):
        splitter.feed(piece)


def test_small_pieces_of_a_long_event_take_linear_time() -> None:
    """A megabyte in two-byte pieces is read in a blink, not in minutes."""
    splitter = EventSplitter()
    data = b"data: " + b"x" * 1_000_000 + b"\n" + b"data: y\n" * 1_000
    for at in range(0, len(data), 2):
        assert splitter.feed(data[at : at + 2]) == []
    assert len(splitter.feed(b"\n")[0]) == 1_000_000 + 2 * 1_000
