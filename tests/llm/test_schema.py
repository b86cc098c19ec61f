"""Strict schemas out of Structs."""

from enum import Enum
from typing import Annotated, Any, Literal

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Meta, Struct

from app.llm.schema import strict_schema


class Mood(Enum):
    """An enumeration of words."""

    CALM = "calm"
    UPSET = "upset"


class Part(Struct, forbid_unknown_fields=True):
    """A part of an answer."""

    code: Literal["a.b", "a.c"]
    confidence: Annotated[float, Meta(ge=0, le=1, description="0 to 1.")]


class Whole(Struct, forbid_unknown_fields=True):
    """A whole answer."""

    reply: Annotated[str, Meta(min_length=1, max_length=400, pattern="x*", description="Words.")]
    parts: tuple[Part, ...]
    best: Part | None
    zeal: Annotated[int, Meta(ge=0)] = 3
    mood: Mood | None = None
    flags: list[Literal["q", "r"]] = []
    done: bool = False
    answer: Literal["only"] = "only"


def walk(node: Any) -> list[dict[str, Any]]:
    """Return every object of a schema."""
    found = [node] if isinstance(node, dict) else []
    children = node.values() if isinstance(node, dict) else node if isinstance(node, list) else []
    for child in children:
        found += walk(child)
    return found


def test_the_schema_of_a_struct() -> None:
    """Everything is spelt out in place, closed and required, in the order of the fields."""
    part = {
        "type": "object",
        "properties": {
            "code": {"type": "string", "enum": ["a.b", "a.c"]},
            "confidence": {"type": "number", "description": "0 to 1."},
        },
        "required": ["code", "confidence"],
        "additionalProperties": False,
        "description": "A part of an answer.",
    }
    schema = strict_schema(Whole)
    assert list(schema["properties"]) == schema["required"] == list(Whole.__struct_fields__)
    assert schema["properties"]["reply"] == {"type": "string", "description": "Words."}
    assert schema["properties"]["parts"] == {"type": "array", "items": part}
    assert part in schema["properties"]["best"]["anyOf"]
    assert schema["properties"]["zeal"] == {"type": "integer"}
    assert schema["properties"]["answer"] == {"type": "string", "enum": ["only"]}


def test_strict_modes_find_nothing_to_refuse() -> None:
    """Only the keywords that every provider takes are left, and every object is closed."""
    taken = {
        "type",
        "properties",
        "required",
        "additionalProperties",
        "items",
        "anyOf",
        "enum",
        "description",
    }
    schema = strict_schema(Whole)
    names = set(Whole.__struct_fields__) | set(Part.__struct_fields__)
    for node in walk(schema):
        assert set(node) <= taken | names
        if node.get("type") == "object":
            assert node["additionalProperties"] is False
            assert node["required"] == list(node["properties"])


@given(st.lists(st.from_regex(r"[a-z]{1,8}\.[a-z]{1,8}", fullmatch=True), min_size=1, unique=True))
def test_closed_codes_can_be_made_at_run_time(codes: list[str]) -> None:
    """A playbook's taxonomy becomes an enumeration."""
    kind = msgspec.defstruct("Answer", [("reply", str), ("code", Literal[tuple(codes)])])
    assert strict_schema(kind)["properties"]["code"]["enum"] == sorted(codes)


class Free(Struct):
    """Holds a free-form mapping."""

    slots: dict[str, str]


class Anything(Struct):
    """Holds just anything."""

    value: Any


class Mixed(Struct):
    """Holds a tuple of mixed types."""

    pair: tuple[int, str]


class Loop(Struct):
    """Holds itself."""

    children: list["Loop"]


@pytest.mark.parametrize("kind", [Free, Anything, Mixed, Loop, int, list[Part], Part | int])
def test_what_strict_modes_cannot_say_is_refused(kind: Any) -> None:
    """The mistake shows when the program starts, not when a provider answers 400."""
    with pytest.raises(TypeError):
        strict_schema(kind)
