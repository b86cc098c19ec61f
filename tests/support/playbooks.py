"""A tiny two-locale playbook about house repairs: small enough to read, complete enough to run."""

from app.domain.playbook import (
    Answer,
    Area,
    Budget,
    Complexity,
    Condition,
    FormCondition,
    FormField,
    FormPlan,
    FormSection,
    Limits,
    Models,
    Option,
    Phase,
    Phrases,
    Playbook,
    RedFlag,
    Signal,
    Slot,
    SubArea,
)


def tiny_playbook() -> Playbook:
    """Return the playbook that tests use when they need any playbook at all."""
    return Playbook(
        format=1,
        id="house_repairs",
        version="1.0.0",
        title={"pt-BR": "Reparos em casa", "en": "House repairs"},
        description={
            "pt-BR": "Ajuda a dizer o que quebrou em casa.",
            "en": "Helps to say what broke at home.",
        },
        locales=("pt-BR", "en"),
        persona={
            "pt-BR": "Você é a recepção de uma oficina e fala com calma.",
            "en": "You are the front desk of a repair shop and speak calmly.",
        },
        notice={
            "pt-BR": "Isto é uma triagem e não substitui a visita de um técnico.",
            "en": "This is a triage and does not replace a technician's visit.",
        },
        greeting={
            "pt-BR": "Olá! Conte com suas palavras o que aconteceu.",
            "en": "Hello! Tell me in your own words what happened.",
        },
        phrases=Phrases(
            acknowledge={
                "pt-BR": ("Entendi.", "Certo, obrigado.", "Anotado."),
                "en": ("I see.", "Thank you.", "Noted."),
            },
            unclear={
                "pt-BR": "Ainda não entendi bem. Pode contar um pouco mais?",
                "en": "I have not quite understood yet. Could you tell me a little more?",
            },
            retry={
                "pt-BR": "Desculpe, não consegui ler a resposta.",
                "en": "Sorry, I could not read that answer.",
            },
            closing={
                "pt-BR": "Obrigado. Já tenho o que preciso; o resultado vem a seguir.",
                "en": "Thank you. I have what I need; the result follows.",
            },
            addendum={
                "pt-BR": "Obrigado, acrescentei isso ao seu caso.",
                "en": "Thank you, I have added that to your case.",
            },
            corrected={"pt-BR": "Corrigido.", "en": "Corrected."},
            human_asked={
                "pt-BR": "Chamei uma pessoa da oficina.",
                "en": "I have called somebody of the shop.",
            },
            with_human={
                "pt-BR": "Uma pessoa da oficina lê e responde aqui.",
                "en": "Somebody of the shop reads this and answers here.",
            },
            human_left={
                "pt-BR": "A partir daqui continuo eu.",
                "en": "From here on I go on.",
            },
            done={
                "pt-BR": ("só isso", "é isso", "mais nada", "pode encerrar"),
                "en": ("that is all", "that's all", "nothing else", "i am done"),
            },
            unknown={
                "pt-BR": ("não sei", "não lembro", "prefiro não dizer"),
                "en": ("i don't know", "i do not know", "not sure", "rather not say"),
            },
            out_of_scope={
                "pt-BR": "Não reconheci o tipo de reparo; uma pessoa vai olhar o caso.",
                "en": "I did not recognise the kind of repair; a person will look at the case.",
            },
        ),
        phases=(
            Phase(name="identification", least=1, most=2),
            Phase(name="facts", least=2, most=5),
            Phase(name="technical", least=0, most=2, complexity="high"),
        ),
        slots=_slots(),
        areas=_areas(),
        complexity=Complexity(
            medium=1.5,
            high=3.0,
            signals=(
                Signal(
                    name="insurance",
                    label={"pt-BR": "Há um seguro", "en": "There is an insurance"},
                    weight=1.5,
                    words={"pt-BR": ("seguro", "seguradora"), "en": ("insurance", "insurer")},
                ),
                Signal(
                    name="many_rooms",
                    label={"pt-BR": "Vários cômodos", "en": "Several rooms"},
                    weight=1.0,
                    patterns={
                        "pt-BR": (r"\b[2-9] (?:comodos|quartos)\b",),
                        "en": (r"\b[2-9] rooms\b",),
                    },
                ),
                Signal(
                    name="wiring",
                    label={"pt-BR": "Instalação elétrica", "en": "Electrical wiring"},
                    weight=1.5,
                    areas=("electric",),
                ),
            ),
        ),
        red_flags=_red_flags(),
        form=_form(),
        general_steps={
            "pt-BR": ("Tire fotos do problema.", "Aguarde o contato da oficina."),
            "en": ("Take pictures of the problem.", "Wait for the shop to call you."),
        },
        limits=Limits(
            message_chars=2_000,
            messages=40,
            questions={
                "low": Budget(least=3, most=5),
                "medium": Budget(least=4, most=7),
                "high": Budget(least=5, most=9),
            },
        ),
        models=Models(
            interview={"openai": "gpt-tiny", "anthropic": "claude-tiny"},
            small={"openai": "gpt-tiny", "anthropic": "claude-tiny"},
        ),
    )


