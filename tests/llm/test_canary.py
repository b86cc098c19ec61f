"""Watching for the prompt's secret in visible text."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from app.llm.canary import CanaryWatch

letters = st.text(alphabet="ab-", max_size=30)
secrets = st.text(alphabet="ab-", min_size=1, max_size=7)


@given(letters, secrets, st.lists(st.integers(min_value=0, max_value=40), max_size=8))
def test_text_passes_whole_unless_it_holds_the_secret(
    text: str, secret: str, places: list[int]
) -> None:
    """However it is cut, harmless text comes out exactly, and the secret never, not in part."""
    edges = sorted({0, len(text), *(place % (len(text) + 1) for place in places)})
    watch = CanaryWatch(secret)
    shown = ""
    for a, b in pairwise(edges):
        piece = watch.feed(text[a:b])
        if piece is None:
            assert secret in text[:b]
            assert shown == text[: len(shown)]
            assert len(shown) <= text.index(secret)
            return
        shown += piece
        held = len(text[:b]) - len(shown)
        assert held < len(secret)
        assert secret.startswith(text[len(shown) : b])
    assert secret not in text
    assert shown + watch.flush() == text


@given(st.text(max_size=200), st.text(min_size=1, max_size=12))
def test_no_more_is_held_back_than_could_be_the_secret(text: str, secret: str) -> None:
    """What is held back is the longest end of the text that begins the secret."""
    watch = CanaryWatch(secret)
    shown = watch.feed(text)
    if secret in text:
        assert shown is None
        return
    longest = max(n for n in range(len(secret)) if text.endswith(secret[:n]))
    assert shown == text[: len(text) - longest]
