"""What models cost: the catalogue that genai-prices ships, read so that it never guesses.

Asked for a tier that it does not know, or for a name that merely begins like a model's, the
catalogue gives some price, and nothing shows that it is another one. Here that is no price. Prices
come out as whole nano-USD for a million tokens, so that what is done with them is exact.

An operator may give prices of their own, for a model on their own machine or by their own contract;
those go before the catalogue's.
"""

import re
import tomllib
from collections.abc import Mapping
from datetime import UTC, date, datetime
from decimal import Decimal
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
from msgspec import Struct

from app.domain.errors import InvalidInput
from app.domain.ledger import UnitPrices
from app.domain.usage import Provider, Tier, Usage

if TYPE_CHECKING:
    from genai_prices.types import ModelInfo, ModelPrice

MILLION = 1_000_000
_NANO = Decimal(1_000_000_000)
_PARTS = {
    "input": "input_mtok",
    "cached": "cache_read_mtok",
    "cache_write": "cache_write_mtok",
    "output": "output_mtok",
}
_CONTEXT: Mapping[Tier, dict[str, str]] = {
    "standard": {},
    "batch": {"processing": "batch"},
    "flex": {"service_tier": "flex"},
    "priority": {"service_tier": "priority"},
}
_VERSION_OF = re.compile(r"([-@]\d{8}|[-@]\d{4}-\d{2}-\d{2}|-latest)(-v\d+(:\d+)?)?$")
_DATE = re.compile(r"\b20\d\d-\d\d-\d\d\b")
_MOST_KEPT = 4_096


class Priced(Struct, frozen=True, kw_only=True):
    """The prices of a call, and whose they are."""

    prices: UnitPrices
    catalogue: str
    """Its name and version, such as `genai-prices 0.2.3`, or `own`."""


