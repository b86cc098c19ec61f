"""What can be wrong with the concepts and signs of a playbook, each mistake with its place."""

from collections.abc import Iterator

from app.core.playbook.shape import Mistake
from app.core.playbook.toml_lines import Path
from app.core.understanding.signs import (
    DENIAL,
    Sequence,
    Sign,
    SignError,
    concepts_of,
    cycle,
    read_sequence,
    read_sign,
)
from app.domain.playbook import Playbook, Words


def sign_mistakes(playbook: Playbook) -> Iterator[Mistake]:
    """Yield every mistake in the concepts and in the signs made of them."""
    used: set[str] = {DENIAL}
    for name, concept in playbook.concepts.items():
        path: Path = ("concepts", name)
        if not concept.words:
            yield path, "lists nothing; expected words for at least one locale"
        if concept.deniable and DENIAL not in playbook.concepts:
            yield (*path, "deniable"), f"there is no concept '{DENIAL}'; expected one with denials"
        for field, words in (("words", concept.words), ("idioms", concept.idioms)):
            yield from _listed(playbook, words, (*path, field), used, whole=False)
    for index, flag in enumerate(playbook.red_flags):
        yield from _listed(playbook, flag.signs, ("red_flags", index, "signs"), used, whole=True)
    for name in playbook.concepts:
        if name not in used:
            yield ("concepts", name), f"no sign uses '{{{name}}}'; expected a use, or none of it"
    if circle := cycle(playbook.concepts):
        yield ("concepts", circle[0]), f"contains itself: {' > '.join(circle)}"


def _listed(
    playbook: Playbook, words: Words, path: Path, used: set[str], *, whole: bool
) -> Iterator[Mistake]:
    for locale, listed in words.items():
        for index, text in enumerate(listed):
            place = (*path, locale, index)
            try:
                read: Sign | Sequence = read_sign(text) if whole else read_sequence(text)
            except SignError as error:
                yield place, str(error)
                continue
            for name in concepts_of(read):
                used.add(name)
                concept = playbook.concepts.get(name)
                if concept is None:
                    known = ", ".join(sorted(playbook.concepts)) or "none is defined"
                    yield place, f"unknown concept '{{{name}}}'; expected one of {known}"
                elif locale not in concept.words:
                    yield place, f"the concept '{{{name}}}' lists nothing for '{locale}'"
