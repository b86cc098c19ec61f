"""What somebody says to the matter: redacted text as a sequence of words, without its wrapping."""

import re
from collections.abc import Callable, Iterator

from app.core.language.function_words import FUNCTION_WORDS
from app.core.language.numerals import read_words
from app.core.language.text import fold
from app.core.privacy.identifier_rules import PLACEHOLDER
from app.core.privacy.redaction import first_spelling

_TOKEN = re.compile(r"\d+(?:[.,/:-]\d+)*|[^\W_]+(?:'[^\W_]+)*")


def _phrases(listed: str) -> tuple[tuple[str, ...], ...]:
    return tuple(tuple(phrase.split()) for phrase in listed.replace("\n", ",").split(","))


_COURTESIES = _phrases(
    """bom dia, boa tarde, boa noite, ola, oi, oie, opa, alo, tudo bem, tudo bom, por favor
    por gentileza, obrigado, obrigada, muito obrigado, muito obrigada, desde ja, agradeco, gente
    pessoal, doutor, doutora, dr, dra, senhor, senhora, me ajudem, me ajuda, good morning
    good afternoon, good evening, hello, hi, hey, there, dear sir, dear madam, please, thanks
    thank you, kind regards, help me"""
)
"""Said before or after the matter, and no part of it."""
_DENYING = """
    nao nem nunca jamais sem nenhum nenhuma nada ninguem tampouco exceto menos
    no not never nor neither none nobody nothing without cannot except unless hardly
"""
_DENIALS = frozenset(_DENYING.split())
_NAMING = """
    meu minha nome me eu sou e chamo chama chamar chame pode de aqui o a
    my name is i am im it its this call called me you can
"""
_NAMINGS = frozenset(_NAMING.split())
"""Words with which people say who they are."""
_ARTICLES = frozenset({"um", "uma", "one", "e", "and"})


def tokens_of(redacted: str) -> Iterator[str]:
    """Yield the words, figures and placeholders of redacted text, folded and without punctuation.

    >>> list(tokens_of("Olá,  [NAME_1.2]! Paguei R$ 1.500,00 -- em 15/03."))
    ['ola', '[NAME_1]', 'paguei', 'r', '1.500,00', 'em', '15/03']
    """
    reached = 0
    for match in PLACEHOLDER.finditer(redacted):
        yield from _plain_tokens(redacted[reached : match.start()])
        yield first_spelling(match.group())
        reached = match.end()
    yield from _plain_tokens(redacted[reached:])


def matter(redacted: str) -> list[str]:
    """Return the words of a message without greetings before and thanks after what it says.

    >>> matter("Oi, bom dia! Fui demitida ontem. Obrigada")
    ['fui', 'demitida', 'ontem']
    """
    said = list(tokens_of(redacted))
    start, end = 0, len(said)
    while size := _courtesy(said[start:end], lambda part, size: part[:size]):
        start += size
    while size := _courtesy(said[start:end], lambda part, size: part[-size:]):
        end -= size
    return said[start:end]


def only_names(said: list[str]) -> bool:
    """Say whether a message does no more than say who writes.

    >>> only_names(matter("Me chamo [NAME_1].")), only_names(matter("Não, [NAME_1]"))
    (True, False)
    """
    named = any(one[0] == "[" for one in said)
    return named and all(one[0] == "[" or one in _NAMINGS for one in said)


def carries_meaning(token: str) -> bool:
    """Say whether a word has to do with the matter."""
    return token not in FUNCTION_WORDS and len(token) > 1 and token[0] not in "<["


def is_figure(token: str) -> bool:
    """Say whether a word is a number, in figures or letters; articles are none."""
    return token[0].isdigit() or (token not in _ARTICLES and read_words([token]) is not None)


def is_denial(token: str) -> bool:
    """Say whether a word turns what is said into its contrary."""
    return token in _DENIALS or (token.endswith("nt") and token in FUNCTION_WORDS)


def _courtesy(said: list[str], edge: Callable[[list[str], int], list[str]]) -> int:
    """Return how many words at an edge are a courtesy."""
    sizes = (len(one) for one in _COURTESIES if tuple(edge(said, len(one))) == one)
    return max(sizes, default=0)


def _plain_tokens(text: str) -> Iterator[str]:
    for match in _TOKEN.finditer(fold(text)):
        yield match.group().replace("'", "")
