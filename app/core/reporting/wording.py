"""What reports say, in the languages they are written in."""

from collections.abc import Mapping

from msgspec import Struct

from app.core.reporting.formats import Language
from app.domain.ledger import Period


class Words(Struct, frozen=True, kw_only=True):
    """The words of one language; braces stand for what is put in."""

    costs: str
    performance: str
    hours_in_day: str
    so_far: str
    made: str
    stands_at: str
    source_costs: str
    source_performance: str

    spent: str
    calls: str
    completed_share: str
    per_triage: str
    triages: str
    saved: str
    spared: str
    on_day_before: str
    on_span_before: str
    on_weekday: str
    none_before: str
    nothing_called: str

    by_hour: str
    by_hour_about: str
    by_day: str
    trend: str
    trend_about: str
    day_budget: str
    others: str

    budgets: str
    budgets_about: str
    budget: str
    everything: str
    periods: Mapping[Period, str]
    limit: str
    used: str
    no_budgets: str

    by_model: str
    model: str
    tokens_in: str
    tokens_out: str
    cost: str
    by_operation: str
    operation: str
    operations: Mapping[str, str]
    by_arm: str
    arm: str
    no_arm: str

    triage_costs: str
    triage_costs_about: str
    all_triages: str
    mean: str
    median: str
    p95: str
    unpriced_triages: str

    trouble: str
    trouble_about: str
    what: str
    outcomes: Mapping[str, str]
    sources: Mapping[str, str]
    no_trouble: str

    dearest: str
    dearest_about: str
    case: str
    unlisted: str
    waiting: str

    started: str
    completed: str
    abandoned: str
    open: str
    interview: str
    to_result: str
    turns: str
    turn: str
    degraded_turns: str
    failed_turns: str
    successful_calls: str
    analyses: str
    given_up: str
    begun_again: str
    other_strategy: str
    from_cache: str
    waited: str
    ratings: str
    rating: str
    nps: str
    reviewed: str
    no_ratings: str
    nothing_happened: str
    cases_by_day: str
    cases_by_day_about: str
    compared: str
    compared_about: str
    figure: str
    this_span: str
    span_before: str
    change: str
    first_token: str
    latency: str
    speed_about: str
    range_legend: str
    success: str
    by_model_about: str
    arms_about: str
    cases: str
    attention: str
    page: str


