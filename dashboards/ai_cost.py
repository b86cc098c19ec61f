"""The page about money: what is spent on what, against which budget, and what is saved."""

from dashboards.asking import per_hour, per_second, quantile, value
from dashboards.building import Chart, Page, Query, Row, Step, Unit

_COST = "triage_ai_cost_usd_total"
_TOKENS = "gen_ai_client_inference_usage"
_USED = (Step(0.5, "yellow"), Step(0.8, "orange"), Step(1, "red"))

_NOW = Row(
    "Now",
    (
        Chart(
            title="Spent so far",
            description="What calls of models cost in the hour, day and month that run now, by "
            "the ledger. Hours, days and months are UTC.",
            unit=Unit.USD,
            kind="figures",
            calm="blue",
            queries=(Query(value("triage_ai_spend_usd", "window"), "this {{window}}"),),
            height=6,
            width=8,
        ),
        Chart(
            title="Budgets used",
            description="How much of each budget is spent in its present period. At 100 % calls "
            "are made with less, or not at all; people in danger are always answered.",
            unit=Unit.SHARE,
            kind="bars",
            steps=_USED,
            top=1,
            queries=(Query("triage:budget_used:ratio", "{{scope}}, {{period}}"),),
            height=6,
            width=8,
        ),
        Chart(
            title="Calls without a price",
            description="Calls in the last 24 hours whose model is in no price catalogue, so that "
            "their cost is not known. They are missing from every sum on this page. Update the "
            "catalogue, or ask a model that it knows.",
            unit=Unit.COUNT,
            kind="figures",
            steps=(Step(1, "red"),),
            queries=(Query("sum(increase(triage_ai_unpriced_calls_total[24h]))", "calls"),),
            height=6,
            width=4,
            decimals=0,
        ),
        Chart(
            title="Age of the price catalogue",
            description="How old the prices are that costs are worked out with. Providers change "
            "theirs without notice: update Triage when this turns orange.",
            unit=Unit.SECONDS,
            kind="figures",
            steps=(Step(60 * 86400, "orange"), Step(120 * 86400, "red")),
            queries=(Query("max(triage_price_catalog_age_seconds)", "age"),),
            height=6,
            width=4,
        ),
    ),
)

_BUDGETS = Row(
    "Budgets",
    (
        Chart(
            title="Spent of each budget",
            description="A line for each budget that climbs to its dashed limit at 100 % and "
            "falls to zero when a new period begins. A steep line empties its budget early.",
            unit=Unit.SHARE,
            steps=_USED,
            width=8,
            queries=(Query("triage:budget_used:ratio", "{{scope}}, {{period}}"),),
        ),
        Chart(
            title="Forecast at the end of the period",
            description="Where each budget will stand when its period ends, if spending goes on "
            "as it did lately: 10 minutes for an hour, 2 hours for a day, a day for a month. "
            "Above 100 % it will not last.",
            unit=Unit.SHARE,
            steps=(Step(1, "red"),),
            width=8,
            queries=(Query("triage:budget_forecast:ratio", "{{scope}}, {{period}}"),),
        ),
        Chart(
            title="Done with less",
            description="How often in an hour something was done with less than planned because a "
            "budget ran out: a cheaper model, the guided interview, an analysis that waits, a "
            "refusal with its reason.",
            unit=Unit.COUNT,
            width=8,
            queries=(
                Query("sum by (action) (increase(triage_budget_actions_total[1h]))", "{{action}}"),
            ),
        ),
    ),
)

_WHERE = Row(
    "Where it goes",
    (
        Chart(
            title="Cost per hour by model",
            description="Dollars an hour at the present pace, models upon each other; the upper "
            "edge is what everything costs.",
            unit=Unit.USD,
            stacked=True,
            queries=(Query(per_hour(_COST, "provider", "model"), "{{provider}} {{model}}"),),
            width=8,
        ),
        Chart(
            title="Cost per hour by purpose",
            description="Dollars an hour by what was asked for: the interview, the analysis, the "
            "judge between two analyses, the report.",
            unit=Unit.USD,
            stacked=True,
            queries=(Query(per_hour(_COST, "operation"), "{{operation}}"),),
            width=8,
        ),
        Chart(
            title="How the cost is known",
            description="Dollars an hour by where the figure comes from: the catalogue's prices, "
            "the provider itself, or an estimate for a stream that was cut. Many estimates mean "
            "many cut streams.",
            unit=Unit.USD,
            stacked=True,
            queries=(Query(per_hour(_COST, "source"), "{{source}}"),),
            width=8,
        ),
    ),
)

