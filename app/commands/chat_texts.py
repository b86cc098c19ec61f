"""What the terminal conversation itself says, in each of its languages."""

from msgspec import Struct

from app.commands.remote import Trouble
from app.domain.playbook import UrgencyLevel


class Texts(Struct, frozen=True, kw_only=True):
    """One language."""

    commands: str
    form_commands: str
    needed: str
    """Said where a question of the form has to be answered."""
    choose_one: str
    choose_some: str
    optional: str
    later: str
    """Before the command that goes on with the conversation."""
    unfinished: str
    stopped: str
    called: str
    """A human was asked into the conversation."""
    joined: str
    """Takes `{name}`, the operator's, as does `left`."""
    left: str
    no_result: str
    troubles: dict[Trouble, str]
    result: str
    unplaced: str
    urgency: dict[UrgencyLevel, str]
    deadline: str
    now: str
    human: str
    summary: str
    steps: str
    documents: str
    mentioned: str
    warnings: str
    facts: str


_PORTUGUESE = Texts(
    commands="/finish termina com o que já foi dito, /human chama uma pessoa, /result mostra o"
    " resultado, /quit sai.",
    form_commands="Uma linha para cada resposta; Enter pula o que não é obrigatório, /back volta,"
    " /quit sai.",
    needed="Esta pergunta precisa de uma resposta.",
    choose_one="Responda com o número de uma das opções.",
    choose_some="Responda com os números das opções, separados por vírgulas.",
    optional="(opcional)",
    later="Para continuar depois:",
    unfinished="a entrada acabou antes da entrevista; a linha /finish a termina",
    stopped="(resposta interrompida)",
    called="Uma pessoa foi chamada para esta conversa.",
    joined="{name} entrou na conversa.",
    left="{name} saiu da conversa.",
    no_result="Ainda não há resultado. /finish termina a entrevista com o que já foi dito.",
    troubles={
        "unreachable": "O servidor não responde. Tentando de novo…",
        "interrupted": "A conexão caiu. Continuando de onde parou…",
        "busy": "O servidor está ocupado. Tentando de novo…",
    },
    result="Resultado",
    unplaced="Ainda sem classificação",
    urgency={
        "low": "pouco urgente",
        "medium": "atenção",
        "high": "urgente",
        "critical": "emergência",
    },
    deadline="Prazo",
    now="Faça agora",
    human="Uma pessoa precisa olhar este caso.",
    summary="Em resumo",
    steps="Próximos passos",
    documents="Documentos para levar",
    mentioned="Documentos já mencionados",
    warnings="Cuidados",
    facts="O que foi entendido",
)

_ENGLISH = Texts(
    commands="/finish ends with what was said so far, /human calls a person, /result shows the"
    " result, /quit leaves.",
    form_commands="A line for each answer; Enter passes over what is optional, /back goes back,"
    " /quit leaves.",
    needed="This question needs an answer.",
    choose_one="Answer with the number of one of the options.",
    choose_some="Answer with the numbers of the options, with commas between.",
    optional="(optional)",
    later="To go on later:",
    unfinished="the input ended before the interview did; a line with /finish ends it",
    stopped="(the answer was stopped)",
    called="A person has been asked to join this conversation.",
    joined="{name} has joined the conversation.",
    left="{name} has left the conversation.",
    no_result="There is no result yet. /finish ends the interview with what was said so far.",
    troubles={
        "unreachable": "The server does not answer. Trying again…",
        "interrupted": "The connection dropped. Going on where it stopped…",
        "busy": "The server is busy. Trying again…",
    },
    result="Result",
    unplaced="Not classified yet",
    urgency={
        "low": "not urgent",
        "medium": "needs attention",
        "high": "urgent",
        "critical": "emergency",
    },
    deadline="Time limit",
    now="Do this now",
    human="A person needs to look at this case.",
    summary="In short",
    steps="Next steps",
    documents="Documents to bring",
    mentioned="Documents already mentioned",
    warnings="Take care",
    facts="What was understood",
)


def texts_for(locale: str | None) -> Texts:
    """Return the texts nearest to a locale: Portuguese for Portuguese, else English."""
    return _PORTUGUESE if (locale or "").lower().startswith("pt") else _ENGLISH
