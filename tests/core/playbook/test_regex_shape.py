"""Patterns that can take for ever are told from those that cannot by their shape."""

import pytest

from app.core.playbook.regex_shape import nested_repetition


@pytest.mark.parametrize(
    "pattern",
    [
        r"(a+)+",
        r"(a*)*x",
        r"(?:\w+ ?)+$",
        r"((ab)+c?)*",
        r"(?P<name>x+){2,}",
        r"(?i:a+)*",
        r"(?:a{3,})*",
        r"(?:a+){0,99}",
        r"(?=(?:\d+)+)x",
        r"([^)]+)+",
        r"(a|b+|c)*?",
    ],
)
def test_endless_repetition_inside_endless_repetition_is_found(pattern: str) -> None:
    """Star, plus, open or very large bounds count as endless, however deep the group."""
    assert nested_repetition(pattern) is not None


@pytest.mark.parametrize(
    "pattern",
    [
        r"\w+ \w+",
        r"(?:\w+ ){0,5}gas",
        r"(?:ab)+",
        r"(a+)b+",
        r"(?:[a-z]{1,3} )+",
        r"[(a+)+]+",
        r"\(a+\)+",
        r"(?:a+)?b*",
        r"(?:(?:a+)b){3}",
        r"(?:x|y)*(?:z+)",
    ],
)
def test_harmless_shapes_pass(pattern: str) -> None:
    """Bounded outer repetition, neighbours and characters that only look like groups are fine."""
    assert nested_repetition(pattern) is None
