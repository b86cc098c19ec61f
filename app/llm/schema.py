"""Makes strict JSON schemas out of Structs, in the subset that every provider accepts.

Strict modes want every object closed and every property required, and refuse most limits on
values. So limits are left out here and checked when the answer is decoded.
"""

from typing import Any

import msgspec

_KEPT = frozenset({"type", "description", "enum", "items", "anyOf", "properties"})
_JSON_TYPES = {str: "string", bool: "boolean", int: "integer", float: "number", type(None): "null"}


def strict_schema(kind: Any) -> dict[str, Any]:
    """Return the strict schema of a Struct type, its properties in the order of its fields.

    >>> class Reply(msgspec.Struct):
    ...     reply: str
    ...     mood: str | None = None
    >>> strict_schema(Reply)["required"]
    ['reply', 'mood']

    Raises:
        TypeError: where the type is no Struct, refers to itself, or has a part that strict modes
            cannot express: free-form mappings, tuples of mixed types, or just anything.
    """
    (root,), parts = msgspec.json.schema_components([kind], ref_template="{name}")
    schema = _strict(root, parts, ())
    if schema.get("type") != "object":
        raise TypeError("a strict schema describes an object")
    return schema


def _strict(node: dict[str, Any], parts: dict[str, Any], above: tuple[str, ...]) -> dict[str, Any]:
    if (name := node.get("$ref")) is not None:
        if name in above:
            raise TypeError(f"{name} refers to itself")
        described = {k: v for k, v in node.items() if k == "description"}
        return {**_strict(parts[name], parts, (*above, name)), **described}
    if "enum" in node or "const" in node:
        return _enum(node)
    out = {key: value for key, value in node.items() if key in _KEPT}
    if "anyOf" in node:
        out["anyOf"] = [_strict(one, parts, above) for one in node["anyOf"]]
        return out
    match node.get("type"):
        case "object":
            if "properties" not in node or node.get("additionalProperties"):
                raise TypeError("a strict schema has no free-form mappings")
            properties = node["properties"]
            out["properties"] = {
                name: _strict(one, parts, above) for name, one in properties.items()
            }
            out["required"] = list(properties)
            out["additionalProperties"] = False
        case "array":
            items = node.get("items")
            if not isinstance(items, dict) or "prefixItems" in node:
                raise TypeError("a strict schema's arrays hold values of one type")
            out["items"] = _strict(items, parts, above)
        case "string" | "integer" | "number" | "boolean" | "null":
            pass
        case other:
            raise TypeError(f"a strict schema cannot say {other or 'anything'!r}")
    return out


def _enum(node: dict[str, Any]) -> dict[str, Any]:
    """Give an enumeration its type, which strict modes want and msgspec leaves out."""
    values = node["enum"] if "enum" in node else [node["const"]]
    kinds = sorted({_JSON_TYPES[type(value)] for value in values})
    out: dict[str, Any] = {"type": kinds[0] if len(kinds) == 1 else kinds}
    if "description" in node:
        out["description"] = node["description"]
    out["enum"] = list(values)
    return out
