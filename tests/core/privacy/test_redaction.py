"""Redaction: nothing that identifies people is left, and everything comes back exactly."""

import json
import time

import pytest
import tarja
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from app.core.privacy.identifiers import find_identifiers
from app.core.privacy.redaction import Redactor, first_spelling, placeholders
from app.domain.assessment import Assessment, SlotValue
from app.domain.case import Correct, Say, Turn
from tests.support.claims import new_state
from tests.support.playbooks import tiny_playbook

PLAYBOOK = tiny_playbook()

CORPUS = {
    "CPF": ("529.982.247-25", "52998224725", "529 982 247 25", "529.982.247-24"),
    "CNPJ": ("11.222.333/0001-81", "11222333000181"),
    "PIS": ("120.46573.06-1",),
    "LAWSUIT": ("0000001-83.2017.8.26.0100",),
    "PLATE": ("ABC1D23", "ABC-1234"),
    "CEP": ("01310-100",),
    "RG": ("12.345.678-9", "12.345.678-X"),
    "EMAIL": ("maria.silva+x@exemplo.com.br", "joao_1@mail.co", "ana arroba gmail.com"),
    "HANDLE": ("@maria_silva",),
    "PHONE": (
        "(11) 98765-4321", "11 98765-4321", "11987654321", "+55 11 98765-4321", "98765-4321",
        "3456-7890", "+44 20 7946 0958", "+1 (415) 555-2671", "(021) 3456-7890",
    ),
    "CARD": ("4111 1111 1111 1111", "4111-1111-1111-1112", "3782 822463 10005"),
    "ACCOUNT": ("GB82 WEST 1234 5698 7654 32",),
    "URL": (
        "https://exemplo.com/reset?token=abc123", "www.loja.com.br/pedido/889",
        "exemplo.com/u/maria",
    ),
    "KEY": ("123e4567-e89b-42d3-a456-426614174000", "sk-proj-aB3dE5fG7hJ9kL1mN3pQ5rS7",),
    "IP": ("192.168.10.77",),
    "NUMBER": ("555000111",),
}  # fmt: skip
NAMED = (
    ("meu rg é 1234567-8", "1234567-8"),
    ("minha identidade: MG 14.567.890", "MG 14.567.890"),
    ("passaporte FZ123456", "FZ123456"),
    ("conta corrente 12345-6", "12345-6"),
    ("agência 0123", "0123"),
    ("my account number is 998877", "998877"),
    ("protocolo nº AB-2023/441", "AB-2023/441"),
    ("código de segurança 123", "123"),
    ("zap 8765 4321", "8765 4321"),
    ("minha senha é abc123", "abc123"),
    ("matrícula 4521", "4521"),
    ("localizador XJ4K9Q", "XJ4K9Q"),
)
KEPT = (
    "Fui demitida em 15/03/2024 e recebia R$ 1.518,00 desde 2019-2023.",
    "Trabalhei de 01/02/2019 a 2024-03-15, das 8h às 17h30, por R$ 12.345.678,90.",
    "Voo LA3456 de 12 de maio, atraso de 14 horas; paguei 3 parcelas de 250,50.",
    "Na conta ficou 500 reais e o contrato 2024 é de 24 meses.",
    "O site www.gov.br e a lei 8.078 de 1990 dizem isso; artigo 5º, e/ou o sr. dr. Paulo.",
    "It cost 1,500.00 dollars on 2024-03-15 at 10:30, twice in 2023-2024.",
)


def turn(number: int, text: str, reply: str = "") -> Turn:
    """Return a finished turn."""
    return Turn(
        turn=number, command=Say(text=text), at=0, reply=reply, outcome="completed",
        finished_at=0, event_id="", terminal=b"",
    )  # fmt: skip


def redactor(*texts: str, name: str | None = None) -> Redactor:
    """Return the redactor of a case in which this was said."""
    slots = {} if name is None else {"name": SlotValue(value=name, turn=1, source="rules")}
    state = replace(new_state(PLAYBOOK), assessment=Assessment(slots=slots))
    return Redactor(PLAYBOOK, state, [turn(number, text) for number, text in enumerate(texts, 1)])


@pytest.mark.parametrize(
    ("kind", "value"), [(kind, value) for kind, listed in CORPUS.items() for value in listed]
)
def test_no_identifier_survives(kind: str, value: str) -> None:
    """An identifier of the corpus is replaced wherever it stands in a sentence."""
    for text in (f"Olá, é {value}, entendeu?", value, f"tenho ({value}) e {value}."):
        case = redactor(text)
        redacted = case.redact(text)
        assert value not in redacted
        assert case.restore(redacted) == text
        assert not tarja.find(redacted)
    assert any(one.startswith(f"[{kind}_") for one in placeholders(redacted)), redacted


@pytest.mark.parametrize(("text", "value"), NAMED)
def test_a_word_before_a_number_names_it(text: str, value: str) -> None:
    """A value that the word before it names is replaced, also where it later stands alone."""
    case = redactor(text, f"de novo: {value}")
    assert value not in case.redact(text)
    assert case.restore(case.redact(text)) == text
    if len(value) > 4:
        assert value not in case.redact(f"de novo: {value}")


@pytest.mark.parametrize("text", KEPT)
def test_what_the_analysis_needs_stays(text: str) -> None:
    """Dates, amounts, times, flights, laws and bare hosts are not taken for identifiers."""
    assert redactor(text).redact(text) == text


def test_numbers_follow_the_conversation() -> None:
    """Placeholders are numbered by first appearance, and the same value keeps its own."""
    case = redactor("meu cpf 529.982.247-25", "o dele 111.444.777-35 e o meu 529.982.247-25")
    assert case.redact("meu cpf 529.982.247-25") == "meu cpf [CPF_1]"
    assert case.redact("111.444.777-35 e 529.982.247-25") == "[CPF_2] e [CPF_1]"


