"""Pages as a strict reader takes them: well nested, and with nothing from outside."""

from html.parser import HTMLParser

_VOID = {"meta", "br", "hr", "img", "input", "link"}
_FORBIDDEN = {"script", "link", "iframe", "object", "embed", "img", "form", "base"}


class Checked(HTMLParser):
    """Fails where elements are not nested, names are not unique, or anything comes from outside."""

    def __init__(self, text: str) -> None:
        """Read a page."""
        super().__init__()
        self.open: list[str] = []
        self.seen: list[str] = []
        self.words: list[str] = []
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Enter an element."""
        assert tag not in _FORBIDDEN
        names = [name for name, _ in attrs]
        assert len(names) == len(set(names))
        for name, value in attrs:
            assert not name.startswith("on")
            assert name not in {"src", "href", "srcset", "action"}
            assert value is not None
            assert name == "xmlns" or "//" not in value
        self.seen.append(tag)
        if tag not in _VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Pass an element without content."""
        self.handle_starttag(tag, attrs)
        if tag not in _VOID:
            self.open.pop()

    def handle_endtag(self, tag: str) -> None:
        """Leave an element."""
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        """Read a text."""
        self.words.append(data)
