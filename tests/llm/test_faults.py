"""Reading Retry-After and the provider's name for a request."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.llm.faults import LONGEST_WAIT, request_id, retry_after

NOON = 1_792_584_000.0
"""Unix time of Wed, 21 Oct 2026 12:00:00 GMT."""


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, None),
        ({"retry-after": "7"}, 7.0),
        ({"retry-after": "0.5"}, 0.5),
        ({"retry-after": "-3"}, 0.0),
        ({"retry-after": "soon"}, None),
        ({"retry-after": "nan"}, None),
        ({"retry-after": "inf"}, None),
        ({"retry-after": "1e30"}, LONGEST_WAIT),
        ({"retry-after": "7", "retry-after-ms": "250"}, 0.25),
        ({"retry-after": "7", "retry-after-ms": "x"}, 7.0),
        ({"retry-after": "Wed, 21 Oct 2026 12:00:30 GMT"}, 30.0),
        ({"retry-after": "Wed, 21 Oct 2026 11:00:00 GMT"}, 0.0),
        ({"retry-after": "Wed, 99 Foo 2026 99:00:00 GMT"}, None),
    ],
)
def test_the_wait_a_provider_names(headers: dict[str, str], seconds: float | None) -> None:
    """Milliseconds, seconds or a date, never negative, never without end."""
    assert retry_after(headers, NOON) == seconds


@given(st.text(max_size=40), st.text(max_size=40))
def test_no_header_breaks_the_reading(seconds: str, milliseconds: str) -> None:
    """Whatever a server sends, there is a sane wait or none."""
    wait = retry_after({"retry-after": seconds, "retry-after-ms": milliseconds}, NOON)
    assert wait is None or 0.0 <= wait <= LONGEST_WAIT


def test_both_names_of_the_request_id() -> None:
    """OpenAI and Anthropic name their header differently."""
    assert request_id({"x-request-id": "a"}) == "a"
    assert request_id({"request-id": "b"}) == "b"
    assert request_id({}) is None
