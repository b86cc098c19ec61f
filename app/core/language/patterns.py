"""Regular expressions of a playbook, made fit to run over folded text on every message.

A playbook has many patterns and most of them cannot match a given message. Each is therefore
preceded by a search for the literals without which it cannot match, where such can be read off the
pattern: that is many times cheaper than a regular expression.
"""

import re
import unicodedata

from msgspec import Struct

from app.core.language.literals import required_literals


class Pattern(Struct, frozen=True):
    """A compiled pattern and the literals of which each match has one, if any can be told."""

    expression: re.Pattern[str]
    literals: tuple[str, ...]

    def may_match(self, text: str) -> bool:
        """Say whether a folded text has what a match needs."""
        return not self.literals or any(map(text.__contains__, self.literals))

    def spans(self, text: str) -> list[tuple[int, int]]:
        """Return where the pattern matches a folded text, empty matches left out."""
        if not self.may_match(text):
            return []
        return [found.span() for found in self.expression.finditer(text) if found.group()]

    def first(self, text: str) -> tuple[int, int] | None:
        """Return the span of group 1, or of the whole match, at the first match."""
        if not self.may_match(text):
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
    return Pattern(re.compile(plain, re.IGNORECASE), required_literals(plain))
