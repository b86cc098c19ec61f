"""Flags as GrowthBook writes them, and which of them are let in.

The format is GrowthBook's own, so that a file does everything a server does.
"""

import hashlib
from collections.abc import Iterator
from importlib import resources
from typing import Any

import msgspec
from msgspec import Struct

from app.core.playbook.regex_shape import nested_repetition
from app.domain.errors import FlagsInvalid

PERSON = "id"
"""The attribute that experiments hash unless they say otherwise."""
MOST_BYTES = 2 * 1024 * 1024
_SECTIONS = ("features", "savedGroups", "contextualBandits")
_ENCRYPTED = ("encryptedFeatures", "encryptedSavedGroups", "encryptedContextualBandits")
_canonical = msgspec.json.Encoder(order="sorted").encode


class Payload(Struct, frozen=True, kw_only=True):
    """A set of flags, complete and of the right shape."""

    content: dict[str, Any]
    """GrowthBook's object: `features`, `savedGroups`, `contextualBandits`."""
    hash: str
    """Names the content: twelve hexadecimal digits, whatever the order of its members."""
    updated: str
    """When GrowthBook says it was changed, ISO 8601; empty where it does not say."""

    @property
    def units(self) -> frozenset[str]:
        """Return the attributes that its experiments hash: whose assignments are worth keeping."""
        rules = (
            rule
            for feature in self.content["features"].values()
            for rule in feature.get("rules") or ()
            if isinstance(rule, dict)
        )
        named = {PERSON}
        for rule in rules:
            named |= {
                str(rule[one]) for one in ("hashAttribute", "fallbackAttribute") if rule.get(one)
            }
        return frozenset(named)

    @property
    def raw(self) -> bytes:
        """Return it as it is kept and sent."""
        dated = {"dateUpdated": self.updated} if self.updated else {}
        return _canonical(self.content | dated)


def read_payload(raw: bytes) -> Payload:
    """Read a set of flags.

    Raises:
        FlagsInvalid: what is wrong with it, in one sentence.
    """
    if len(raw) > MOST_BYTES:
        raise FlagsInvalid(f"they have {len(raw)} bytes and at most {MOST_BYTES} are taken")
    try:
        found = msgspec.json.decode(raw)
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        raise FlagsInvalid(f"they are not JSON: {error}") from None
    if not isinstance(found, dict):
        raise FlagsInvalid("they are not an object")
    if not isinstance(found.get("features", {}), dict) or not (
        "features" in found or isinstance(found.get("encryptedFeatures"), str)
    ):
        raise FlagsInvalid("they have no `features` object")
    for name, feature in found.get("features", {}).items():
        if not isinstance(feature, dict) or not isinstance(feature.get("rules", []), list):
            raise FlagsInvalid(f"feature {name!r} is not an object with a list of rules")
    try:
        endless = next((one for one in _patterns(found) if nested_repetition(one)), None)
    except RecursionError:
        raise FlagsInvalid("they are nested too deeply") from None
    if endless is not None:
        raise FlagsInvalid(f"the pattern {endless!r} could take for ever")
    content = {name: found.get(name) or {} for name in _SECTIONS}
    content |= {name: found[name] for name in _ENCRYPTED if isinstance(found.get(name), str)}
    updated = found.get("dateUpdated")
    return Payload(
        content=content,
        hash=hashlib.sha256(_canonical(content)).hexdigest()[:12],
        updated=updated if isinstance(updated, str) and len(updated) <= 40 else "",
    )


def shipped() -> Payload:
    """Return the flags that ship with the product."""
    return read_payload((resources.files("plugins.flags") / "shipped.json").read_bytes())


def _patterns(value: object) -> Iterator[str]:
    """Yield every regular expression in a condition."""
    if isinstance(value, dict):
        for key, inner in value.items():
            if key in {"$regex", "$regexi", "$notRegex", "$notRegexi"} and isinstance(inner, str):
                yield inner
            else:
                yield from _patterns(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _patterns(inner)
