"""What a text must contain for a regular expression to match it, read off the expression's shape.

Most patterns of a playbook cannot match a given message, and a substring search is many times
cheaper than a regular expression. So for each pattern a set of literals is worked out of which
every match contains at least one. The analysis is on the safe side: where it is unsure about a
part, that part asks for nothing.
"""

import re
from collections.abc import Iterator
from itertools import product

_MOST = 48
"""A set of literals larger than this is no quick check any more."""
_TOKEN = re.compile(
    r"""
    (?P<edge>\\[bBAZ]|[\^$])
  | (?P<sign>\\[^\w\s])
  | (?P<odd>\(\?(?![:>=!]|<[=!]|P<))
  | (?P<charset>\[[a-z0-9 ]{1,6}\])
  | (?P<any>\[\^?\]?(?:\\.|[^\]\\])*\]|\\.|\.)
  | (?P<around>\(\?<?[=!])
  | (?P<open>\((?:\?(?:P<\w+>|:|>))?)
  | (?P<close>\))
  | (?P<repeat>(?:[*+?]|\{\d*(?:,\d*)?\})[?+]?)
  | (?P<either>\|)
  | (?P<letter>[ -~])
    """,
    re.VERBOSE | re.DOTALL,
)

Exact = frozenset[str] | None
"""All strings that a part matches; None where they are too many to list."""


def required_literals(pattern: str) -> tuple[str, ...]:
    r"""Return strings one of which is in every folded text that the pattern matches.

    The pattern is taken as one that ignores case and has no accents. There is no string where none
    can be told.

    >>> required_literals(r"\bsmell\w* (?:\w+ ){0,2}gas\b")
    ('smell',)
    >>> required_literals(r"\b(?:man|boys?) (?:hit|kicked) me")
    ('boy hit me', 'boy kicked me', 'boys hit me', 'boys kicked me', 'man hit me', 'man kicked me')
    >>> required_literals(r"\w+(?:years)?")
    ()
    """
    tokens: list[re.Match[str]] = []
    at = 0
    while at < len(pattern):
        token = _TOKEN.match(pattern, at)
        if token is None or token.lastgroup == "odd":
            return ()  # a letter with an accent, a flag, a comment: nothing a playbook needs
        tokens.append(token)
        at = token.end()
    part = _alternatives(iter([*tokens, None]))
    needed = _needed(part) or frozenset()
    return tuple(
        sorted(one for one in needed if not any(less in one for less in needed if less != one))
    )


class _Part:
    """A piece of an expression: what it matches, and what any match of it contains."""

    __slots__ = ("exact", "need")

    def __init__(self, exact: Exact, need: frozenset[str] | None = None) -> None:
        self.exact = exact
        self.need = need


_NOTHING = _Part(frozenset({""}))
_ANYTHING = _Part(None)


def _needed(part: _Part) -> frozenset[str] | None:
    return _best(part.need, part.exact)


def _best(*sets: frozenset[str] | None) -> frozenset[str] | None:
    """Return the set that rules out most texts; a set with the empty string rules out none."""
    useful = [one for one in sets if one and "" not in one]
    return max(useful, key=lambda one: (min(map(len, one)), -len(one)), default=None)


def _alternatives(tokens: Iterator[re.Match[str] | None]) -> _Part:
    """Read up to the end of a group, or of the expression."""
    branches: list[_Part] = []
    sequence: list[_Part] = []
    for token in tokens:
        kind = None if token is None else token.lastgroup
        if token is None or kind in {"close", "either"}:
            branches.append(_concatenated(sequence))
            sequence = []
            if kind != "either":
                break
        elif kind == "repeat":
            sequence[-1:] = [_repeated(sequence[-1], token.group())] if sequence else []
        elif kind == "around":
            _alternatives(tokens)
            sequence.append(_NOTHING)
        elif kind == "open":
            sequence.append(_alternatives(tokens))
        else:
            sequence.append(_single(str(kind), token.group()))
    return _either(branches)


def _single(kind: str, text: str) -> _Part:
    match kind:
        case "edge":
            return _NOTHING
        case "letter":
            return _Part(frozenset({text.lower()}))
        case "sign":
            return _Part(frozenset({text[1]}))
        case "charset":
            return _Part(frozenset(text[1:-1]))
        case _:
            return _ANYTHING


def _repeated(part: _Part, repeat: str) -> _Part:
    least = repeat.strip("{}?+*").partition(",")[0] if repeat[0] == "{" else ""
    if repeat[0] in "?*" or (repeat[0] == "{" and int(least or 0) == 0):
        if repeat[0] == "?" and part.exact is not None:
            return _Part(part.exact | {""})
        return _ANYTHING
    return _Part(None, _needed(part))


def _concatenated(parts: list[_Part]) -> _Part:
    """Join the parts; where the strings become too many, keep the best set seen and begin anew."""
    need: frozenset[str] | None = None
    run: frozenset[str] = frozenset({""})
    whole = True
    for part in parts:
        if part.exact is not None and len(run) * len(part.exact) <= _MOST:
            run = frozenset("".join(pair) for pair in product(run, part.exact))
            continue
        whole = False
        need = _best(need, run, _needed(part))
        run = part.exact if part.exact is not None else frozenset({""})
    if whole:
        return _Part(run)
    return _Part(None, _best(need, run))


def _either(branches: list[_Part]) -> _Part:
    exacts = [one.exact for one in branches]
    joined: frozenset[str] = frozenset()
    for exact in exacts:
        if exact is None:
            break
        joined |= exact
    else:
        if len(joined) <= _MOST:
            return _Part(joined)
    found: frozenset[str] = frozenset()
    for one in branches:
        need = _needed(one)
        if need is None:
            return _ANYTHING
        found |= need
    return _Part(None, found) if len(found) <= 4 * _MOST else _ANYTHING
