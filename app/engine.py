"""What the API and the worker are both made of: compiled playbooks, models, and the analyst."""

import os
import secrets
import socket
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime, time
from functools import partial
from pathlib import Path

from msgspec import Struct

import app
from app.core.accounting.meter import LedgerMeter
from app.core.analysis.analyst import Analyst
from app.core.playbook.files import load_playbooks
from app.core.reuse.serving import analysis_cache
from app.core.rules import Rules
from app.core.understanding.counting import Counted, count_words
from app.domain.errors import InvalidInput
from app.domain.ledger import LedgerRow
from app.domain.playbook import Playbook
from app.domain.usage import Provider
from app.kept import Kept, digest_of
from app.llm.breakers import Breakers
from app.llm.catalogue import Catalogue, read_own_prices
from app.llm.factory import build_models, configured, model_names
from app.llm.failover import FailoverModel
from app.settings import Settings
from app.state.ledger import Ledger
from app.state.store import Store
from app.telemetry.labels import known_names
from app.telemetry.metrics import Metrics, ProcessKind
from app.telemetry.tracing import Tracing


class Prepared(Struct, frozen=True):
    """What is read and counted of playbooks before their rules are compiled, by id."""

    playbooks: dict[str, Playbook]
    counted: dict[str, Counted]


class Engine(Struct, frozen=True, kw_only=True):
    """Everything that decides, and what it asks."""

    rules: Mapping[str, Rules]
    """By the playbook's id."""
    playbooks: Mapping[str, Playbook]
    settings: Settings
    model: FailoverModel | None
    """None where only the guided interviewer serves."""
    analyst: Analyst
    meter: LedgerMeter
    """Keeps the accounts of what models cost."""

    def names(self, chosen: Mapping[Provider, str]) -> Mapping[Provider, str]:
        """Turn a playbook's choice of models into the ones to ask."""
        return model_names(self.settings, chosen)


def load_rules(settings: Settings) -> dict[str, Rules]:
    """Read the playbooks and compile their rules, by id; a process needs them once.

    Reading them and counting their words takes longer than all the rest, and is kept for the next
    start.

    Raises:
        PlaybookInvalid: if any playbook has mistakes; a bad playbook never starts.
        InvalidInput: if the default playbook is none of them.
    """
    prepare = partial(_prepared, settings.playbooks)
    try:
        made_of = digest_of(_sources(settings.playbooks))
    except OSError:
        found = prepare()  # it explains which file cannot be read, and why
    else:
        found = Kept(settings.var / "cache").value("playbooks", made_of, Prepared, prepare)
    playbooks = found.playbooks
    if settings.playbook not in playbooks:
        known = ", ".join(sorted(playbooks))
        raise InvalidInput(
            f"TRIAGE_PLAYBOOK: no playbook {settings.playbook!r}; there are: {known}"
        )
    return {name: Rules(one, found.counted[name]) for name, one in playbooks.items()}


def _prepared(extra: Path | None) -> Prepared:
    playbooks = load_playbooks(extra)
    return Prepared(playbooks, {name: count_words(one) for name, one in playbooks.items()})


def _sources(extra: Path | None) -> Iterator[Path]:
    """Yield the files of playbooks, and those of the code that reads and compiles them."""
    package = Path(app.__file__).parent
    for folder in (package / "playbooks", *([] if extra is None else [extra])):
        for kind in ("*.toml", "*.weights"):
            yield from sorted(folder.glob(kind))
    for room in ("core", "domain"):
        yield from sorted((package / room).rglob("*.py"))


def build_metrics(
    settings: Settings, rules: Mapping[str, Rules], process: ProcessKind, tracing: Tracing
) -> Metrics:
    """Return a process's metrics, which know the models and playbooks of these settings."""
    known = known_names(
        (one.playbook for one in rules.values()),
        {"openai": settings.openai_model, "anthropic": settings.anthropic_model},
        configured(settings),
    )
    return Metrics(known=known, process=process, exemplar=tracing.exemplar)


def build_engine(
    settings: Settings,
    rules: Mapping[str, Rules],
    store: Store,
    metrics: Metrics | None = None,
    tracing: Tracing | None = None,
) -> Engine:
    """Put the deciding parts together; `store` is where they keep what they may use again."""
    models = build_models(settings)
    meter = LedgerMeter(
        Ledger(store),
        Catalogue(read_own_prices(settings.prices) if settings.prices else None),
        on_row=_telling(metrics, tracing),
    )
    model = FailoverModel(models, meter=meter) if models else None
    if model is not None and metrics is not None:
        _watch_breakers(metrics, model.breakers)
        metrics.watch_prices(partial(_made_at, meter.catalogue))

    def names(chosen: Mapping[Provider, str]) -> Mapping[Provider, str]:
        return model_names(settings, chosen)

    return Engine(
        rules=rules,
        playbooks={name: compiled.playbook for name, compiled in rules.items()},
        settings=settings,
        model=model,
        analyst=Analyst(
            rules,
            model,
            names,
            strategy=None if settings.strategy == "auto" else settings.strategy,
            cache=analysis_cache(store, settings.cache, metrics),
        ),
        meter=meter,
    )


def _made_at(catalogue: Catalogue) -> float:
    """Return since when the catalogue can have been made at the earliest: Unix time in seconds."""
    return datetime.combine(catalogue.known_until(), time(), UTC).timestamp()


def _telling(metrics: Metrics | None, tracing: Tracing | None) -> Callable[[LedgerRow], None]:
    """Return what is told of every row of the ledger."""

    def tell(row: LedgerRow) -> None:
        if metrics is not None:
            metrics.attempt(row)
        if tracing is not None:
            tracing.attempt(row)

    return tell


def _watch_breakers(metrics: Metrics, breakers: Breakers) -> None:
    """Let metrics tell which of the models that may be asked are passed over."""
    for provider, names in metrics.known.models.items():
        for name in names:
            metrics.watch_breaker(provider, name, partial(breakers.is_open, (provider, name)))


def process_name() -> str:
    """Return a name for this process that no other has had."""
    return f"{socket.gethostname()}-{os.getpid()}-{secrets.token_hex(4)}"