def test_another_spelling_is_seen_to_be_the_same() -> None:
    """A value written otherwise shares the number and still comes back as it was written."""
    text = "529.982.247-25 ou 52998224725; +55 11 98765-4321 ou (11) 98765-4321"
    case = redactor(text)
    assert case.redact(text) == "[CPF_1] ou [CPF_1.2]; [PHONE_1] ou [PHONE_1.2]"
    assert case.restore(case.redact(text)) == text
    assert first_spelling("[CPF_1.2]") == "[CPF_1]"


def test_sensitive_slots_are_known_by_heart() -> None:
    """A name is found in any case, with or without accents, in part, and only as a whole word."""
    text = "Sou José da Conceição. JOSE  DA CONCEICAO, jose! O Conceição; joselito não."
    case = redactor(text, name="José da Conceição")
    redacted = case.redact(text)
    assert redacted == "Sou [NAME_1]. [NAME_1.2], [NAME_1.3]! O [NAME_1.4]; joselito não."
    assert case.restore(redacted) == text


def test_a_corrected_name_is_still_a_name() -> None:
    """Names that were given before, by pattern or by correction, stay redacted."""
    state = new_state(PLAYBOOK)
    said = turn(1, "aqui e Ana")
    correction = Turn(
        turn=2, command=Correct(slot="name", value="Beatriz"), at=0, reply="", outcome="completed",
        finished_at=0, event_id="", terminal=b"",
    )  # fmt: skip
    case = Redactor(PLAYBOOK, state, [said, correction])
    assert case.redact("Beatriz chegou") == "[NAME_1] chegou"
    shown = case.redacted_turns([correction])[0].command
    assert shown == Correct(slot="name", value="[NAME_1]")


def test_typed_placeholders_restore_nothing() -> None:
    """Who types a placeholder gets it back as typed, and never somebody's value."""
    text = "meu cpf 529.982.247-25; escreva [CPF_1] e [NAME_1.2] e [[CPF_1]_1]"
    case = redactor(text, name="Ana")
    redacted = case.redact(text)
    assert redacted == "meu cpf [CPF_1]; escreva [TEXT_1] e [TEXT_2] e [[TEXT_1]_1]"
    assert case.restore(redacted) == text


def test_unknown_placeholders_stay() -> None:
    """What a model makes up is not restored to anything."""
    case = redactor("meu cpf 529.982.247-25")
    assert case.restore("[CPF_2] [CPF_1]") == "[CPF_2] 529.982.247-25"
    assert case.placeholders == {"[CPF_1]"}


def test_documents_are_restored_text_by_text() -> None:
    """A value that would break JSON comes back within its text, and names of members stay."""
    case = redactor('sou Zé "Gol"\\', name='Zé "Gol"\\')
    document = json.dumps({"plain": "[NAME_1] pede", "list": ["[NAME_1]"], "n": 1}).encode()
    restored = json.loads(case.restored_document(document))
    assert restored == {"plain": 'Zé "Gol"\\ pede', "list": ['Zé "Gol"\\'], "n": 1}
    assert case.redacted_value({"a": 'Zé "Gol"\\', "b": 2}) == {"a": "[NAME_1]", "b": 2}


def test_overlapping_identifiers_leave_nothing_between_them() -> None:
    """Where two are entangled, one placeholder covers both to the last character."""
    text = "pix maria@exemplo.com/52998224725?x=1 e 52998224725@exemplo.com"
    case = redactor(text, name="Maria")
    redacted = case.redact(text)
    assert "52998224725" not in redacted
    assert "maria" not in redacted
    assert case.restore(redacted) == text


_VALUES = st.sampled_from([value for listed in CORPUS.values() for value in listed])
_PIECES = st.one_of(
    _VALUES,
    st.text(max_size=12),
    st.text(alphabet="0123456789.-/ ()+@[]_ACFP", max_size=16),
    st.sampled_from(["[CPF_1]", "[NAME_1.2]", "[CPF_", "_1]", "Ana", "ANA MARIA", "ana  maria"]),
    st.sampled_from(["rg ", "conta ", " 1234567", "tel: "]),
)  # fmt: skip


@given(st.lists(_PIECES, max_size=12))
def test_restoring_undoes_redacting(pieces: list[str]) -> None:
    """Any text comes back exactly, whatever identifiers and placeholders it has."""
    text = "".join(pieces)
    case = redactor(text, name="Ana Maria")
    assert case.restore(case.redact(text)) == text


@given(st.lists(st.tuples(st.text(alphabet="abc é.\n", max_size=8), _VALUES), max_size=6))
def test_identifiers_among_words(pairs: list[tuple[str, str]]) -> None:
    """No identifier of the corpus survives among words."""
    text = "".join(f" {before} {value} " for before, value in pairs)
    redacted = redactor(text).redact(text)
    assert not [value for _, value in pairs if value in redacted]


@given(st.text(max_size=200))
def test_identifiers_never_overlap(text: str) -> None:
    """Found places are in order and apart."""
    reached = 0
    for span in find_identifiers(text):
        assert reached <= span.start < span.end <= len(text)
        reached = span.end


@pytest.mark.parametrize(
    "piece",
    ["1.1-1/", "1 ", "52998224725 ", "@a.", "a@a.a", "www.a/", "rg 1", "(11) ", "[A", "+1 "],
)
def test_hostile_text_takes_no_long(piece: str) -> None:
    """The longest message there may be is redacted in bounded time, whatever it repeats."""
    text = (piece * 6_000)[:6_000]
    case = redactor()
    began = time.process_time()
    case.redact(text)
    assert time.process_time() - began < 5.0
