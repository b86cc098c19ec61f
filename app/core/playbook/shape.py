"""The structural half of reading a playbook: whether the tables have the shape of the structs.

msgspec stops at the first mistake. So where a whole does not convert, its parts are tried one by
one, and every part that does not convert is named.
"""

import types
from collections.abc import Iterator
from typing import Annotated, Any, Union, get_args, get_origin, get_type_hints

import msgspec
from msgspec import Struct
from msgspec.structs import fields

from app.core.playbook.toml_lines import Path

Mistake = tuple[Path, str]


def shape_mistakes(value: object, kind: Any, path: Path = ()) -> Iterator[Mistake]:
    """Yield every place at which a value does not fit a type, with what was expected."""
    try:
        msgspec.convert(value, kind)
    except msgspec.ValidationError as error:
        deeper = list(_parts(value, kind, path))
        yield from deeper or [(path, _plain(error))]


def _parts(value: object, kind: Any, path: Path) -> Iterator[Mistake]:
    bare = _bare(kind)
    origin, arguments = get_origin(bare), get_args(bare)
    if isinstance(value, dict) and isinstance(bare, type) and issubclass(bare, Struct):
        yield from _struct(value, bare, path)
    elif isinstance(value, dict) and origin is dict:
        for key, one in value.items():
            yield from shape_mistakes(key, arguments[0], (*path, key))
            yield from shape_mistakes(one, arguments[1], (*path, key))
    elif isinstance(value, list) and origin is tuple:
        for index, one in enumerate(value):
            yield from shape_mistakes(one, arguments[0], (*path, index))


def _struct(value: dict[str, object], kind: type[Struct], path: Path) -> Iterator[Mistake]:
    hints = get_type_hints(kind, include_extras=True)
    for key in value.keys() - hints.keys():
        yield (*path, key), f"unknown key; expected one of {', '.join(hints)}"
    for field in fields(kind):
        if field.name in value:
            yield from shape_mistakes(value[field.name], hints[field.name], (*path, field.name))
        elif field.required:
            yield (*path, field.name), f"missing; expected {describe(hints[field.name])}"


def _bare(kind: Any) -> Any:
    """Take `Annotated` and `| None` off a type."""
    if get_origin(kind) is Annotated:
        return _bare(get_args(kind)[0])
    if get_origin(kind) in (Union, types.UnionType):
        inner = [one for one in get_args(kind) if one is not type(None)]
        return _bare(inner[0]) if len(inner) == 1 else kind
    return kind


def describe(kind: Any) -> str:
    """Say in words what a field of this type takes."""
    bare = _bare(kind)
    origin, arguments = get_origin(bare), get_args(bare)
    if bare is str:
        return "a text"
    if bare in (int, float):
        return "a number"
    if bare is bool:
        return "true or false"
    if origin is dict and _bare(arguments[1]) is str:
        return "a table with one text for each key"
    if origin is dict:
        return "a table"
    if origin is tuple:
        return "a list"
    if isinstance(bare, type):
        return f"a table {bare.__name__}"
    return "one of " + ", ".join(repr(one) for one in arguments)


def _plain(error: msgspec.ValidationError) -> str:
    return str(error).partition(" - at ")[0]
