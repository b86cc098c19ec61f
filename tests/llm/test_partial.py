"""Showing the first string of a document while the document is still coming."""

import json
from itertools import pairwise

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.llm.partial import Shape, VisibleText

texts = st.text(alphabet=st.characters(exclude_categories=["Cs"]))
spaces = st.text(alphabet=" \t\r\n", max_size=3)
rest_of_document = st.dictionaries(
    texts.filter(lambda name: name != "reply"), st.integers() | texts | st.none(), max_size=3
)


def pieces_of(text: str, places: list[int]) -> list[str]:
    """Cut text at these places."""
    edges = sorted({0, len(text), *(place % (len(text) + 1) for place in places)})
    return [text[a:b] for a, b in pairwise(edges)]


@st.composite
def encoded(draw: st.DrawFn, text: str) -> str:
    """Write a string as JSON in any of the ways that JSON allows, character by character."""
    out = []
    short = {'"': '\\"', "\\": "\\\\", "/": "\\/", "\b": "\\b", "\f": "\\f", "\n": "\\n"}
    short |= {"\r": "\\r", "\t": "\\t"}
    for letter in text:
        ways = ["".join(f"\\u{unit:04x}" for unit in units(letter))]
        ways.append(ways[0].upper().replace("\\U", "\\u"))
        if letter in short:
            ways.append(short[letter])
        if letter not in '"\\' and ord(letter) >= 0x20:
            ways.append(letter)
        out.append(draw(st.sampled_from(ways)))
    return f'"{"".join(out)}"'


def units(letter: str) -> list[int]:
    """Return the UTF-16 code units of a character."""
    data = letter.encode("utf-16-be")
    return [int.from_bytes(data[at : at + 2], "big") for at in range(0, len(data), 2)]


@given(st.data(), texts, rest_of_document, st.lists(st.integers(min_value=0, max_value=2000)))
def test_any_string_in_any_encoding_and_chunking_comes_out_exactly(
    data: st.DataObject, text: str, rest: dict[str, object], places: list[int]
) -> None:
    """The pieces join to the string itself, and no piece holds half a character."""
    gaps = [data.draw(spaces) for _ in range(5)]
    key = data.draw(encoded("reply"))
    value = data.draw(encoded(text))
    tail = "".join(f", {json.dumps(name)}: {json.dumps(value)}" for name, value in rest.items())
    document = f"{gaps[0]}{{{gaps[1]}{key}{gaps[2]}:{gaps[3]}{value}{gaps[4]}{tail}}}"
    assert msgspec.json.decode(document)["reply"] == text
    visible = VisibleText("reply")
    shown = [visible.feed(piece) for piece in pieces_of(document, places)]
    assert "".join(shown) == text
    for piece in shown:
        piece.encode()
    assert visible.complete


@given(texts, st.lists(st.integers(min_value=0, max_value=2000)))
def test_what_is_no_document_is_shown_as_it_is(text: str, places: list[int]) -> None:
    """A model that ignores the schema still serves the person."""
    visible = VisibleText("reply")
    shown = "".join(visible.feed(piece) for piece in pieces_of(text, places))
    begins = text.lstrip(" \t\r\n")
    if begins.startswith("{"):
        assert visible.shape in {Shape.DOCUMENT, Shape.OPAQUE}
    elif begins:
        assert (shown, visible.shape) == (text, Shape.PLAIN)
    else:
        assert (shown, visible.shape) == ("", Shape.UNKNOWN)


@given(st.text(), st.lists(st.integers(min_value=0, max_value=2000)))
def test_no_answer_whatever_breaks_the_reading(text: str, places: list[int]) -> None:
    """Even broken documents give text that can be encoded, the same for every chunking."""
    broken = '{"reply": "' + text.encode(errors="replace").decode()
    whole = VisibleText("reply").feed(broken)
    visible = VisibleText("reply")
    shown = "".join(visible.feed(piece) for piece in pieces_of(broken, places))
    assert shown == whole
    shown.encode()


@pytest.mark.parametrize(
    ("document", "shown"),
    [
        (r'{"reply": "a\ud83d\ude00b"}', "a\N{GRINNING FACE}b"),
        (r'{"reply": "a\ud83db"}', "a\N{REPLACEMENT CHARACTER}b"),
        (r'{"reply": "\ud83d\ud83d\ude00"}', "\N{REPLACEMENT CHARACTER}\N{GRINNING FACE}"),
        (r'{"reply": "\ude00"}', "\N{REPLACEMENT CHARACTER}"),
        (r'{"reply": "\ud83d"}', "\N{REPLACEMENT CHARACTER}"),
        (r'{"reply": "\u12x4"}', "\N{REPLACEMENT CHARACTER}"),
    ],
)
def test_a_surrogate_waits_for_its_partner(document: str, shown: str) -> None:
    """A pair becomes one character; half of one is replaced, letter by letter as in one go."""
    visible = VisibleText("reply")
    assert VisibleText("reply").feed(document) == shown
    assert "".join(visible.feed(letter) for letter in document) == shown


@pytest.mark.parametrize(
    "document",
    ['{"other": "x", "reply": "y"}', '{"reply": 7}', '{"reply": ["x"]}', "{}", '{reply: "x"}'],
)
def test_a_document_that_begins_otherwise_shows_nothing(document: str) -> None:
    """Nothing is guessed: the text of such a document is known when it is complete."""
    visible = VisibleText("reply")
    assert visible.feed(document) == ""
    assert visible.shape is Shape.OPAQUE


def test_only_the_first_string_is_shown() -> None:
    """What follows the words to show is the assessment, which nobody sees."""
    visible = VisibleText("reply")
    assert visible.feed('{"reply": "a", "note": "secret", "reply": "b"}') == "a"


def test_without_a_field_a_document_shows_nothing() -> None:
    """A call for a document alone streams no text."""
    visible = VisibleText(None)
    assert visible.feed('{"reply": "a"}') == ""
