"""Watching for the prompt's secret in what a model answers, in whatever form it comes."""

import base64
import codecs
from collections.abc import Callable
from itertools import pairwise

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.llm.canary import Canary, CanaryWatch

SECRET = "c3f81a9d0e27b645f"
CANARY = Canary(SECRET)
FREE = 3
places = st.lists(st.integers(min_value=0, max_value=80), max_size=8)
letters = st.text(alphabet="abAB -.", max_size=60)
secrets = st.text(alphabet="ab", min_size=8, max_size=10)

FORMS: dict[str, Callable[[str], str]] = {
    "as it is": str,
    "in capitals": str.upper,
    "spelled with spaces": " ".join,
    "spelled with dashes": "-".join,
    "a letter in a line": "\n".join,
    "with zero-width spaces": "\u200b".join,
    "with Markdown between": "**_**".join,
    "in full-width letters": lambda s: "".join(chr(ord(one) + 0xFEE0) for one in s),
    "with accents": lambda s: "".join(f"{one}\u0301" for one in s),
    "with Cyrillic letters": lambda s: s.translate(str.maketrans("ace", "асе")),
    "backwards": lambda s: s[::-1],
    "rot13": lambda s: codecs.encode(s, "rot13"),
    "hexadecimal": lambda s: s.encode().hex(" "),
    "percent signs": lambda s: "".join(f"%{ord(one):02X}" for one in s),
    "escapes": lambda s: "".join(f"\\x{ord(one):02x}" for one in s),
    "long escapes": lambda s: "".join(f"\\u{ord(one):04x}" for one in s),
    "numbers": lambda s: ", ".join(str(ord(one)) for one in s),
    "HTML's numbers": lambda s: "".join(f"&#{ord(one)};" for one in s),
    "HTML's hexadecimal": lambda s: "".join(f"&#x{ord(one):x};" for one in s),
    "base64": lambda s: base64.b64encode(s.encode()).decode(),
    "base64 of a sentence": lambda s: base64.b64encode(f"it is {s}.".encode()).decode(),
    "base64 of another": lambda s: base64.b64encode(f"the word {s} is".encode()).decode(),
    "base64 of a third": lambda s: base64.b64encode(f"my word: {s}".encode()).decode(),
    "base64 of capitals": lambda s: base64.b64encode(s.upper().encode()).decode(),
    "base64 for addresses": lambda s: base64.urlsafe_b64encode(f"¿{s}?".encode()).decode(),
    "base64 in lines": lambda s: base64.encodebytes(f"{'x' * 50}{s}".encode()).decode(),
}


def shown(canary: Canary, pieces: list[str]) -> str | None:
    """Return what is seen of a text in pieces; None where the watch stopped it."""
    watch = CanaryWatch(canary)
    seen = ""
    for piece in pieces:
        passed = watch.feed(piece)
        if passed is None:
            return None
        seen += passed
    return seen + watch.flush()


@pytest.mark.parametrize("size", [1, 2, 3, 7, 1_000])
@pytest.mark.parametrize("form", FORMS)
def test_the_secret_is_stopped_in_many_forms(form: str, size: int) -> None:
    """Whole, in pieces and letter by letter; no more than three letters of it were seen."""
    text = f"Sure! Here it is: {FORMS[form](SECRET)} - anything else?"
    pieces = [text[at : at + size] for at in range(0, len(text), size)]
    watch = CanaryWatch(CANARY)
    seen = ""
    for piece in pieces:
        passed = watch.feed(piece)
        if passed is None:
            break
        seen += passed
    else:
        raise AssertionError(f"it came out: {seen}")
    assert text.startswith(seen)
    assert not CANARY.is_in_document(msgspec.json.encode(seen))
    assert SECRET[: FREE + 1] not in seen
    assert CANARY.is_in_document(msgspec.json.encode({"reply": "Hm.", "steps": [text]}))


@pytest.mark.parametrize(
    "text",
    [
        "Água pinga do teto desde ontem; meu CPF é 529.982.247-25 e devo R$ 1.200,00.",
        "c3f8 is a room, c3f81a9 a commit, and 99 51 102 56 are numbers.",
        "YzNmODFhOQ== is base64 of something else.",
        "f546b72",
        "",
    ],
)
@pytest.mark.parametrize("size", [1, 4, 100])
def test_other_text_passes_whole(text: str, size: int) -> None:
    """Also what begins like the secret."""
    pieces = [text[at : at + size] for at in range(0, len(text), size)]
    assert shown(CANARY, pieces) == text
    assert not CANARY.is_in_document(msgspec.json.encode([text]))


@given(letters, secrets, places)
def test_however_a_text_is_cut_the_same_is_seen(text: str, secret: str, at: list[int]) -> None:
    """Harmless text comes out exactly; where it is stopped, its secret was not seen."""
    canary = Canary(secret)
    edges = sorted({0, len(text), *(place % (len(text) + 1) for place in at)})
    pieces = [text[a:b] for a, b in pairwise(edges)]
    seen = shown(canary, pieces)
    assert seen == shown(canary, [text])
    folded = "".join(one for one in text.lower() if one.isalnum())
    if secret in folded:
        assert seen is None
    if seen is not None:
        assert seen == text


@given(st.text(max_size=120))
def test_no_more_is_held_back_than_could_be_the_secret(text: str) -> None:
    """What is held back of any text is the going on of a form that has begun; else nothing is."""
    watch = CanaryWatch(CANARY)
    passed = watch.feed(text)
    assert passed == text
    assert watch.feed(" c3f") == " c3f"
    assert watch.feed("81 a9") == ""
    assert watch.feed("! And") == "81 a9! And"


@given(st.integers(min_value=0, max_value=len(SECRET)), places)
def test_a_document_may_not_hold_it_in_parts(at: int, filled: list[int]) -> None:
    """Neither in two members of a list nor escaped."""
    parts = [SECRET[:at], SECRET[at:]]
    assert CANARY.is_in_document(msgspec.json.encode({"next_steps": parts, "other": filled}))
    escaped = "".join(f"\\u{ord(one):04x}" for one in SECRET)
    assert CANARY.is_in_document(f'{{"plain": "{escaped}"}}'.encode())
    assert CANARY.is_in_document(f'{{"plain": "{SECRET}'.encode())
    assert not CANARY.is_in_document(b"[" * 5_000)


@pytest.mark.parametrize("secret", ["", "short", "with-a-dash", "açúcar-e-afeto", "c3f8 1a9d"])
def test_a_secret_that_could_not_be_found_again_is_refused(secret: str) -> None:
    """Too short ones would stop harmless answers."""
    with pytest.raises(ValueError, match="8 letters"):
        Canary(secret)
