"""Regular expressions that can take for ever: repetition without end inside repetition.

`(a+)+` tries exponentially many ways to fail, and a person could write the text that makes it. The
check is of the pattern's shape alone and on the safe side: it also refuses some harmless patterns,
which can always be written with bounded repetition such as `{0,5}`.
"""

import re

_MANY = 25
"""A repetition with this upper bound or more counts as endless."""
_TOKEN = re.compile(
    r"""
    (?P<escape>\\.)
  | (?P<charset>\[\^?\]?(?:\\.|[^\]\\])*\])
  | (?P<open>\((?:\?(?:P?<[^>=!]*>|[a-z-]*:|P=[^)]*|[=!]|<[=!]|>)?)?)
  | (?P<close>\))
  | (?P<repeat>(?:[*+?]|\{\d*(?:,\d*)?\})[?+]?)
  | (?P<other>.)
    """,
    re.VERBOSE | re.DOTALL,
)


def nested_repetition(pattern: str) -> str | None:
    """Return the first group that repeats endlessly and holds an endless repetition; else None.

    >>> nested_repetition(r"(a+b?)+x")
    '(a+b?)+'
    >>> nested_repetition(r"(?:[a-z]+ ){0,5}x") is None
    True
    """
    opened: list[tuple[int, bool]] = []
    endless_inside = False
    closed: tuple[int, bool] | None = None
    for token in _TOKEN.finditer(pattern):
        kind, text = token.lastgroup, token.group()
        if kind == "repeat":
            if _is_endless(text):
                if closed is not None and closed[1]:
                    return pattern[closed[0] : token.end()]
                endless_inside = True
            closed = None
        elif kind == "open":
            opened.append((token.start(), endless_inside))
            endless_inside = False
            closed = None
        elif kind == "close" and opened:
            start, endless_before = opened.pop()
            closed = (start, endless_inside)
            endless_inside = endless_inside or endless_before
        else:
            closed = None
    return None


def _is_endless(repeat: str) -> bool:
    if repeat[0] in "*+":
        return True
    if repeat[0] == "?":
        return False
    upper = repeat.strip("{}?+").rpartition(",")
    return (upper[1] == "," and not upper[2]) or int(upper[2] or 0) >= _MANY
