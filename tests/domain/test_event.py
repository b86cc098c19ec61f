"""Event ids and frames: what every client relies on."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain import event as events
from app.domain.event import Delta, EventId, Status, TurnCancelled

COUNTS = st.integers(min_value=0, max_value=10**17)


@given(COUNTS, COUNTS)
def test_an_id_is_read_back_as_it_was_written(epoch: int, seq: int) -> None:
    """Text and value are the same thing."""
    place = EventId(epoch, seq)
    assert EventId.parse(str(place)) == place


@given(st.text(max_size=40))
def test_any_text_is_an_id_or_none(text: str) -> None:
    """Nothing that a client sends makes the reader stumble."""
    place = EventId.parse(text)
    assert place is None or (place.epoch >= 0 and place.seq >= 0)


@pytest.mark.parametrize("text", ["", "-", "1-", "-1", "1", "a-1", "1-b", "٣-1", "1" * 19 + "-1"])
def test_what_is_no_id_is_refused(text: str) -> None:
    """Only two plain decimal numbers that fit Valkey make an id."""
    assert EventId.parse(text) is None


@given(COUNTS, COUNTS, COUNTS, COUNTS)
def test_ids_order_by_epoch_and_then_by_count(a: int, b: int, c: int, d: int) -> None:
    """A later owner is always beyond an earlier one, however much that one said."""
    assert (EventId(a, b) < EventId(c, d)) == ((a, b) < (c, d))


def test_an_event_is_read_back_as_it_was_written() -> None:
    """The name travels in the data, so a stored event tells what it is."""
    event = TurnCancelled(turn=3, message="até aqui", length=8, sha256="0" * 64)
    assert events.decode(events.encode(event)) == event
    assert events.name_of(event) == "turn.cancelled"


def test_an_unknown_event_is_refused() -> None:
    """What a newer version wrote is not mistaken for something else."""
    with pytest.raises(msgspec.ValidationError):
        events.decode(b'{"type":"turn.celebrated"}')


def test_a_frame_has_id_name_and_data() -> None:
    """One frame is one event of a stream, ready to be sent."""
    data = events.encode(Delta(t="olá\n"))
    assert events.frame("7-1", "delta", data) == (
        b'id: 7-1\nevent: delta\ndata: {"type":"delta","t":"ol\xc3\xa1\\n"}\n\n'
    )


def test_a_frame_may_go_without_an_id() -> None:
    """What must not move a reader's place carries none."""
    data = events.encode(Status(status="thinking"))
    assert events.frame(None, "status", data).startswith(b"event: status\n")


def test_what_a_newer_version_wrote_is_read_as_it_is() -> None:
    """A process that only passes events on needs not know them."""
    assert events.as_mapping(b'{"type": "of.tomorrow", "turn": 3}') == {
        "type": "of.tomorrow",
        "turn": 3,
    }
