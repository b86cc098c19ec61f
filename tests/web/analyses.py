"""A complete result, for tests that show or store one."""

from app.domain.analysis import (
    Analysis,
    ChronologyEntry,
    Classification,
    Documents,
    Fact,
    Party,
    Provenance,
    Summary,
    Urgency,
    Viability,
)
from app.domain.assessment import Candidate


def leak_analysis() -> Analysis:
    """Return the result of a case about a leaking ceiling, every part of it filled."""
    return Analysis(
        classification=Classification(
            code="plumbing.leak",
            area="Hidráulica",
            subarea="Vazamento",
            top=(Candidate(code="plumbing.leak", confidence=0.82),),
            abstained=False,
        ),
        nature="water",
        urgency=Urgency(
            level="high",
            reason="A água está perto da fiação.",
            deadline="Avise o seguro em até 5 dias.",
            immediate_actions=("Feche o registro geral.", "Desligue o disjuntor do banheiro."),
        ),
        complexity="low",
        red_flags=("flooding",),
        needs_human=True,
        parties=(Party(role="morador", name="Ana"),),
        facts=(
            Fact(name="room", label="Cômodo", value="banheiro", turn=1),
            Fact(name="since", label="Desde quando", value="ontem à noite", turn=2),
            Fact(name="statement", label="Relato", value="Escorre água do teto.", turn=1),
        ),
        chronology=(ChronologyEntry(when="ontem", what="começou o vazamento", turn=2),),
        requests=("conserto",),
        documents=Documents(mentioned=("apólice do seguro",), needed=("fotos do vazamento",)),
        viability=Viability(level="unknown", strengths=(), weaknesses=(), rationale=""),
        next_steps=("Chame um encanador.", "Fotografe o teto.", "Avise o vizinho de cima."),
        warnings=("Não use aparelhos elétricos molhados.",),
        summary=Summary(
            plain="Escorre água do teto do seu banheiro desde ontem à noite.",
            professional="Vazamento no teto do banheiro, início há um dia.",
        ),
        provenance=Provenance(
            strategy="guided",
            planned="simple",
            degradations=(),
            models=(),
            prompt=None,
            playbook="house_repairs 1.0.0",
            cost_nano_usd=0,
            duration_ms=3.0,
            cached=False,
        ),
        created_at=1_760_000_000_000,
    )