class OwnPrice(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What an operator says that a model costs: USD for a million tokens."""

    input: Decimal
    output: Decimal
    cached: Decimal | None = None
    """Of the input; None costs as much as any other."""
    cache_write: Decimal | None = None


OwnPrices = Mapping[Provider, Mapping[str, OwnPrice]]


class Catalogue:
    """Looks prices up. The first look-up of a process loads the catalogue, for a third of a second.

    Safe to be used from several threads.
    """

    def __init__(self, own: OwnPrices | None = None) -> None:
        """Take the operator's own prices, by provider and model."""
        self._own = own or {}
        self._kept: dict[tuple[Provider, str, Tier, date], _Found | None] = {}
        self._name: str | None = None
        self._until: date | None = None

    def load(self) -> None:
        """Load what look-ups need; in a thread, where somebody waits for words meanwhile."""
        if self._until is None:
            self._until = _latest_day()

    @property
    def loaded(self) -> bool:
        """Whether a look-up is quick."""
        return self._until is not None

    def known_until(self) -> date:
        """Return the latest day that the catalogue speaks of and that is not ahead of us.

        It is at least as old as that; nothing that it ships says when it was made.
        """
        self.load()
        return self._until or date.min

    @property
    def name(self) -> str:
        """The catalogue's name and version."""
        if self._name is None:
            self._name = f"genai-prices {version('genai-prices')}"
        return self._name

    def prices(
        self, provider: Provider, model: str, tier: Tier, at_ms: int, tokens: int
    ) -> Priced | None:
        """Return what a call costs by the million tokens; None where that is not known.

        Args:
            provider: Who is paid.
            model: The model that answered, by any of its names, dated ones included.
            tier: The service tier that it was served at.
            at_ms: When it was asked, Unix time in milliseconds: prices change on a date (UTC).
            tokens: Its whole input, by which long contexts are told: beyond the threshold every
                token of the call has the higher price.
        """
        own = self._own.get(provider, {}).get(model)
        if own is not None:
            return Priced(prices=_own_prices(own), catalogue="own") if tier == "standard" else None
        # A price holds for a whole day, but for those of no provider that is asked here.
        day = datetime.fromtimestamp(at_ms / 1_000, UTC).date()
        key = (provider, model, tier, day)
        if key not in self._kept:
            if len(self._kept) >= _MOST_KEPT:
                self._kept.clear()
            self._kept[key] = self._find(provider, model, tier, at_ms)
        found = self._kept[key]
        if found is None:
            return None
        return Priced(prices=found.at(tokens), catalogue=self.name)

    def _find(self, provider: Provider, model: str, tier: Tier, at_ms: int) -> "_Found | None":
        from genai_prices.data_snapshot import get_snapshot  # noqa: PLC0415

        context = _CONTEXT.get(tier)
        if context is None:
            return None
        try:
            _, info = get_snapshot().find_provider_model(model, None, provider, None)
        except LookupError:
            return None
        at = datetime.fromtimestamp(at_ms / 1_000, UTC)
        if not _is_named(info, model) or (context and not _has_tier(info, context, at)):
            return None
        return _Found.of(info.get_prices(at, context or None))


def cost_of(usage: Usage, prices: UnitPrices) -> int:
    """Return what a usage costs in nano-USD, rounded half to even, once.

    Cached and written tokens are parts of the input and cost as much as any other where they have
    no price of their own; what was reasoned is part of the output.

    >>> cost_of(Usage(input=1000, cached=200, output=50),
    ...         UnitPrices(input=1_250_000_000, cached=125_000_000, output=10_000_000_000))
    1525000
    """
    if usage.cached + usage.cache_write > usage.input or usage.reasoning > usage.output:
        raise ValueError("the parts of a usage exceed its totals")
    plain, written = prices.input or 0, prices.cache_write
    read = prices.cached
    total = (
        (usage.input - usage.cached - usage.cache_write) * plain
        + usage.cached * (plain if read is None else read)
        + usage.cache_write * (plain if written is None else written)
        + usage.output * (prices.output or 0)
    )
    whole, rest = divmod(total, MILLION)
    half = 2 * rest - MILLION
    return whole + (half > 0 or (half == 0 and whole % 2 == 1))


def read_own_prices(path: Path) -> OwnPrices:
    """Read an operator's prices from a TOML file with a table for each provider and model.

    Raises:
        InvalidInput: naming what cannot be used.
    """
    try:
        raw = tomllib.loads(path.read_text(), parse_float=Decimal)
        own = msgspec.convert(raw, dict[Provider, dict[str, OwnPrice]], strict=False)
        for one in (price for models in own.values() for price in models.values()):
            _own_prices(one)
    except (OSError, ValueError, msgspec.ValidationError) as error:
        raise InvalidInput(f"TRIAGE_PRICES: {path}: {error}") from error
    return own


class _Found:
    """A model's prices at one tier, with the thresholds from which others hold."""

    __slots__ = ("_levels",)

    def __init__(self, levels: list[tuple[int, UnitPrices]]) -> None:
        self._levels = levels

    @classmethod
    def of(cls, price: "ModelPrice") -> "_Found | None":
        values = {part: getattr(price, name) for part, name in _PARTS.items()}
        if values["input"] is None or values["output"] is None:
            return None
        starts = {0} | {
            tier.start for value in values.values() for tier in getattr(value, "tiers", ())
        }
        # A threshold is passed by more tokens than it says, so the level of 0 serves up to it.
        return cls(
            [
                (
                    start,
                    UnitPrices(**{part: _level(value, start) for part, value in values.items()}),
                )
                for start in sorted(starts)
            ]
        )

    def at(self, tokens: int) -> UnitPrices:
        """Return the prices for a call with so many tokens of input."""
        return next(
            (prices for start, prices in reversed(self._levels) if tokens > start),
            self._levels[0][1],
        )


def _latest_day() -> date:
    # The catalogue needs pydantic, which takes a while to import where no SDK has yet.
    from genai_prices.data_snapshot import get_snapshot  # noqa: PLC0415
    from genai_prices.types import StartDateConstraint  # noqa: PLC0415

    today = datetime.now(UTC).date()
    days = {date(2020, 1, 1)}
    for provider in get_snapshot().providers:
        for model in provider.models:
            days |= {date.fromisoformat(one) for one in _DATE.findall(model.price_comments or "")}
            dated = model.prices if isinstance(model.prices, list) else []
            limits = [one.constraint for one in dated]
            limits += [one.constraint for one in model.price_variants or []]
            days |= {one.start_date for one in limits if isinstance(one, StartDateConstraint)}
    return max(day for day in days if day <= today)


def _level(value: Any, start: int) -> int | None:
    """Return a price in nano-USD for a million tokens at a threshold."""
    if value is None:
        return None
    if isinstance(value, Decimal):
        return _nano(value)
    passed = [tier.price for tier in value.tiers if tier.start <= start and start > 0]
    return _nano(passed[-1] if passed else value.base)


def _nano(usd: Decimal) -> int:
    nano = usd * _NANO
    if nano != nano.to_integral_value() or nano < 0:
        raise ValueError(f"{usd} is no price in whole nano-USD for a million tokens")
    return int(nano)


def _own_prices(own: OwnPrice) -> UnitPrices:
    return UnitPrices(
        input=_nano(own.input),
        output=_nano(own.output),
        cached=None if own.cached is None else _nano(own.cached),
        cache_write=None if own.cache_write is None else _nano(own.cache_write),
    )


def _has_tier(info: "ModelInfo", context: dict[str, str], at: datetime) -> bool:
    """Say whether the catalogue knows the tier, rather than falling back to the standard price."""
    return any(
        all(context.get(key) == value for key, value in one.when.items())
        and (one.constraint is None or one.constraint.active(at))
        for one in info.price_variants or ()
    )


def _is_named(info: "ModelInfo", model: str) -> bool:
    """Say whether a name is the model's own, or one of its dated versions.

    Some models are found by how their name begins, and so is any other that begins alike. A
    fine-tuned model goes on with its owner's words.
    """
    if model.startswith("ft:"):
        return True
    bare = _bare(model)
    return bare in {_bare(info.id), *map(_bare, _literals(info.match))}


def _bare(model: str) -> str:
    return _VERSION_OF.sub("", model.lower()).rstrip("-@")


def _literals(clause: Any) -> list[str]:
    """Return the names in a clause; what a regex stands for is one of them but for its date."""
    for name in ("equals", "starts_with"):
        if (found := getattr(clause, name, None)) is not None:
            return [found]
    for name in ("or_", "and_"):
        if (parts := getattr(clause, name, None)) is not None:
            return [one for part in parts for one in _literals(part)]
    return []
