"""Every key of a TOML text is found on the line where it stands."""

import tomllib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core.playbook.toml_lines import Lines, Path, dotted

_TEXT = '''\
# a comment with = and [brackets]
title = "top"  # beside it

"quoted key" = 1
dotted.one = true
dotted."tw o".deep = [1, 2]

list = [
  "first # not a comment",
  # a comment between
  "second", "third",
  ["nested",
   "deeper"],
]
inline = { a = 1, b = { c = [
  "x"] } }
many = """
not = a key
\\""" still text"""
raw = \'\'\'
[not.a.table]
\'\'\'
when = 2024-01-01T00:00:00Z

[table.sub]
key = "v"

[[items]]
name = "zero"

[[items.parts]]
p = 0
[[items.parts]]
p = 1

[[items]]
name = "one"
[items.extra]
e = 1
[[items.parts]]
p = 2
'''

_EXPECTED: dict[Path, int] = {
    ("title",): 2,
    ("quoted key",): 4,
    ("dotted",): 5,
    ("dotted", "one"): 5,
    ("dotted", "tw o", "deep"): 6,
    ("dotted", "tw o", "deep", 1): 6,
    ("list",): 8,
    ("list", 0): 9,
    ("list", 1): 11,
    ("list", 2): 11,
    ("list", 3): 12,
    ("list", 3, 1): 13,
    ("inline",): 15,
    ("inline", "a"): 15,
    ("inline", "b", "c"): 15,
    ("inline", "b", "c", 0): 16,
    ("many",): 17,
    ("raw",): 20,
    ("when",): 23,
    ("table", "sub"): 25,
    ("table", "sub", "key"): 26,
    ("items",): 28,
    ("items", 0): 28,
    ("items", 0, "name"): 29,
    ("items", 0, "parts", 0): 31,
    ("items", 0, "parts", 0, "p"): 32,
    ("items", 0, "parts", 1, "p"): 34,
    ("items", 1): 36,
    ("items", 1, "name"): 37,
    ("items", 1, "extra", "e"): 39,
    ("items", 1, "parts", 0, "p"): 41,
}


@pytest.mark.parametrize("path", _EXPECTED, ids=dotted)
def test_a_path_is_on_its_line(path: Path) -> None:
    """Tables, arrays of tables, dotted, quoted and inline keys and array elements are found."""
    tomllib.loads(_TEXT)
    assert Lines(_TEXT).line(path) == _EXPECTED[path]


def test_a_path_that_is_not_there_is_on_the_line_of_what_would_hold_it() -> None:
    """A missing key is reported where its table begins; a missing table at the top."""
    lines = Lines(_TEXT)
    assert lines.line(("items", 1, "colour")) == 36
    assert lines.line(("nothing", "at", "all")) == 1


def _paths(value: object, path: Path = ()) -> list[Path]:
    inner: list[Path] = [path] if path else []
    if isinstance(value, dict):
        for key, one in value.items():
            inner += _paths(one, (*path, key))
    elif isinstance(value, list):
        for index, one in enumerate(value):
            inner += _paths(one, (*path, index))
    return inner


_KEYS = st.text(alphabet="ab-_9", min_size=1, max_size=3)
_SCALARS = st.one_of(
    st.integers(0, 9).map(str),
    st.sampled_from(["true", "1.5", "'lit # [x]'", '"esc \\" ] }"', "'''m\nl'''", '"""q\n"" """']),
)
_VALUES = st.recursive(
    _SCALARS,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3).map(lambda parts: "[\n" + ",\n".join(parts) + "\n]"),
        st.dictionaries(_KEYS, inner, max_size=2).map(
            lambda table: "{ " + ", ".join(f"{k} = {v}" for k, v in table.items()) + " }"
        ),
    ),
    max_leaves=8,
)


@given(st.lists(st.tuples(_KEYS, st.dictionaries(_KEYS, _VALUES, max_size=3)), max_size=4))
def test_every_path_of_any_text_is_found(tables: list[tuple[str, dict[str, str]]]) -> None:
    """Whatever tomllib reads out of a text, the scanner has seen, on a line that names it."""
    text = "".join(
        f"[[{name}]]\n" + "".join(f"{key} = {value}\n" for key, value in pairs.items())
        for name, pairs in tables
    )
    lines = Lines(text)
    rows = text.split("\n")
    for path in _paths(tomllib.loads(text)):
        assert path in lines._found
        last = path[-1]
        if isinstance(last, str):
            assert last in rows[lines.line(path) - 1]


def test_a_path_is_written_as_people_read_it() -> None:
    """Keys are joined by dots and indices stand in brackets."""
    assert dotted(("a", 0, "b", "pt-BR", 3)) == "a[0].b.pt-BR[3]"
    assert dotted(()) == ""