_CASES = Row(
    "Per triage",
    (
        Chart(
            title="Cost per triage by arm",
            description="What cases cost on average up to their first result, by the arm of the "
            "experiment they belong to; `none` are outside experiments. Cases with an unknown "
            "price are left out.",
            unit=Unit.USD,
            queries=(
                Query(
                    "sum by (arm) (increase(triage_case_cost_usd_sum[1h]))"
                    " / (sum by (arm) (increase(triage_case_cost_usd_count[1h])) > 0)",
                    "{{arm}}",
                ),
            ),
        ),
        Chart(
            title="Cost per triage, typical and dear",
            description="Half of all cases cost less than the middle line, and one in twenty more "
            "than the upper one. Read from a histogram, so good to about a factor of three.",
            unit=Unit.USD,
            queries=(
                Query(quantile(0.5, "triage_case_cost_usd"), "half cost less"),
                Query(quantile(0.95, "triage_case_cost_usd"), "95 % cost less"),
            ),
        ),
    ),
)


def _tokens(kind: str) -> str:
    return per_second(f"{_TOKENS}_{kind}_tokens_total")


_MIX = Row(
    "Tokens",
    (
        Chart(
            title="Token mix",
            description="Tokens a second by kind, each counted once. Those read from the "
            "provider's cache cost a fraction of new ones; those of reasoning are paid for and "
            "never shown.",
            unit=Unit.TOKENS_PER_SECOND,
            stacked=True,
            queries=(
                Query(
                    f"clamp_min({_tokens('input')} - {_tokens('cache_read_input')}"
                    f" - {_tokens('cache_write_input')}, 0)",
                    "read anew",
                ),
                Query(_tokens("cache_read_input"), "read from cache"),
                Query(_tokens("cache_write_input"), "read and put into cache"),
                Query(
                    f"clamp_min({_tokens('output')} - {_tokens('reasoning_output')}, 0)", "written"
                ),
                Query(_tokens("reasoning_output"), "reasoning"),
            ),
        ),
        Chart(
            title="Share of input from the provider's cache",
            description="How much of what models read came from the provider's cache of prompts, "
            "by model. A sudden fall means that prompts no longer begin alike, and cost more.",
            unit=Unit.SHARE,
            top=1,
            queries=(
                Query(
                    per_second(f"{_TOKENS}_cache_read_input_tokens_total", "model")
                    + " / ("
                    + per_second(f"{_TOKENS}_input_tokens_total", "model")
                    + " > 0)",
                    "{{model}}",
                ),
            ),
        ),
    ),
)

_CACHE = Row(
    "Analyses that were not made twice",
    (
        Chart(
            title="Analyses served from the cache",
            description="The share of look-ups that found the analysis of a case told alike. "
            "Cases that may not be served from others are left out.",
            unit=Unit.SHARE,
            top=1,
            queries=(Query("triage:cache_hits:ratio1h", "within an hour"),),
        ),
        Chart(
            title="Saved per hour",
            description="What the analyses had cost that were served again, in dollars an hour, "
            "by how the analysis is made.",
            unit=Unit.USD,
            stacked=True,
            queries=(Query(per_hour("triage_cache_saved_usd_total", "analysis"), "{{analysis}}"),),
        ),
    ),
)

PAGE = Page(
    uid="triage-ai-cost",
    title="Triage: AI cost",
    description="What calls of AI models cost, on what, against which budget, and what the caches "
    "save. The ledger decides about budgets; this page only shows it.",
    rows=(_NOW, _BUDGETS, _WHERE, _CASES, _MIX, _CACHE),
    start="now-24h",
    refresh="1m",
)
