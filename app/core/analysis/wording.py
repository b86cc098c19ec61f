"""The few connecting words of a result, per language; what is said of a domain is the playbook's.

A language that is not here is served in English.
"""

from msgspec import Struct


class Wording(Struct, frozen=True, kw_only=True):
    """Labels and short templates of one language."""

    yes: str
    no: str
    person: str
    told: str
    """Opens the plain summary; takes `{story}`."""
    kind: str
    """Names the classification; takes `{kind}`."""
    unplaced: str
    levels: dict[str, str]
    """Names of the urgency levels."""
    urgency: str
    """Takes `{level}` and `{reason}`."""
    by_flags: str
    """Why a case is urgent; takes `{flags}`."""
    by_kind: str
    """Takes `{kind}`."""
    by_deadline: str
    by_doubt: str
    by_default: str
    unread: str
    """Why a case counts as urgent that no model could make anything of."""
    time_limit: str
    """Takes `{deadline}`."""
    next_step: str
    """Takes `{step}`."""
    known: str
    """A strength; takes `{label}`."""
    unknown: str
    """A weakness; takes `{label}`."""
    has_documents: str
    no_documents: str
    unassessed: str
    facts: str
    missing: str
    """Takes `{labels}`."""
    flags: str
    """Takes `{labels}`."""
    confidence: str
    """Takes `{percent}`."""
    alternatives: str
    """Takes `{labels}`."""
    kinds_differ: str
    """Says that analyses classified differently; takes `{said}`."""
    urgencies_differ: str
    """Takes `{said}`."""
    settled: str
    """Why it was decided so; takes `{justification}`."""
    unsettled: str
    nowhere: str
    """Stands for a classification where there is none."""
    raw: str
    """Opens what the person said, in full, for the professional."""


_PORTUGUESE = Wording(
    yes="Sim",
    no="Não",
    person="Pessoa atendida",
    told="Você contou: {story}",
    kind="Pelo que entendi, o assunto é: {kind}.",
    unplaced="Ainda não foi possível dizer com segurança de que tipo de assunto se trata.",
    levels={"low": "baixa", "medium": "média", "high": "alta", "critical": "crítica"},
    urgency="Urgência {level}: {reason}",
    by_flags="foi relatado um sinal de perigo ou de pressa ({flags}).",
    by_kind="assuntos deste tipo ({kind}) pedem este cuidado.",
    by_deadline="há um prazo ou uma data marcada.",
    by_doubt="o tipo de assunto não ficou claro; convém que uma pessoa olhe antes.",
    by_default="nada do que foi contado indica pressa.",
    unread="A análise automática não pôde ser concluída; convém que uma pessoa olhe antes.",
    time_limit="Atenção ao prazo: {deadline}",
    next_step="Próximo passo: {step}",
    known="Já se sabe: {label}.",
    unknown="Falta saber: {label}.",
    has_documents="Há documentos ou provas mencionados.",
    no_documents="Nenhum documento ou prova foi mencionado.",
    unassessed="Nenhuma pessoa avaliou ainda; regras sozinhas não estimam as chances.",
    facts="Fatos:",
    missing="Não informado: {labels}.",
    flags="Sinais de alerta: {labels}.",
    confidence="confiança {percent}%",
    alternatives="Também possível: {labels}.",
    kinds_differ="Duas análises classificaram o caso de modo diferente: {said}.",
    urgencies_differ="Duas análises viram urgências diferentes: {said}. Vale a mais alta.",
    settled="Decisão: {justification}",
    unsettled="Ninguém decidiu entre elas; convém que uma pessoa decida.",
    nowhere="nenhum tipo conhecido",
    raw="Relato:",
)
_ENGLISH = Wording(
    yes="Yes",
    no="No",
    person="The person",
    told="You told us: {story}",
    kind="As far as we understand, it is about: {kind}.",
    unplaced="It could not yet be said with certainty what kind of matter this is.",
    levels={"low": "low", "medium": "medium", "high": "high", "critical": "critical"},
    urgency="Urgency {level}: {reason}",
    by_flags="a sign of danger or of haste was reported ({flags}).",
    by_kind="matters of this kind ({kind}) call for it.",
    by_deadline="there is a time limit or a fixed date.",
    by_doubt="the kind of matter is unclear, and a person should look before haste is ruled out.",
    by_default="nothing that was told points to haste.",
    unread="The automatic analysis could not be completed; a person should look first.",
    time_limit="Mind the time limit: {deadline}",
    next_step="Next step: {step}",
    known="Known: {label}.",
    unknown="Not known yet: {label}.",
    has_documents="Documents or other proof were mentioned.",
    no_documents="No document or other proof was mentioned.",
    unassessed="Nobody has looked at it yet; rules alone do not estimate the chances.",
    facts="Facts:",
    missing="Not stated: {labels}.",
    flags="Red flags: {labels}.",
    confidence="confidence {percent}%",
    alternatives="Also possible: {labels}.",
    kinds_differ="Two analyses classified the case differently: {said}.",
    urgencies_differ="Two analyses saw different urgencies: {said}. The higher one counts.",
    settled="Decision: {justification}",
    unsettled="Nobody decided between them; a person should.",
    nowhere="no known kind",
    raw="Account:",
)


def wording(locale: str) -> Wording:
    """Return the wording of a locale's language."""
    return _PORTUGUESE if locale.partition("-")[0] == "pt" else _ENGLISH
