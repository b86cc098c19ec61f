"""Folding, splitting and stemming."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core.language.text import fold, folded, squeeze, stem, tokens, words


@given(st.text())
def test_folding_twice_changes_nothing(text: str) -> None:
    """Folded text is its own folding."""
    assert fold(fold(text)) == fold(text)


@given(st.text())
def test_folding_with_origins_is_the_same_folding(text: str) -> None:
    """Both ways of folding agree, and every origin lies in the original, in order."""
    kept = folded(text)
    assert kept.text == fold(text)
    assert len(kept.origins) == len(kept.text) + 1
    assert list(kept.origins) == sorted(kept.origins)
    assert kept.origins[-1] == len(text)


@given(st.text())
def test_words_and_stems_of_anything(text: str) -> None:
    """Any text has words, no word is empty, and no stem is longer than its word."""
    for word in words(text):
        assert word
        assert len(stem(word)) <= len(word) + 1
    assert [token.word for token in tokens(fold(text))] == words(text)


def test_signs_people_type() -> None:
    """Accents, typographic quotes, dashes, invisible and repeated blanks all fold away."""
    assert fold("Não\u00a0sei —  “É o\u200b fim”…") == 'nao sei - "e o fim"...'


def test_a_piece_of_folded_text_leads_back_to_the_original() -> None:
    """The source of a folded piece has its accents and capitals."""
    kept = folded("Moro  em SÃO Paulo")
    start = kept.text.index("sao paulo")
    assert kept.source(start, start + len("sao paulo")) == "SÃO Paulo"


def test_contractions_and_stretched_letters() -> None:
    """What people abbreviate or stretch becomes the word it stands for."""
    assert words("I DON'T know, my boss's copo d'água") == [
        "i", "dont", "know", "my", "boss", "copo", "agua",
    ]  # fmt: skip
    assert squeeze("socorrooo, carro") == "socorro, carro"


@pytest.mark.parametrize(
    "family",
    [
        ("demitido", "demitida", "demitiram", "demitir", "demitindo"),
        ("batendo", "bateu", "bater", "bate"),
        ("despejo", "despejado", "despejar"),
        ("filho", "filha", "filhos", "filhas"),
        ("evicted", "evicting", "evict"),
        ("divida", "dividas"),
        ("pensao", "pensoes"),
        ("aluguel", "alugueis"),
    ],
)
def test_inflections_meet_in_one_stem(family: tuple[str, ...]) -> None:
    """The forms of a word that people use share a stem."""
    assert len({stem(word) for word in family}) == 1
