"""Reads the first string property of a JSON document while the document is still coming.

Text arrives in pieces of any size. What the person may see is decoded and given out at once; an
escape that is cut in two waits for its other half, and a surrogate for its partner.
"""

import re
from enum import Enum, auto

_PLAIN = re.compile(r'[^"\\]*')
_HEX = re.compile(r"[0-9a-fA-F]{4}")
_SPACE = " \t\n\r"
_ESCAPES = {
    '"': '"', "\\": "\\", "/": "/", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t",
}  # fmt: skip
_REPLACEMENT = "\N{REPLACEMENT CHARACTER}"


class Shape(Enum):
    """What the answer has turned out to be."""

    UNKNOWN = auto()
    """Nothing but space so far."""
    PLAIN = auto()
    """Not a document: the text itself is what to show."""
    DOCUMENT = auto()
    """A document, whose first property is the one to show, as far as can be seen."""
    OPAQUE = auto()
    """A document that does not begin with that property: nothing can be shown while it comes."""


class StringReader:
    """Decodes the rest of a JSON string, after its opening quote, in time linear in its length."""

    __slots__ = ("_escape", "_high", "closed")

    def __init__(self) -> None:
        self._escape = ""
        self._high = 0
        self.closed = False

    @property
    def waiting(self) -> bool:
        """Whether half an escape or half a pair waits for the rest."""
        return bool(self._escape or self._high)

    def read(self, text: str, start: int) -> tuple[str, int]:
        """Decode `text` from `start`; return what is known and where the reading stopped.

        It stops after the closing quote, or at the end. Where the text breaks JSON's rules it is
        taken as meant: an unknown escape stands for itself, half a surrogate for a replacement.
        """
        out: list[str] = []
        at = start
        size = len(text)
        while at < size:
            if self._escape:
                at = self._continue_escape(text, at, out)
                continue
            match = _PLAIN.match(text, at)
            end = at if match is None else match.end()
            if end > at:
                self._flush_high(out)
                out.append(text[at:end])
            if end == size:
                return "".join(out), size
            at = end + 1
            if text[end] == '"':
                self._flush_high(out)
                self.closed = True
                break
            self._escape = "\\"
        return "".join(out), at

    def _continue_escape(self, text: str, at: int, out: list[str]) -> int:
        if self._escape == "\\":
            letter = text[at]
            if letter == "u":
                self._escape = "\\u"
            else:
                self._escape = ""
                self._flush_high(out)
                out.append(_ESCAPES.get(letter, letter))
            return at + 1
        digits = text[at : at + 6 - len(self._escape)]
        self._escape += digits
        if len(self._escape) == 6:
            self._take_unit(self._escape[2:], out)
            self._escape = ""
        return at + len(digits)

    def _take_unit(self, digits: str, out: list[str]) -> None:
        if _HEX.fullmatch(digits) is None:
            self._flush_high(out)
            out.append(_REPLACEMENT)
            return
        unit = int(digits, 16)
        if self._high and 0xDC00 <= unit <= 0xDFFF:
            out.append(chr(0x10000 + ((self._high - 0xD800) << 10) + (unit - 0xDC00)))
            self._high = 0
            return
        self._flush_high(out)
        if 0xD800 <= unit <= 0xDBFF:
            self._high = unit
        else:
            out.append(_REPLACEMENT if 0xDC00 <= unit <= 0xDFFF else chr(unit))

    def _flush_high(self, out: list[str]) -> None:
        if self._high:
            self._high = 0
            out.append(_REPLACEMENT)


class VisibleText:
    """What may be shown of an answer that is still coming."""

    __slots__ = ("_expect", "_key", "_lead", "_reader", "field", "shape")

    def __init__(self, field: str | None) -> None:
        """Watch for the property `field`; with None, a document shows nothing."""
        self.field = field
        self._lead = ""
        self._key = ""
        self._reader = StringReader()
        self._expect = "{"
        self.shape = Shape.UNKNOWN

    @property
    def complete(self) -> bool:
        """Whether a document's visible text has been given out whole."""
        return self.shape is Shape.DOCUMENT and self._expect == ""

    def feed(self, text: str) -> str:
        r"""Take the next piece of the answer and return what it adds to the visible text.

        >>> visible = VisibleText("reply")
        >>> visible.feed('{"reply": "Ol'), visible.feed(r"\u00e"), visible.feed('1!", "slots": {')
        ('Ol', '', 'á!')
        """
        if self._expect == "":
            return text if self.shape is Shape.PLAIN else ""
        if self._expect == "string":
            reader = self._reader
            if '"' not in text and "\\" not in text and not reader.waiting:
                return text
            shown, _ = reader.read(text, 0)
            if self._reader.closed:
                self._expect = ""
            return shown
        return self._feed_opening(text)

    def _feed_opening(self, text: str) -> str:
        at = 0
        while at < len(text) and self._expect:
            if self._expect == "key":
                key, at = self._reader.read(text, at)
                self._key += key
                if self._reader.closed:
                    self._expect = ":"
                continue
            if self._expect == "string":
                shown, at = self._reader.read(text, at)
                if self._reader.closed:
                    self._expect = ""
                return shown
            if text[at] not in _SPACE:
                if self.shape is Shape.UNKNOWN and text[at] != "{":
                    self.shape = Shape.PLAIN
                    self._expect = ""
                    return self._lead + text
                self._step(text[at])
            at += 1
        if self.shape is Shape.UNKNOWN:
            self._lead += text
        return ""

    def _step(self, letter: str) -> None:
        """Move past one structural character before the string to show."""
        match (self._expect, letter):
            case ("{", "{"):
                self.shape, self._expect = Shape.DOCUMENT, '"'
            case ('"', '"'):
                self._expect = "key"
            case (":", ":") if self._key == self.field:
                self._expect = "value"
            case ("value", '"'):
                self._reader = StringReader()
                self._expect = "string"
            case _:
                self.shape, self._expect = Shape.OPAQUE, ""
