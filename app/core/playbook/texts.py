"""What a playbook says in each locale: that no text, list or pattern is missing, empty or unfit.

Texts are found by their type, wherever in the structs they are, so a new field needs no new rule.
"""

import re
from collections.abc import Iterable, Iterator
from typing import Any, get_type_hints

from msgspec import Struct
from msgspec.structs import fields

from app.core.playbook.regex_shape import nested_repetition
from app.core.playbook.shape import Mistake
from app.core.playbook.toml_lines import Path
from app.domain.playbook import Texts, Words

_PATTERN_FIELDS = {"patterns", "unless"}


def text_mistakes(part: Struct, locales: set[str], path: Path) -> Iterator[Mistake]:
    """Walk through every struct: texts, lists of words and patterns, wherever they are."""
    hints = get_type_hints(type(part), include_extras=True)
    for field in fields(part):
        value: Any = getattr(part, field.name)
        place = (*path, field.name)
        if hints[field.name] == Texts:
            if value or field.required:
                yield from _text(value, locales, place)
        elif hints[field.name] == Words:
            yield from _words(value, locales, place, required=field.required)
            if field.name in _PATTERN_FIELDS:
                yield from _patterns(value, place)
        else:
            for inner, key in _inside(value):
                yield from text_mistakes(inner, locales, (*place, *key))


def _inside(value: object) -> Iterator[tuple[Struct, Path]]:
    """Yield the structs that a field holds, each with its place in it."""
    if isinstance(value, Struct):
        yield value, ()
    elif isinstance(value, dict):
        yield from ((one, (key,)) for key, one in value.items() if isinstance(one, Struct))
    elif isinstance(value, tuple):
        yield from ((one, (index,)) for index, one in enumerate(value) if isinstance(one, Struct))


def _text(texts: Texts, locales: set[str], path: Path) -> Iterator[Mistake]:
    yield from _locale_keys(texts, locales, path, required=True, what="text")
    for locale, text in texts.items():
        if not text.strip():
            yield (*path, locale), "empty; expected a text"


def _words(words: Words, locales: set[str], path: Path, *, required: bool) -> Iterator[Mistake]:
    yield from _locale_keys(words, locales, path, required=required, what="list")
    for locale, listed in words.items():
        if not listed:
            yield (*path, locale), "empty list; expected at least one entry"
        seen: dict[str, int] = {}
        for index, one in enumerate(listed):
            place = (*path, locale, index)
            if not one.strip():
                yield place, "empty; expected a word or phrase"
            elif (first := seen.setdefault(one.casefold(), index)) != index:
                yield place, f"'{one}' is already entry {first} of this list; expected it once"


def _locale_keys(
    table: Iterable[str], locales: set[str], path: Path, *, required: bool, what: str
) -> Iterator[Mistake]:
    known = ", ".join(sorted(locales))
    for locale in table:
        if locale not in locales:
            yield (*path, locale), f"unknown locale '{locale}'; expected one of {known}"
    if required:
        for locale in sorted(locales - set(table)):
            yield path, f"no {what} for locale '{locale}'; expected one for each of {known}"


def _patterns(words: Words, path: Path) -> Iterator[Mistake]:
    for locale, listed in words.items():
        for index, pattern in enumerate(listed):
            place = (*path, locale, index)
            try:
                compiled = re.compile(pattern)
            except re.error as error:
                yield place, f"does not compile: {error}; expected a regular expression"
                continue
            if nested := nested_repetition(pattern):
                what = f"'{nested}' repeats a repetition and can take for ever"
                yield place, f"{what}; expected a bounded one, such as {{0,5}}"
                continue
            if compiled.search(""):
                yield place, "matches the empty text; expected a pattern that needs some text"
