"""Reading answers and finding values in free text."""

from datetime import date, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core.understanding.extraction import find_slots, read_answer
from app.domain.playbook import Slot, SlotKind
from tests.support.playbooks import tiny_playbook

WEDNESDAY = date(2025, 6, 18)
PLAYBOOK = tiny_playbook()
MONTHS = (
    "janeiro", "fevereiro", "março", "abril", "maio", "junho", "julho", "agosto", "setembro",
    "outubro", "novembro", "dezembro",
)  # fmt: skip


def slot_of(kind: SlotKind) -> Slot:
    """Return a bare slot of a kind."""
    both = {"pt-BR": "x", "en": "x"}
    return Slot(name="x", phase="facts", kind=kind, label=both, question=both)


def read(kind: SlotKind, text: str, locale: str = "pt-BR") -> str | None:
    """Read an answer of a kind on a Wednesday."""
    return read_answer(slot_of(kind), text, locale, WEDNESDAY)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("hoje de manhã", "2025-06-18"),
        ("ontem", "2025-06-17"),
        ("anteontem", "2025-06-16"),
        ("last night", "2025-06-17"),
        ("há 3 meses", "2025-03"),
        ("ha tres meses", "2025-03"),
        ("faz uns 20 dias", "2025-05-29"),
        ("há vinte e cinco dias", "2025-05-24"),
        ("three weeks ago", "2025-05-28"),
        ("a couple of weeks ago", "2025-06-04"),
        ("a year and a half ago", "2023-12"),
        ("um ano e meio atrás", "2023-12"),
        ("uns dois anos", "2023"),
        ("semana passada", "2025-06-11"),
        ("mês retrasado", "2025-04"),
        ("last month", "2025-05"),
        ("ano passado", "2024"),
        ("last friday", "2025-06-13"),
        ("sexta-feira", "2025-06-13"),
        ("quarta", "2025-06-11"),
        ("no último domingo", "2025-06-15"),
        ("last weekend", "2025-06-14"),
        ("em março de 2024", "2024-03"),
        ("março", "2025-03"),
        ("in november", "2024-11"),
        ("in march last year", "2024-03"),
        ("15 de março", "2025-03-15"),
        ("1º de maio de 2023", "2023-05-01"),
        ("March 5th, 2024", "2024-03-05"),
        ("the 5th of march", "2025-03-05"),
        ("15/03/2024", "2024-03-15"),
        ("15.03.24", "2024-03-15"),
        ("3/4", "2025-04-03"),
        ("12/2023", "2023-12"),
        ("2024-03-15", "2024-03-15"),
        ("desde 2019", "2019"),
        ("2019", "2019"),
        ("dia 5", "2025-06-05"),
        ("dia 20", "2025-05-20"),
        ("daqui a 3 dias", "2025-06-21"),
        ("amanhã", "2025-06-19"),
        ("next friday", "2025-06-20"),
        ("agora mesmo", "2025-06-18"),
    ],
)
def test_dates_as_people_say_them(text: str, value: str) -> None:
    """A date is read with the precision that was given."""
    assert read("date", text) == value


@pytest.mark.parametrize(
    "text", ["não sei", "faz tempo", "29/02/2023", "31/02", "há 999 anos", "?"]
)
def test_what_is_no_date_is_not_guessed(text: str) -> None:
    """No date is better than a wrong one."""
    assert read("date", text) is None


def test_figures_are_read_day_first_unless_the_locale_says_otherwise() -> None:
    """Only the locale that writes the month first reads it first."""
    assert read("date", "03/04/2024", "en") == "2024-04-03"
    assert read("date", "03/04/2024", "en-US") == "2024-03-04"
    assert read("date", "12/25/2024", "pt-BR") == "2024-12-25"


@given(st.dates(date(1950, 1, 1), WEDNESDAY))
def test_written_dates_round_trip(day: date) -> None:
    """Every date that is written out in figures or in words is read back."""
    for text in (
        day.isoformat(),
        f"{day.day:02d}/{day.month:02d}/{day.year}",
        f"foi no dia {day.day} de {MONTHS[day.month - 1]} de {day.year}",
    ):
        assert read("date", text) == day.isoformat()


@given(st.integers(0, 999))
def test_days_ago_are_counted(days: int) -> None:
    """So many days ago is so many days before today."""
    assert read("date", f"há {days} dias") == (WEDNESDAY - timedelta(days=days)).isoformat()


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("R$ 1.500,00", "1500.00"),
        ("R$1,5 mil", "1500.00"),
        ("1500 reais", "1500.00"),
        ("uns 1.500", "1500.00"),
        ("mil e quinhentos reais", "1500.00"),
        ("dois mil e trezentos e cinquenta", "2350.00"),
        ("2 mil e quinhentos", "2500.00"),
        ("mil reais e cinquenta centavos", "1000.50"),
        ("2k", "2000.00"),
        ("$1,200.50", "1200.50"),
        ("three hundred and fifty dollars", "350.00"),
        ("um milhão de reais", "1000000.00"),
        ("cem reais", "100.00"),
    ],
)
def test_amounts_as_people_say_them(text: str, value: str) -> None:
    """Money is read from figures and words alike."""
    assert read("money", text) == value


