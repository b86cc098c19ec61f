"""Says in plain words which field of a request is wrong; the framework names Python's types."""

import re
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal

from msgspec import Meta, Struct

Place = Literal["body", "path", "query", "header"]


class FieldProblem(Struct, kw_only=True, omit_defaults=True):
    """What is wrong with one field."""

    key: Annotated[str, Meta(description="The field; empty for the body as a whole.")]
    message: Annotated[str, Meta(description="What is wrong with it, in plain words.")]
    source: Annotated[
        Place | None, Meta(description="Where it stands; absent where that is not clear.")
    ] = None


_PLACES: Mapping[str, Place] = {
    "body": "body",
    "path": "path",
    "query": "query",
    "header": "header",
}
_TYPES = {
    "str": "a string",
    "int": "a whole number",
    "float": "a number",
    "bool": "true or false",
    "null": "null",
    "object": "an object",
    "array": "a list",
}
_WRONG_TYPE = re.compile(r"^Expected `([a-z| ]+)`, got `([a-z]+)`")
_LENGTH = re.compile(r"^Expected `(str|object|array)` of length (<=|>=) (\d+)")
_RANGE = re.compile(r"^Expected `(?:int|float)` (<=|>=|<|>) ([\d.-]+)")
_FIELD = re.compile(r"^Object (contains unknown|missing required) field `(.*)`", re.DOTALL)
_PATTERN = re.compile(r"^Expected `str` matching regex (.*)", re.DOTALL)
_CHOICE = re.compile(r"^Invalid enum value (.*)", re.DOTALL)
_COUNTED = {"str": "characters", "object": "entries", "array": "entries"}
_BOUNDS = {"<=": "at most", ">=": "at least", "<": "less than", ">": "more than"}


def field_problems(found: Sequence[Mapping[str, Any]]) -> list[FieldProblem]:
    """Return the framework's findings about a request in plain words."""
    problems = []
    for one in found:
        key = str(one.get("key", ""))
        source = _PLACES.get(str(getattr(one.get("source"), "value", one.get("source"))))
        message = plain(str(one.get("message", "")))
        if key == "data":
            key, source = "", "body"
        problems.append(FieldProblem(key=key.replace("[...]", ""), message=message, source=source))
    return problems


def sentence(problems: Sequence[FieldProblem]) -> str:
    """Return all problems in one line."""
    return "; ".join(f"{one.key or 'the body'}: {one.message}" for one in problems)


def plain(message: str) -> str:
    """Say in plain words what msgspec says in Python's.

    >>> plain("Expected `str | null`, got `int`")
    'it must be a string or null, not a whole number'
    """
    if message == "'data'":  # the body's own name in the framework
        return "it is empty"
    if found := _WRONG_TYPE.match(message):
        wanted = " or ".join(_TYPES.get(one, one) for one in found[1].split(" | "))
        return f"it must be {wanted}, not {_TYPES.get(found[2], found[2])}"
    if found := _LENGTH.match(message):
        return f"it must have {_BOUNDS[found[2]]} {found[3]} {_COUNTED[found[1]]}"
    if found := _RANGE.match(message):
        return f"it must be {_BOUNDS[found[1]]} {found[2]}"
    if found := _FIELD.match(message):
        fault = "is unknown" if found[1].startswith("contains") else "is missing"
        return f'the field "{found[2][:80]}" {fault}'
    if found := _PATTERN.match(message):
        return f"it must match {found[1]}"
    if found := _CHOICE.match(message):
        return f"{found[1][:80]} is none of its values"
    return "it cannot be read"