_EN = Words(
    costs="Costs of AI",
    performance="Performance",
    hours_in_day="a day of {0} hours",
    so_far="so far",
    made="Made {0}.",
    stands_at="Times and days are those of {0}.",
    source_costs="Sums are the ledger's; old ones, calls and cases are the warehouse's.",
    source_performance="From the warehouse. Cases are followed from the day on which they began.",
    spent="Spent",
    calls="Calls",
    completed_share="{0} completed",
    per_triage="Per triage",
    triages="{0} completed triages, median {1}",
    saved="Saved by the cache",
    spared="{0} calls spared",
    on_day_before="{0} on the day before",
    on_span_before="{0} on the {1} days before",
    on_weekday="{0} on {1}",
    none_before="nothing spent on the day before",
    nothing_called="No model was called in this time, so nothing was spent.",
    by_hour="Hour by hour",
    by_hour_about="What was spent in each hour, by model.",
    by_day="Day by day",
    trend="The latest days",
    trend_about="What was spent on each day, up to this one.",
    day_budget="budget of a day",
    others="others",
    budgets="Budgets",
    budgets_about="Each in the period in which most was spent; periods are UTC's.",
    budget="Budget",
    everything="Everything",
    periods={"hour": "hour", "day": "day", "month": "month"},
    limit="Limit",
    used="Used",
    no_budgets="No budget is set.",
    by_model="By model",
    model="Model",
    tokens_in="Tokens read",
    tokens_out="Tokens written",
    cost="Cost",
    by_operation="By operation",
    operation="Operation",
    operations={
        "interview": "Interview",
        "complexity": "Complexity",
        "analysis": "Analysis",
        "judge": "Judge",
        "report": "Report",
    },
    by_arm="By experiment arm",
    arm="Arm",
    no_arm="outside experiments",
    triage_costs="What a triage costs",
    triage_costs_about="All calls of the triages completed in this time, whenever they were.",
    all_triages="All",
    mean="Mean",
    median="Median",
    p95="95 % below",
    unpriced_triages="{0} of them had calls without a price, and count in no mean.",
    trouble="Calls that need a look",
    trouble_about="Calls that did not complete, or whose cost is not known for certain.",
    what="What",
    outcomes={
        "completed": "completed",
        "cut": "cut",
        "failed": "failed",
        "refused": "refused",
        "invalid": "invalid answer",
        "cancelled": "given up by us",
        "lost": "process died",
    },
    sources={"estimated": "cost estimated", "unpriced": "without a price"},
    no_trouble="Every call completed, and every cost is known.",
    dearest="Dearest cases",
    dearest_about="By what they cost in this time.",
    case="Case",
    unlisted="The ledger also counts {0} calls for {1} of which the warehouse has no rows:"
    " of cases that were erased, or on their way.",
    waiting="{0} events had not come to the warehouse yet.",
    started="Cases started",
    completed="Completed",
    abandoned="Abandoned",
    open="Still open",
    interview="Interview",
    to_result="From opening to result",
    turns="Turns",
    turn="Turn",
    degraded_turns="Turns done with less than planned",
    failed_turns="Turns that failed",
    successful_calls="Calls completed",
    analyses="Analyses",
    given_up="Analyses given up",
    begun_again="Analyses begun again by another worker",
    other_strategy="Analyses made by another strategy",
    from_cache="Analyses from the cache",
    waited="Wait for an analysis in the background",
    ratings="Ratings",
    rating="Rating",
    nps="NPS",
    reviewed="Classified right, by reviewers",
    no_ratings="no ratings",
    nothing_happened="Nobody used the triage in this time.",
    cases_by_day="Cases day by day",
    cases_by_day_about="By the day on which they began, and what has become of them since.",
    compared="In figures",
    compared_about="Beside as many days right before.",
    figure="Figure",
    this_span="Now",
    span_before="Before",
    change="Change",
    first_token="Time to the first token",  # noqa: S106
    latency="Duration of completed calls",
    speed_about="By model and operation; the axis grows by powers of ten.",
    range_legend="dot: half of them are faster · thick: 95 % · thin: 99 %",
    success="Success",
    by_model_about="Calls that we gave up ourselves are not counted.",
    arms_about="Described, not judged: the experiment's analysis says whether arms differ.",
    cases="Cases",
    attention="Calls that need a look: {0}",
    page="Full report",
)

