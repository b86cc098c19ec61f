"""The guided analysis."""

from datetime import date

import msgspec
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from app.core.analysis.results import guided_analysis
from app.core.understanding.running import Understanding
from app.domain.analysis import Analysis
from app.domain.case import CaseState, Say, Turn
from app.domain.playbook import Slot
from tests.support.playbooks import tiny_playbook

_BOTH = {"pt-BR": "Quem", "en": "Who"}
_MORE = (
    Slot(name="counterparty", phase="facts", label=_BOTH, question=_BOTH),
    Slot(name="documents", phase="facts", label=_BOTH, question=_BOTH),
    Slot(name="deadline", phase="facts", kind="yes_no", label=_BOTH, question=_BOTH),
)
PLAYBOOK = replace(tiny_playbook(), slots=(*tiny_playbook().slots, *_MORE))
RULES = Understanding(PLAYBOOK)
NOON = 1_750_248_000_000
"""18 June 2025."""
TODAY = date(2025, 6, 18)


def analysed(*messages: str, locale: str = "pt-BR", **answers: str) -> Analysis:
    """Return the result of a case in which something was said, and some slots are known."""
    state = CaseState(
        case_id="c",
        playbook=PLAYBOOK.id,
        playbook_version=PLAYBOOK.version,
        locale=locale,
        variant="v1",
        created_at=NOON,
        updated_at=NOON,
    )
    turns: list[Turn] = []
    said: list[str] = []
    for number, message in enumerate(messages, 1):
        read = RULES.read(state, said, number, message, TODAY)
        state = replace(state, assessment=read)
        said.append(message)
        turns.append(
            Turn(
                turn=number,
                command=Say(text=message),
                at=NOON,
                reply="",
                outcome="completed",
                finished_at=NOON,
                event_id="",
                terminal=b"",
            )
        )
    for slot, value in answers.items():
        state = replace(state, assessment=RULES.correct(state, slot, value, 9))
    return guided_analysis(PLAYBOOK, RULES, state, turns, NOON, 1.5, "simple", ("no_model",))


def test_a_clear_case_has_a_complete_result() -> None:
    """Kind, nature, time limit, papers, steps and warnings come from the playbook."""
    result = analysed("Desde ontem tem água pingando do teto, um vazamento")
    assert result.classification.code == "plumbing.leak"
    assert (result.classification.area, result.classification.subarea) == (
        "Hidráulica",
        "Vazamento",
    )
    assert not result.classification.abstained
    assert result.nature == "water"
    assert result.urgency.deadline == "Avise o seguro em até 5 dias."
    assert result.documents.needed == ("fotos do vazamento",)
    assert result.next_steps == ("Feche o registro.",)
    assert result.warnings == ("Não use aparelhos elétricos molhados.",)
    assert not result.needs_human
    assert result.provenance.strategy == "guided"
    assert result.provenance.planned == "simple"
    assert result.provenance.degradations == ("no_model",)
    assert result.provenance.playbook == "house_repairs 1.0.0"


def test_what_is_not_recognised_is_never_called_harmless() -> None:
    """Without a classification a human should look, and the urgency is at least medium."""
    result = analysed("my car makes a funny noise", locale="en")
    assert result.classification.abstained
    assert result.classification.code is None
    assert result.needs_human
    assert result.urgency.level == "medium"
    assert result.next_steps == ("Take pictures of the problem.", "Wait for the shop to call you.")
    assert result.warnings == (
        "I did not recognise the kind of repair; a person will look at the case.",
    )


def test_danger_decides_the_urgency_and_what_to_do_at_once() -> None:
    """A red flag is the least urgency, its advice comes first, its handoff calls a human."""
    result = analysed("A pia entupiu e tem cheiro de gás na cozinha")
    assert result.urgency.level == "critical"
    assert "Cheiro de gás" in result.urgency.reason
    assert result.urgency.immediate_actions == (
        "Abra as janelas, não acenda nada e saia de casa. Ligue 193.",
    )
    assert result.red_flags == ("gas_smell",)
    assert result.needs_human


def test_a_known_deadline_raises_the_urgency() -> None:
    """A fixed date is a reason for haste; none is not."""
    assert analysed("A pia da cozinha entupiu", deadline="sim").urgency.level == "high"
    assert analysed("A pia da cozinha entupiu", deadline="não").urgency.level == "low"


def test_every_fact_cites_its_turn() -> None:
    """A fact says in which message it was said, in words that people read."""
    result = analysed("A pia da cozinha entupiu", "gastei R$ 200", water_off="sim", tenure="rent")
    facts = {fact.name: (fact.label, fact.value, fact.turn) for fact in result.facts}
    assert facts["story"] == ("O que aconteceu", "A pia da cozinha entupiu", 1)
    assert facts["amount"] == ("Quanto já gastou", "200.00", 2)
    assert facts["water_off"] == ("Registro fechado", "Sim", 9)
    assert facts["tenure"] == ("A casa é", "Alugada", 9)


def test_what_happened_when_is_told_in_order() -> None:
    """Every date becomes an entry with the sentence it stands in."""
    result = analysed("Em março de 2024 trocaram o cano. Ontem voltou a pingar! E agora?")
    assert [(one.when, one.what, one.turn) for one in result.chronology] == [
        ("2024-03", "Em março de 2024 trocaram o cano", 1),
        ("2025-06-17", "Ontem voltou a pingar", 1),
    ]


def test_people_papers_and_wishes_have_their_places() -> None:
    """Who is involved, what they hold and what they want is where a reader looks for it."""
    result = analysed(
        "A pia da cozinha entupiu",
        name="Ana",
        counterparty="o encanador",
        documents="nota fiscal",
        wish="que volte",
    )
    assert [(one.role, one.name) for one in result.parties] == [
        ("Pessoa atendida", "Ana"),
        ("Quem", "o encanador"),
    ]
    assert result.documents.mentioned == ("nota fiscal",)
    assert result.requests == ("que volte",)


def test_rules_never_guess_the_chances() -> None:
    """Viability stays unknown; what is known and what lacks is listed."""
    result = analysed("A pia da cozinha entupiu")
    assert result.viability.level == "unknown"
    assert "Já se sabe: O que aconteceu." in result.viability.strengths
    assert "Falta saber: O que deseja." in result.viability.weaknesses


def test_both_summaries_are_in_the_language_of_the_case() -> None:
    """The person's summary is plain; the professional's has facts with their turns."""
    result = analysed("The sink is clogged since yesterday", locale="en")
    assert "You told us: The sink is clogged since yesterday" in result.summary.plain
    assert "Plumbing – Blockage" in result.summary.professional
    assert "- Since when: 2025-06-17 [1]" in result.summary.professional
    assert "Not stated: What is wanted." in result.summary.professional


@given(st.lists(st.text(max_size=80), max_size=4))
def test_any_case_has_a_valid_result(messages: list[str]) -> None:
    """Whatever was said, there is a valid result and never a guessed low urgency."""
    result = analysed(*messages)
    assert msgspec.json.decode(msgspec.json.encode(result), type=Analysis) == result
    if result.classification.abstained:
        assert result.urgency.level != "low"
        assert result.needs_human
