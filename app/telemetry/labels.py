"""The closed sets that labels come from: whatever is in none of them is `other`.

A label never holds a case, a person, a key or anything that somebody wrote.
"""

from collections.abc import Iterable, Mapping
from typing import Literal, get_args

from msgspec import Struct

from app.domain.cached import Counted
from app.domain.ledger import SOURCES
from app.domain.playbook import Playbook, Strategy
from app.domain.usage import Operation, Outcome, Provider, Source

OTHER = "other"
NONE = "none"
MOST_NAMES = 8
"""Models of a provider, arms and playbooks that are told apart; any more are `other`."""
_LONGEST = 100

PROVIDERS: tuple[Provider, ...] = get_args(Provider)
OPERATIONS: tuple[Operation, ...] = get_args(Operation)
STRATEGIES: tuple[Strategy, ...] = get_args(Strategy)
CALL_SOURCES: tuple[Source, ...] = tuple(one for one in SOURCES if one not in {"free", "unpriced"})
"""Sources of a cost that is known and not nothing."""
FAILED = (
    "access_denied", "malformed", "overloaded", "provider_error", "rate_limited", "rejected",
    "stall", "timeout", "unreachable",
)  # fmt: skip
CALL_ENDS: Mapping[Outcome | Literal["lost"], tuple[str, ...]] = {
    "completed": (NONE,),
    "cancelled": (NONE,),
    "cut": ("cut", "malformed", "overloaded", "provider_error", "stall"),
    "failed": FAILED,
    "invalid": ("invalid_output", "length"),
    "refused": ("canary", "refused"),
    "lost": ("lost",),
}
"""How a call can end, and the error types that go with it."""

CaseEnd = Literal["started", "completed", "abandoned"]
TurnEnd = Literal["completed", "cancelled", "failed"]
Interviewer = Literal["model", "guided", "human"]
"""Who answered: a model, the guided interviewer, or a command about a human that nobody answers."""
JobEnd = Literal["done", "retried", "handed_over", "dead", "superseded", "left"]
"""`left`: the lease was lost, somebody else goes on."""
BudgetAction = Literal["cheaper", "guided", "queued", "refused"]
CacheResult = Literal["hit", "near", "miss", "barred"]
CACHE_RESULTS: Mapping[Counted, CacheResult] = {
    "hits": "hit",
    "near": "near",
    "misses": "miss",
    "barred": "barred",
}
DeliveryKind = Literal["webhook", "push"]
DeliveryEnd = Literal["delivered", "postponed", "failed", "dropped"]


class Known(Struct, frozen=True, kw_only=True):
    """The names that this installation tells apart."""

    models: Mapping[Provider, tuple[str, ...]] = {}
    """By provider, those that settings and playbooks may ask; empty where none is configured."""
    playbooks: tuple[str, ...] = ()

    def model(self, provider: Provider, name: str) -> str:
        """Return a model's label.

        >>> known = Known(models={"openai": ("gpt-5",)})
        >>> known.model("openai", "gpt-5"), known.model("openai", "; DROP TABLE")
        ('gpt-5', 'other')
        """
        return name if name in self.models.get(provider, ()) else OTHER

    def playbook(self, name: str) -> str:
        """Return a playbook's label."""
        return name if name in self.playbooks else OTHER


class Arms:
    """The arms of experiments that are told apart, `experiment:variation` each.

    They are the operators' own names. Flags change while processes run, so the set grows by those
    that are met, up to its limit.
    """

    def __init__(self) -> None:
        self.names: dict[str, None] = {}

    def label(self, name: str) -> str:
        """Return an arm's label; outside experiments it is `none`.

        >>> arms = Arms()
        >>> [arms.label(f"tone:{n}") for n in range(MOST_NAMES + 1)][-2:], arms.label("")
        (['tone:7', 'other'], 'none')
        """
        if not name:
            return NONE
        if name not in self.names and len(self.names) < MOST_NAMES and len(name) <= _LONGEST:
            self.names[name] = None
        return name if name in self.names else OTHER


def known_names(
    playbooks: Iterable[Playbook],
    chosen: Mapping[Provider, str | None],
    configured: Iterable[Provider],
) -> Known:
    """Return the names that may become labels.

    Args:
        playbooks: All that are served.
        chosen: Models that settings put in place of the playbooks' choices.
        configured: The providers that may be asked.
    """
    served = tuple(playbooks)
    models: dict[Provider, tuple[str, ...]] = {}
    for provider in configured:
        if (name := chosen.get(provider)) is not None:
            models[provider] = (name,)
            continue
        roles = (
            role
            for one in served
            for role in (
                one.models.interview,
                one.models.small,
                one.models.analysing(),
                one.models.judging(),
            )
        )
        named = (role[provider] for role in roles if provider in role)
        models[provider] = tuple(dict.fromkeys(named))[:MOST_NAMES]
    return Known(
        models=models,
        playbooks=tuple(sorted(one.id for one in served))[:MOST_NAMES],
    )