_PT = Words(
    costs="Custos de IA",
    performance="Desempenho",
    hours_in_day="dia de {0} horas",
    so_far="até agora",
    made="Feito em {0}.",
    stands_at="Horas e dias são os de {0}.",
    source_costs="As somas são do livro-razão; as antigas, as chamadas e os casos, do warehouse.",
    source_performance="Do warehouse. Cada caso conta no dia em que começou.",
    spent="Gasto",
    calls="Chamadas",
    completed_share="{0} concluídas",
    per_triage="Por triagem",
    triages="{0} triagens concluídas, mediana {1}",
    saved="Economia do cache",
    spared="{0} chamadas poupadas",
    on_day_before="{0} em relação à véspera",
    on_span_before="{0} em relação aos {1} dias anteriores",
    on_weekday="{0} em relação a {1}",
    none_before="nada foi gasto na véspera",
    nothing_called="Nenhum modelo foi chamado neste período; nada foi gasto.",
    by_hour="Hora a hora",
    by_hour_about="O que foi gasto em cada hora, por modelo.",
    by_day="Dia a dia",
    trend="Os últimos dias",
    trend_about="O que foi gasto em cada dia, até este.",
    day_budget="orçamento do dia",
    others="outros",
    budgets="Orçamentos",
    budgets_about="Cada um no período em que mais se gastou; os períodos são em UTC.",
    budget="Orçamento",
    everything="Tudo",
    periods={"hour": "hora", "day": "dia", "month": "mês"},
    limit="Limite",
    used="Usado",
    no_budgets="Nenhum orçamento está definido.",
    by_model="Por modelo",
    model="Modelo",
    tokens_in="Tokens lidos",
    tokens_out="Tokens escritos",
    cost="Custo",
    by_operation="Por operação",
    operation="Operação",
    operations={
        "interview": "Entrevista",
        "complexity": "Complexidade",
        "analysis": "Análise",
        "judge": "Juiz",
        "report": "Relatório",
    },
    by_arm="Por braço de experimento",
    arm="Braço",
    no_arm="fora de experimentos",
    triage_costs="Quanto custa uma triagem",
    triage_costs_about="Todas as chamadas das triagens concluídas neste período, de qualquer dia.",
    all_triages="Todas",
    mean="Média",
    median="Mediana",
    p95="95 % abaixo de",
    unpriced_triages="{0} delas tiveram chamadas sem preço e não entram nas médias.",
    trouble="Chamadas que pedem atenção",
    trouble_about="Chamadas que não foram concluídas, ou cujo custo não se conhece ao certo.",
    what="O quê",
    outcomes={
        "completed": "concluída",
        "cut": "cortada",
        "failed": "falhou",
        "refused": "recusada",
        "invalid": "resposta inválida",
        "cancelled": "desistimos dela",
        "lost": "processo morreu",
    },
    sources={"estimated": "custo estimado", "unpriced": "sem preço"},
    no_trouble="Todas as chamadas foram concluídas, e todos os custos são conhecidos.",
    dearest="Casos mais caros",
    dearest_about="Pelo que custaram neste período.",
    case="Caso",
    unlisted="O livro-razão conta mais {0} chamadas, por {1}, das quais o warehouse não tem linhas:"
    " de casos apagados, ou ainda a caminho.",
    waiting="{0} eventos ainda não haviam chegado ao warehouse.",
    started="Casos iniciados",
    completed="Concluídos",
    abandoned="Abandonados",
    open="Ainda abertos",
    interview="Entrevista",
    to_result="Da abertura ao resultado",
    turns="Turnos",
    turn="Turno",
    degraded_turns="Turnos feitos com menos que o planejado",
    failed_turns="Turnos que falharam",
    successful_calls="Chamadas concluídas",
    analyses="Análises",
    given_up="Análises abandonadas",
    begun_again="Análises recomeçadas por outro worker",
    other_strategy="Análises feitas por outra estratégia",
    from_cache="Análises vindas do cache",
    waited="Espera por uma análise em segundo plano",
    ratings="Avaliações",
    rating="Nota",
    nps="NPS",
    reviewed="Classificação certa, segundo revisores",
    no_ratings="sem avaliações",
    nothing_happened="Ninguém usou a triagem neste período.",
    cases_by_day="Casos dia a dia",
    cases_by_day_about="Pelo dia em que começaram, e o que houve com eles desde então.",
    compared="Em números",
    compared_about="Ao lado de igual número de dias logo antes.",
    figure="Número",
    this_span="Agora",
    span_before="Antes",
    change="Variação",
    first_token="Tempo até o primeiro token",  # noqa: S106
    latency="Duração das chamadas concluídas",
    speed_about="Por modelo e operação; o eixo cresce em potências de dez.",
    range_legend="ponto: metade é mais rápida · grosso: 95 % · fino: 99 %",
    success="Sucesso",
    by_model_about="Chamadas de que nós mesmos desistimos não contam.",
    arms_about="Descritos, não julgados: a análise do experimento diz se os braços diferem.",
    cases="Casos",
    attention="Chamadas que pedem atenção: {0}",
    page="Relatório completo",
)

WORDS: Mapping[Language, Words] = {"en": _EN, "pt-BR": _PT}
