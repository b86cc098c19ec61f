"""Regular expressions of a playbook, made fit to run over folded text on every message.

A playbook has many patterns and most of them cannot match a given message. Each is therefore
preceded by a literal check where one can be read off the pattern; a substring search is far cheaper
than a regular expression.
"""

import re
import unicodedata

from msgspec import Struct

_ANNOTATIONS = re.compile(r"\\.|\[(?:\\.|[^\]\\])*\]|\{[^}]*\}")


class Pattern(Struct, frozen=True):
    """A compiled pattern and the literal without which it cannot match."""

    expression: re.Pattern[str]
    literal: str

    def spans(self, text: str) -> list[tuple[int, int]]:
        """Return where the pattern matches a folded text, empty matches left out."""
        if self.literal not in text:
            return []
        return [found.span() for found in self.expression.finditer(text) if found.group()]

    def first(self, text: str) -> tuple[int, int] | None:
        """Return the span of group 1, or of the whole match, at the first match."""
        if self.literal not in text:
            return None
        found = self.expression.search(text)
        if found is None:
            return None
        group = 1 if self.expression.groups and found.group(1) else 0
        return found.span(group) if found.group(group) else None


def compile_pattern(pattern: str) -> Pattern:
    """Compile a playbook's pattern for folded text; accents in it are forgiven.

    Raises:
        re.error: if the pattern is not a regular expression.
    """
    plain = "".join(
        one for one in unicodedata.normalize("NFKD", pattern) if unicodedata.category(one) != "Mn"
    )
    return Pattern(re.compile(plain, re.IGNORECASE), required_literal(plain))


def required_literal(pattern: str) -> str:
    r"""Return a literal that every match contains; empty where none can be told safely.

    Only what stands outside of every group and class is considered, and only in patterns without a
    top-level alternative. The last letter before a quantifier is not counted.

    >>> required_literal(r"\bsmell\w* (?:\w+ ){0,2}gas\b")
    'smell'
    >>> required_literal(r"(?:his|her) knives?")
    ' knive'
    >>> required_literal("one|two")
    ''
    """
    outside: list[str] = []
    depth = 0
    index = 0
    while index < len(pattern):
        character = pattern[index]
        special = _ANNOTATIONS.match(pattern, index)
        if special is not None and not (character == "{" and depth):
            if character == "{" and outside:
                outside[-1] = "\0"
            elif not depth:
                outside.append("\0")
            index = special.end()
            continue
        if character == "(":
            depth += 1
        elif character == ")":
            depth -= 1
            outside.append("\0")
        elif not depth:
            if character == "|":
                return ""
            if character in "?*" and outside:
                outside[-1] = "\0"
            outside.append(character if character.isalnum() or character == " " else "\0")
        index += 1
    runs = re.findall(r"[a-z0-9 ]+", "".join(outside).lower())
    return max(runs, key=len, default="")