def _slots() -> tuple[Slot, ...]:
    return (
        Slot(
            name="name",
            phase="identification",
            label={"pt-BR": "Nome", "en": "Name"},
            question={"pt-BR": "Como você quer ser chamado?", "en": "What should I call you?"},
            sensitive=True,
        ),
        Slot(
            name="place",
            phase="identification",
            kind="place",
            label={"pt-BR": "Cidade", "en": "Town"},
            question={"pt-BR": "Em que cidade fica a casa?", "en": "In which town is the house?"},
        ),
        Slot(
            name="story",
            phase="facts",
            required=True,
            label={"pt-BR": "O que aconteceu", "en": "What happened"},
            question={"pt-BR": "O que aconteceu?", "en": "What happened?"},
        ),
        Slot(
            name="when",
            phase="facts",
            kind="date",
            required=True,
            label={"pt-BR": "Desde quando", "en": "Since when"},
            question={"pt-BR": "Quando isso começou?", "en": "When did it start?"},
        ),
        Slot(
            name="wish",
            phase="facts",
            required=True,
            label={"pt-BR": "O que deseja", "en": "What is wanted"},
            question={
                "pt-BR": "O que você gostaria que fizéssemos?",
                "en": "What would you like us to do?",
            },
        ),
        Slot(
            name="water_off",
            phase="facts",
            kind="yes_no",
            label={"pt-BR": "Registro fechado", "en": "Water shut off"},
            question={"pt-BR": "Você já fechou o registro?", "en": "Have you shut the water off?"},
            when=Condition(areas=("plumbing",)),
        ),
        Slot(
            name="amount",
            phase="facts",
            kind="money",
            label={"pt-BR": "Quanto já gastou", "en": "Spent so far"},
            question={
                "pt-BR": "Quanto você já gastou com isso?",
                "en": "How much have you spent on it?",
            },
        ),
        Slot(
            name="tenure",
            phase="technical",
            kind="choice",
            label={"pt-BR": "A casa é", "en": "The house is"},
            question={
                "pt-BR": "A casa é própria ou alugada?",
                "en": "Do you own or rent the house?",
            },
            options=(
                Option(
                    value="own",
                    label={"pt-BR": "Própria", "en": "Owned"},
                    words={"pt-BR": ("minha", "próprio"), "en": ("own", "mine")},
                ),
                Option(
                    value="rent",
                    label={"pt-BR": "Alugada", "en": "Rented"},
                    words={"pt-BR": ("aluguel", "inquilino"), "en": ("rent", "tenant")},
                ),
            ),
        ),
        Slot(
            name="rooms",
            phase="technical",
            kind="number",
            label={"pt-BR": "Cômodos", "en": "Rooms"},
            question={
                "pt-BR": "Quantos cômodos foram atingidos?",
                "en": "How many rooms are affected?",
            },
            patterns={"pt-BR": (r"\b(\d+) comodos\b",), "en": (r"\b(\d+) rooms\b",)},
        ),
    )


def _form() -> FormPlan:
    return FormPlan(
        greeting={
            "pt-BR": "Olá! Preencha este formulário curto.",
            "en": "Hello! Fill in this short form.",
        },
        sections=(
            FormSection(
                name="happened",
                title={"pt-BR": "O que houve", "en": "What happened"},
                hint={"pt-BR": "Com suas palavras.", "en": "In your own words."},
                fields=(
                    FormField(
                        slot="story",
                        long=True,
                        label={"pt-BR": "Conte o que quebrou.", "en": "Tell us what broke."},
                        hint={"pt-BR": "Onde, e como ficou.", "en": "Where, and what it is like."},
                    ),
                    FormField(slot="when"),
                    FormField(slot="water_off"),
                ),
            ),
            FormSection(
                name="house",
                title={"pt-BR": "A casa", "en": "The house"},
                fields=(
                    FormField(slot="wish"),
                    FormField(slot="tenure", required=True),
                    FormField(slot="rooms", when=FormCondition(slot="tenure", equals=("own",))),
                    FormField(slot="amount"),
                    FormField(slot="place"),
                    FormField(slot="name"),
                ),
            ),
        ),
    )


