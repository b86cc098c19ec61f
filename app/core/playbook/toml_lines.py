"""Where each key of a TOML text stands, which the standard reader does not tell.

The text must already have been accepted by `tomllib`; under that promise a small scanner is enough.
A path is a tuple of keys and indices, such as `("slots", 2, "question", "en")`.
"""

import re
from bisect import bisect_right

Path = tuple[str | int, ...]

_BLANK = re.compile(r"(?:[ \t\r\n]+|#[^\n]*)*")
_SPACES = re.compile(r"[ \t]*")
_BARE_KEY = re.compile(r"[A-Za-z0-9_-]+")
_SCALAR = re.compile(r"[^,\]}\r\n#]+")
_STRINGS = (
    re.compile(r'"""(?:\\.|[^\\])*?"{3,5}', re.DOTALL),
    re.compile(r"'''.*?'{3,5}", re.DOTALL),
    re.compile(r'"(?:\\.|[^"\\\n])*"'),
    re.compile(r"'[^'\n]*'"),
)
_ESCAPE = re.compile(r'\\(?:u([0-9A-Fa-f]{4})|U([0-9A-Fa-f]{8})|([btnfr"\\]))')
_SIGNS = {"b": "\b", "t": "\t", "n": "\n", "f": "\f", "r": "\r"}


class Lines:
    """The line of every table, key and array element of one TOML text, counted from 1."""

    def __init__(self, text: str) -> None:
        """Scan a text that `tomllib` accepts."""
        self._text = text
        self._starts = [0, *(match.end() for match in re.finditer("\n", text))]
        self._found: dict[Path, int] = {(): 1}
        self._counts: dict[Path, int] = {}
        self._at = 0
        self._scan()

    def line(self, path: Path) -> int:
        """Return the line of a path, or of the nearest table around it that is in the text."""
        while path not in self._found:
            path = path[:-1]
        return self._found[path]

    def _scan(self) -> None:
        table: Path = ()
        self._skip(_BLANK)
        while self._at < len(self._text):
            if self._text.startswith("[", self._at):
                table = self._header()
            else:
                self._pair(table)
            self._skip(_BLANK)

    def _header(self) -> Path:
        start = self._at
        repeated = self._text.startswith("[[", start)
        self._at += 2 if repeated else 1
        keys = self._keys()
        self._at += 2 if repeated else 1
        path: Path = ()
        for key in keys[:-1]:
            path = self._latest((*path, key))
        path = (*path, keys[-1])
        if repeated:
            self._found.setdefault(path, self._line_at(start))
            index = self._counts.get(path, 0)
            self._counts[path] = index + 1
            path = (*path, index)
        self._note(path, start)
        return path

    def _latest(self, path: Path) -> Path:
        """Descend into the newest table, where the path is an array of tables."""
        count = self._counts.get(path, 0)
        return (*path, count - 1) if count else path

    def _pair(self, table: Path) -> None:
        start = self._at
        path = table
        for key in self._keys():
            path = (*path, key)
            self._note(path, start)
        self._at += 1  # the equals sign
        self._skip(_SPACES)
        self._value(path)

    def _keys(self) -> list[str]:
        keys: list[str] = []
        while True:
            self._skip(_SPACES)
            keys.append(self._key())
            self._skip(_SPACES)
            if not self._text.startswith(".", self._at):
                return keys
            self._at += 1

    def _key(self) -> str:
        if self._text[self._at] in "\"'":
            quoted = self._string()
            body = quoted[1:-1]
            return _ESCAPE.sub(_unescape, body) if quoted[0] == '"' else body
        return self._skip(_BARE_KEY)

    def _value(self, path: Path) -> None:
        match self._text[self._at]:
            case '"' | "'":
                self._string()
            case "[":
                self._array(path)
            case "{":
                self._inline_table(path)
            case _:
                self._skip(_SCALAR)

    def _array(self, path: Path) -> None:
        self._at += 1
        index = 0
        self._skip(_BLANK)
        while not self._text.startswith("]", self._at):
            element = (*path, index)
            self._note(element, self._at)
            self._value(element)
            index += 1
            self._skip(_BLANK)
            if self._text.startswith(",", self._at):
                self._at += 1
                self._skip(_BLANK)
        self._at += 1

    def _inline_table(self, path: Path) -> None:
        self._at += 1
        self._skip(_BLANK)
        while not self._text.startswith("}", self._at):
            self._pair(path)
            self._skip(_BLANK)
            if self._text.startswith(",", self._at):
                self._at += 1
                self._skip(_BLANK)
        self._at += 1

    def _string(self) -> str:
        for pattern in _STRINGS:
            if match := pattern.match(self._text, self._at):
                self._at = match.end()
                return match.group()
        raise ValueError(f"no string at offset {self._at}; the text is not TOML")

    def _skip(self, pattern: re.Pattern[str]) -> str:
        match = pattern.match(self._text, self._at)
        if match is None:
            raise ValueError(f"unexpected text at offset {self._at}; the text is not TOML")
        self._at = match.end()
        return match.group()

    def _note(self, path: Path, offset: int) -> None:
        self._found.setdefault(path, self._line_at(offset))

    def _line_at(self, offset: int) -> int:
        return bisect_right(self._starts, offset)


def dotted(path: Path) -> str:
    """Write a path the way people read it.

    >>> dotted(("slots", 2, "question", "pt-BR"))
    'slots[2].question.pt-BR'
    """
    text = ""
    for part in path:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else part
    return text


def _unescape(match: re.Match[str]) -> str:
    short, long, sign = match.groups()
    if short or long:
        return chr(int(short or long, 16))
    return _SIGNS.get(sign, sign)
