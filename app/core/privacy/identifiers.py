"""Where a text identifies somebody: documents, telephones, addresses on the net, cards, accounts.

Brazilian documents come from `tarja`, which knows their check digits and the words around them; a
number of the right shape with a wrong check digit counts as well, since it is most often a real one
with a slip. What `tarja` does not look for is found here, by patterns whose repeats are bounded.
"""

from collections.abc import Iterable, Iterator

import tarja
from msgspec import Struct

from app.core.language.text import fold
from app.core.privacy.identifier_rules import (
    A_DAY,
    BARE_HOST,
    HANDLE,
    IBAN,
    LANDLINE,
    MAIL_HOST,
    MAILBOX,
    NAMED,
    PLACEHOLDER,
    SHAPES,
    URL,
    YEARS,
)

_KINDS = {
    "BR_CPF": "CPF",
    "BR_CNPJ": "CNPJ",
    "BR_CNS": "CNS",
    "BR_NIS": "PIS",
    "BR_CNJ": "LAWSUIT",
    "BR_TITULO_ELEITOR": "VOTER",
    "BR_CNH": "CNH",
    "BR_RENAVAM": "RENAVAM",
    "BR_PLACA": "PLATE",
    "BR_PIX_EVP": "PIX",
    "BR_TELEFONE": "PHONE",
    "BR_CEP": "CEP",
    "BR_CNM": "PROPERTY",
    "BR_CIB": "PROPERTY",
    "BR_IPTU": "PROPERTY",
    "BR_MATRICULA_IMOVEL": "PROPERTY",
    "BR_CARTAO": "CARD",
}
_CLOSING = ".,;:!?)]}…"


class Span(Struct, frozen=True):
    """A place in a text that identifies somebody."""

    start: int
    end: int
    kind: str
    identity: str
    """The same for every way in which the same value is written."""
    named: bool = False
    """Recognised by the words around it: the bare value says nothing by itself."""


def find_identifiers(text: str) -> list[Span]:
    """Return the places that identify somebody, in order; none overlaps another."""
    found = [
        Span(*match.span(), "TEXT", f"text:{match.group()}") for match in PLACEHOLDER.finditer(text)
    ]
    if "@" in text or "arroba" in text.lower():
        found.extend(_addresses(text))
    if "." in text:
        found.extend(_urls(text))
    if any(map(str.isdigit, text)):
        found.extend(_documents(text))  # first: of two names for one place, the surer one
        found.extend(_numbers(text))
    return merged(text, found)


def merged(text: str, spans: Iterable[Span]) -> list[Span]:
    """Return the spans in order, those that overlap made into one that covers them all."""
    out: list[Span] = []
    for span in sorted(spans, key=lambda one: (one.start, -one.end)):
        if not out or span.start >= out[-1].end:
            out.append(span)
        elif span.end > out[-1].end:
            begin, longer = out[-1], max(out[-1], span, key=lambda one: one.end - one.start)
            value = text[begin.start : span.end]
            out[-1] = Span(begin.start, span.end, longer.kind, identity_of(value))
    return out


def identity_of(value: str) -> str:
    """Return a value without the signs that people write or leave out.

    >>> identity_of("529.982.247-25") == identity_of("529 982 24725")
    True
    """
    plain = "".join(one for one in fold(value) if one.isalnum())
    return f"value:{plain}" if plain else f"text:{value}"


def _documents(text: str) -> Iterator[Span]:
    for match in tarja.find(text, report_invalid=True, max_chars=None):
        kind = _KINDS.get(match.entity, "NUMBER")
        spec = tarja.ENTITIES[match.entity]
        identity = _identity(kind, match.value)
        yield Span(match.start, match.end, kind, identity, spec.context_required)


def _addresses(text: str) -> Iterator[Span]:
    """Yield e-mail addresses, PIX keys of that form included, and names on social networks."""
    for match in MAIL_HOST.finditer(text):
        before = MAILBOX.search(text, max(0, match.start() - 128), match.start())
        if before is not None:
            identity = identity_of(text[before.start() : match.end()])
            yield Span(before.start(), match.end(), "EMAIL", identity)
    for match in HANDLE.finditer(text):
        yield Span(*match.span(), "HANDLE", identity_of(match.group()))


def _urls(text: str) -> Iterator[Span]:
    """Yield addresses of pages; a bare host says where, not who."""
    for match in URL.finditer(text):
        address = match.group().rstrip(_CLOSING)
        if address and not BARE_HOST.match(address):
            yield Span(match.start(), match.start() + len(address), "URL", f"text:{address}")


def _numbers(text: str) -> Iterator[Span]:
    """Yield numbers that identify by their shape, and those that the words before them name."""
    for kind, shape in SHAPES:
        for match in shape.finditer(text):
            yield Span(*match.span(), kind, _identity(kind, match.group()))
    for match in LANDLINE.finditer(text):
        if not YEARS.match(match.group()):
            yield Span(*match.span(), "PHONE", _identity("PHONE", match.group()))
    for match in IBAN.finditer(text):
        if _is_iban(match.group().replace(" ", "")):
            yield Span(*match.span(), "ACCOUNT", identity_of(match.group()))
    for kind, named in NAMED:
        for match in named.finditer(text):
            value = match.group(1).rstrip(" .-/")
            if not A_DAY.match(value):
                start = match.start(1)
                yield Span(start, start + len(value), kind, _identity(kind, value), named=True)


def _identity(kind: str, value: str) -> str:
    """Return a value's identity; a telephone's without the country's code and the leading zero."""
    if kind != "PHONE":
        return identity_of(value)
    digits = "".join(filter(str.isdigit, value)).lstrip("0")
    if len(digits) in {12, 13} and digits.startswith("55"):
        digits = digits[2:]
    return f"value:{digits}"


def _is_iban(value: str) -> bool:
    """Say whether the check digits hold: ISO 13616, the remainder by 97 is 1."""
    if not 15 <= len(value) <= 34:
        return False
    return int("".join(str(int(one, 36)) for one in value[4:] + value[:4])) % 97 == 1