def _areas() -> tuple[Area, ...]:
    return (
        Area(
            code="plumbing",
            label={"pt-BR": "Hidráulica", "en": "Plumbing"},
            subareas=(
                SubArea(
                    code="plumbing.leak",
                    label={"pt-BR": "Vazamento", "en": "Leak"},
                    description={
                        "pt-BR": "Água que escapa de cano, torneira ou teto.",
                        "en": "Water that escapes from a pipe, tap or ceiling.",
                    },
                    synonyms={
                        "pt-BR": ("vazamento", "cano furado", "goteira", "infiltração", "pingando"),
                        "en": ("leak", "burst pipe", "dripping tap", "water coming through"),
                    },
                    examples={
                        "pt-BR": ("Tem água escorrendo do teto do banheiro desde ontem.",),
                        "en": ("Water is dripping from my bathroom ceiling since yesterday.",),
                    },
                    nature="water",
                    urgency="medium",
                    deadline={
                        "pt-BR": "Avise o seguro em até 5 dias.",
                        "en": "Tell the insurer within 5 days.",
                    },
                    documents={"pt-BR": ("fotos do vazamento",), "en": ("pictures of the leak",)},
                    steps={"pt-BR": ("Feche o registro.",), "en": ("Shut the water off.",)},
                    warnings={
                        "pt-BR": ("Não use aparelhos elétricos molhados.",),
                        "en": ("Do not use wet electrical appliances.",),
                    },
                ),
                SubArea(
                    code="plumbing.blockage",
                    label={"pt-BR": "Entupimento", "en": "Blockage"},
                    description={
                        "pt-BR": "Ralo, pia ou vaso que não escoa.",
                        "en": "A drain, sink or toilet that does not run off.",
                    },
                    synonyms={
                        "pt-BR": ("entupido", "entupimento", "pia não desce", "esgoto voltando"),
                        "en": ("blocked", "clogged", "sink does not drain", "sewage backing up"),
                    },
                    examples={
                        "pt-BR": ("A pia da cozinha entupiu e a água não desce.",),
                        "en": ("The kitchen sink is clogged and the water will not go down.",),
                    },
                    nature="water",
                ),
            ),
        ),
        Area(
            code="electric",
            label={"pt-BR": "Elétrica", "en": "Electrics"},
            subareas=(
                SubArea(
                    code="electric.outage",
                    label={"pt-BR": "Sem energia", "en": "No power"},
                    description={
                        "pt-BR": "A casa ou parte dela ficou sem luz.",
                        "en": "The house or a part of it has no power.",
                    },
                    synonyms={
                        "pt-BR": ("sem luz", "sem energia", "disjuntor caiu", "apagão"),
                        "en": ("no power", "power cut", "fuse blew", "breaker tripped"),
                    },
                    examples={
                        "pt-BR": ("Metade da casa ficou no escuro quando liguei o chuveiro.",),
                        "en": ("Half of the house went dark when I turned the shower on.",),
                    },
                    nature="power",
                    urgency="medium",
                ),
                SubArea(
                    code="electric.socket",
                    label={"pt-BR": "Tomada com defeito", "en": "Faulty socket"},
                    description={
                        "pt-BR": "Tomada ou interruptor que faísca ou não funciona.",
                        "en": "A socket or switch that sparks or does not work.",
                    },
                    synonyms={
                        "pt-BR": ("tomada", "interruptor", "faísca", "curto-circuito"),
                        "en": ("socket", "light switch", "sparks", "short circuit"),
                    },
                    examples={
                        "pt-BR": ("A tomada do quarto solta faísca quando ligo o ventilador.",),
                        "en": ("The bedroom socket sparks when I plug the fan in.",),
                    },
                    nature="power",
                ),
            ),
        ),
        Area(
            code="heating",
            label={"pt-BR": "Aquecimento", "en": "Heating"},
            subareas=(
                SubArea(
                    code="heating.boiler",
                    label={"pt-BR": "Aquecedor", "en": "Boiler"},
                    description={
                        "pt-BR": "Aquecedor que não esquenta a água.",
                        "en": "A boiler that does not heat the water.",
                    },
                    synonyms={
                        "pt-BR": ("aquecedor", "água fria", "boiler"),
                        "en": ("boiler", "heater", "no hot water"),
                    },
                    examples={
                        "pt-BR": ("O aquecedor a gás não acende e só sai água fria.",),
                        "en": ("The gas boiler will not light and only cold water comes out.",),
                    },
                    nature="gas",
                ),
            ),
        ),
    )


def _red_flags() -> tuple[RedFlag, ...]:
    return (
        RedFlag(
            code="gas_smell",
            label={"pt-BR": "Cheiro de gás", "en": "Smell of gas"},
            words={"pt-BR": ("cheiro de gás", "vazando gás"), "en": ("smell of gas", "gas leak")},
            patterns={
                "pt-BR": (r"\bcheir\w+ (?:\w+ ){0,2}gas\b",),
                "en": (r"\bsmell\w* (?:\w+ ){0,2}gas\b",),
            },
            unless={
                "pt-BR": (r"\b(?:nao|sem) (?:tem |sinto |ha )?cheiro de gas\b",),
                "en": (r"\b(?:no|without any|without) smell of gas\b",),
            },
            urgency="critical",
            advice={
                "pt-BR": "Abra as janelas, não acenda nada e saia de casa. Ligue 193.",
                "en": "Open the windows, light nothing and leave the house. Call 193.",
            },
            handoff=True,
        ),
        RedFlag(
            code="flooding",
            label={"pt-BR": "Inundação", "en": "Flooding"},
            words={"pt-BR": ("inundando", "casa alagada"), "en": ("flooding", "house is flooded")},
            answers=(Answer(slot="water_off", equals=("no",)),),
            urgency="high",
            advice={
                "pt-BR": "Feche o registro geral agora.",
                "en": "Shut the main valve now.",
            },
        ),
    )