@pytest.mark.parametrize("text", ["123.456.789-09", "12345678909", "não sei", "11 98765-4321"])
def test_identity_numbers_are_no_amounts(text: str) -> None:
    """What looks like an identity or telephone number is never taken for money."""
    assert read("money", text) is None


@given(st.decimals(min_value=0, max_value=Decimal("99999999.99"), places=2))
def test_written_amounts_round_trip(amount: Decimal) -> None:
    """Every amount is read back, whichever way its thousands and decimals are written."""
    english = f"{amount:,.2f}"
    brazilian = english.translate(str.maketrans(",.", ".,"))
    assert read("money", f"R$ {brazilian}") == f"{amount:.2f}"
    assert read("money", f"${english}") == f"{amount:.2f}"


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("sim", "yes"), ("S", "yes"), ("Sim, tenho", "yes"), ("acho que sim", "yes"),
        ("infelizmente sim", "yes"), ("tenho sim", "yes"), ("claro!", "yes"), ("yep", "yes"),
        ("I do", "yes"), ("yes but not sure when", "yes"), ("Tem, dia 20", "yes"),
        ("não", "no"), ("nao tenho", "no"), ("tenho não", "no"), ("acho que não", "no"),
        ("ainda não", "no"), ("que eu saiba não", "no"), ("nope", "no"), ("Well, not really", "no"),
        ("I don't think so", "no"), ("Bom, não", "no"), ("Não, ninguém", "no"), ("nunca", "no"),
        ("não sei", None), ("sei lá", None), ("not sure", None), ("talvez", None), ("", None),
        ("e agora?", None), ("foi ele que fez isso comigo ontem", None),
    ],
)  # fmt: skip
def test_consent_and_denial(text: str, value: str | None) -> None:
    """Everyday words of consent and denial are read; what is neither is not guessed."""
    assert read("yes_no", text) == value


def test_numbers_in_figures_and_words() -> None:
    """A number is read however it is written."""
    assert [read("number", text) for text in ("3", "são duas", "uma", "nenhum", "twenty", "?")] == [
        "3", "2", "1", "0", "20", None,
    ]  # fmt: skip


def test_a_choice_is_read_by_label_word_or_place() -> None:
    """Options are found by what they are called; a denied or a double mention settles nothing."""
    tenure = PLAYBOOK.slot("tenure")
    assert tenure is not None
    texts = ("é alugada", "I own it", "2", "não é própria, é alugada", "própria ou alugada", "hm")
    found = [read_answer(tenure, text, "pt-BR", WEDNESDAY) for text in texts]
    assert found == ["rent", "own", "rent", "rent", None, None]


def test_places_lose_what_leads_up_to_them() -> None:
    """Only the place is kept; numbers alone are none."""
    assert read("place", "Eu moro em São Paulo, SP.") == "São Paulo, SP"
    assert read("place", "I live in Recife") == "Recife"
    assert read("place", "12345") is None


def test_text_is_kept_as_it_is() -> None:
    """Free text is only trimmed."""
    assert read("text", "  Meu Patrão, o Zé. ") == "Meu Patrão, o Zé."
    assert read("text", "   ") is None


def test_values_are_found_without_being_asked() -> None:
    """Dates, a single amount and the slots' own patterns are found in a story."""
    story = "Desde ontem tem água em 3 cômodos, já gastei R$ 300."
    found = find_slots(PLAYBOOK, story, "pt-BR", WEDNESDAY)
    assert found == {"when": "2025-06-17", "amount": "300.00", "rooms": "3"}


def test_what_is_ambiguous_is_left_for_a_question() -> None:
    """Two amounts are none, and a date to come is not when something happened."""
    story = "Paguei R$ 300 e depois R$ 200; o técnico vem amanhã."
    assert find_slots(PLAYBOOK, story, "pt-BR", WEDNESDAY) == {}


def test_identity_numbers_are_not_kept() -> None:
    """Nothing that looks like an identity number is stored from free text."""
    story = "Meu CPF é 123.456.789-09 e o telefone (11) 98765-4321"
    assert find_slots(PLAYBOOK, story, "pt-BR", WEDNESDAY) == {}


KINDS: tuple[SlotKind, ...] = (
    "text", "date", "money", "number", "yes_no", "choice", "place",
)  # fmt: skip


@given(st.text(), st.sampled_from(KINDS), st.dates(date(1970, 1, 1), date(2100, 1, 1)))
def test_any_answer_can_be_tried(text: str, kind: SlotKind, today: date) -> None:
    """No text raises, on no day; a value that was read is never empty."""
    value = read_answer(slot_of(kind), text, "pt-BR", today)
    assert value is None or value.strip()


@given(st.text(alphabet="0123456789/.-, aeodmshmilreiskfo R$"), st.dates())
def test_any_figures_can_be_tried(text: str, today: date) -> None:
    """Heaps of figures and units do not raise either."""
    for kind in KINDS:
        read_answer(slot_of(kind), text, "en", today)
    find_slots(PLAYBOOK, text, "en", today)
