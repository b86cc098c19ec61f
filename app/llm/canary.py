"""Watches what a model answers for a secret of its prompt that must never come out.

Somebody who talks a model into giving its prompt away asks for it in other words, too: in capitals,
spelled out, backwards, as base64. Such forms are looked for as well, in what is left of a text
without case, accents, spaces and punctuation. Whoever has the model encrypt it in a way of their
own gets it; what counts then is that a prompt holds nothing that may not be known.
"""

import base64
import codecs
import re
import unicodedata
from collections.abc import Iterator
from typing import Any

import msgspec

_FREE = 3
"""So many letters may be shown of what could be the secret: any word could begin like it, and would
be held back without need."""
_OTHER = re.compile(r"[^a-z0-9]+")
_LOOKALIKES = str.maketrans("аеохсԁвѕ", "aeoxcdbs")
"""Cyrillic letters that look like ours."""

_decode = msgspec.json.Decoder().decode


class Canary:
    """A secret, and how it may look in a text."""

    def __init__(self, secret: str) -> None:
        """Take the secret: letters without accents and digits, 8 at least."""
        self.secret = secret
        if len(secret) < 8 or not secret.isascii() or not secret.isalnum():
            raise ValueError("a canary has at least 8 letters and digits, and nothing else")
        self._forms = tuple(dict.fromkeys(map(_folded, _forms(secret))))
        self.longest = max(map(len, self._forms))
        self._prefixes = frozenset(
            form[:length] for form in self._forms for length in range(_FREE + 1, len(form))
        )
        # A text whose end is none of these ends in no prefix either: one look instead of forty.
        self._ends = frozenset(prefix[-_FREE - 1 :] for prefix in self._prefixes)

    def is_in(self, folded: str) -> bool:
        """Say whether a folded text holds the secret."""
        return any(form in folded for form in self._forms)

    def begun(self, folded: str) -> int:
        """Return how many letters at the end of a folded text could be the secret's beginning."""
        if folded[-_FREE - 1 :] not in self._ends:
            return 0
        most = min(self.longest - 1, len(folded))
        return next((n for n in range(most, _FREE, -1) if folded[-n:] in self._prefixes), 0)

    def is_in_document(self, raw: bytes) -> bool:
        """Say whether the texts of a JSON document hold it, also one put together from several.

        What is no JSON is looked at as it stands.
        """
        try:
            texts = list(_texts(_decode(raw)))
        except (msgspec.MsgspecError, ValueError, RecursionError):
            texts = [raw.decode("utf-8", "replace")]
        return self.is_in("".join(map(_folded, texts)))


class CanaryWatch:
    """Passes a stream of text on, holding back only an end that could begin the secret."""

    __slots__ = ("_canary", "_held", "_seen")

    def __init__(self, canary: Canary) -> None:
        """Watch for this one."""
        self._canary = canary
        self._seen = ""
        """The folded end of the text, as long as it could matter."""
        self._held = ""

    def feed(self, text: str) -> str | None:
        """Return the text that is surely harmless by now; None once the secret has come.

        >>> watch = CanaryWatch(Canary("x7q4m2n8"))
        >>> watch.feed("ok X7"), watch.feed("-Q4 m"), watch.feed("e"), watch.feed("x7q4m2n8")
        ('ok X7', '-Q', '4 me', None)
        """
        seen = self._seen + _folded(text)
        if self._canary.is_in(seen):
            return None
        self._seen = seen[-self._canary.longest :]
        whole = self._held + text
        keep = self._canary.begun(seen)
        at = _place(whole, keep - _FREE) if keep else len(whole)
        self._held = whole[at:]
        return whole[:at]

    def flush(self) -> str:
        """Return what was held back, at the end of the text."""
        held, self._held = self._held, ""
        return held


def _folded(text: str) -> str:
    """Return the letters and digits of a text, without case and accents.

    >>> _folded("Ç 7-Ｑ")
    'c7q'
    """
    if not text.isascii():
        text = unicodedata.normalize("NFKD", text).casefold().translate(_LOOKALIKES)
    return _OTHER.sub("", text.lower())


def _place(text: str, letters: int) -> int:
    """Return where the last so many letters of a text begin, or 0 where it has not as many."""
    for at in range(len(text) - 1, -1, -1):
        letters -= len(_folded(text[at]))
        if letters <= 0:
            return at
    return 0


def _forms(secret: str) -> Iterator[str]:
    yield secret
    yield secret[::-1]
    yield codecs.encode(secret, "rot13")
    letters = secret.encode()
    yield letters.hex()  # also as %78%37, and with spaces
    yield "".join(f"x{one:02x}" for one in letters)  # \x78\x37 and &#x78;&#x37;
    yield "".join(f"u{one:04x}" for one in letters)  # \u0078\u0037
    yield "".join(str(one) for one in letters)  # &#120;&#55;
    for spelled in dict.fromkeys((secret, secret.upper())):
        yield from _in_base64(spelled.encode())


def _in_base64(letters: bytes) -> Iterator[str]:
    """Yield how it looks within something that was encoded whole, wherever it stands in that."""
    for before in range(3):
        encoded = base64.b64encode(bytes(before) + letters)
        first = -(-before * 8 // 6)
        last = (before + len(letters)) * 8 // 6
        yield encoded[first:last].decode()


def _texts(value: Any) -> Iterator[str]:
    match value:
        case str():
            yield value
        case list():
            for one in value:
                yield from _texts(one)
        case dict():
            yield from value
            for one in value.values():
                yield from _texts(one)
