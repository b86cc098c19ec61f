"""What is settled before an experiment begins, in a file: metrics, margins, and when to stop.

Nobody can then choose, once the figures are there, what they should have been about.
"""

import datetime as dt
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Literal

import msgspec
from msgspec import Meta, Struct

from app.domain.errors import TriageError
from app.domain.experiments import Better, ExperimentStanding, Role, Unit

Key = Annotated[str, Meta(pattern=r"^[A-Za-z0-9_.-]{1,100}$")]
Name = Annotated[str, Meta(pattern=r"^[a-z][a-z0-9_]{0,39}$")]
Share = Annotated[float, Meta(gt=0, lt=1)]
Positive = Annotated[float, Meta(gt=0)]
Kind = Literal["share", "mean", "ratio", "nps", "quantile"]
Slice = Literal["locale", "playbook"]

SHIPPED = Path(__file__).parent / "declared"


class DeclarationInvalid(TriageError):
    """A declaration cannot be used; the text names the file and says why."""


class Metric(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Something that is counted for every person."""

    name: Name
    label: str
    kind: Kind
    """`share` of what a person did, `mean` of a value, `ratio` of two sums, `nps`, `quantile`."""
    fact: Name
    """The fact whose values are added up; see the view `all_facts`."""
    per: Name | None = None
    """The fact that is counted below the line; the same one unless another is named."""
    unit: Unit
    better: Better
    role: Role = "secondary"
    smallest_effect: Positive | None = None
    """The smallest difference that matters, in the metric's unit."""
    margin: Annotated[float, Meta(ge=0)] | None = None
    """How much worse a guardrail may get, in the metric's unit."""
    zero_is_known: bool = False
    """An arm in which nobody has any of it has so by design; for ratios, such as what models cost
    where none is asked."""
    target: float | None = None
    """What the metric should be, whatever the other arm does."""
    q: Share | None = None
    """Which quantile."""

    @property
    def counted(self) -> str:
        """The fact that is counted below the line."""
        return self.per or self.fact


class Declaration(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An experiment as it was settled."""

    format: Literal[1]
    key: Key
    """GrowthBook's tracking key."""
    title: str
    question: str
    """What is asked, in a sentence."""
    hypothesis: str
    """What is expected, and why."""
    control: str
    arms: dict[str, Positive]
    """The intended weight of each arm, the control among them."""
    planned_persons: Annotated[int, Meta(ge=2)]
    """Persons in all arms together by whom it is decided: the first so many."""
    alpha: Share = 0.05
    power: Share = 0.8
    starts: dt.date | None = None
    """The first day (UTC) on which persons are taken in; any where it is absent."""
    ends: dt.date | None = None
    """The last day (UTC) on which persons are taken in."""
    maturity_hours: Annotated[float, Meta(ge=0)] = 24.0
    """How long after their exposure persons begin to count: outcomes take their time."""
    conclude_after_hours: Annotated[float, Meta(ge=0)] = 48.0
    """How long a verdict must have stood, whenever it was looked at, until it ends the experiment.
    """
    metrics: tuple[Metric, ...]
    slices: tuple[Slice, ...] = ("locale", "playbook")

    @property
    def treatments(self) -> tuple[str, ...]:
        """Every arm but the control."""
        return tuple(one for one in self.arms if one != self.control)

    @property
    def standing(self) -> ExperimentStanding:
        """How it stands before anything was computed."""
        return ExperimentStanding(
            key=self.key,
            title=self.title,
            question=self.question,
            control=self.control,
            arms=self.arms,
            planned_persons=self.planned_persons,
        )

    def of_role(self, role: Role) -> tuple[Metric, ...]:
        """Return the metrics of a role."""
        return tuple(one for one in self.metrics if one.role == role)

    def is_over(self, at: dt.datetime) -> bool:
        """Say whether nobody is taken in any more, and everybody has had their time, by `at`."""
        if self.ends is None:
            return False
        last = dt.datetime.combine(self.ends, dt.time.max)
        return at > last + dt.timedelta(hours=self.maturity_hours)


def read_declaration(path: Path) -> Declaration:
    """Read a declaration.

    Raises:
        DeclarationInvalid: with one line for every mistake.
    """
    try:
        tables = tomllib.loads(path.read_text("utf-8"))
        found = msgspec.convert(tables, Declaration)
    except OSError as error:
        raise DeclarationInvalid(f"{path}: cannot be read: {error.strerror}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, msgspec.ValidationError) as error:
        raise DeclarationInvalid(f"{path}: {error}") from None
    if mistakes := list(_mistakes(found)):
        raise DeclarationInvalid("\n".join(f"{path}: {one}" for one in mistakes))
    return found


def find_declaration(key: str, folder: Path | None = None) -> Declaration:
    """Return the declaration of an experiment, from a folder or from those that ship.

    Raises:
        DeclarationInvalid: if there is none, or it cannot be used.
    """
    for place in (*([folder] if folder else []), SHIPPED):
        path = place / f"{key}.toml"
        if path.is_file():
            found = read_declaration(path)
            if found.key != key:
                raise DeclarationInvalid(
                    f"{path}: key: it is {found.key!r}, and the file is named {key!r}"
                )
            return found
    known = ", ".join(sorted(declared(folder)))
    raise DeclarationInvalid(f"no experiment {key!r} is declared; there are: {known}")


def declared(folder: Path | None = None) -> dict[str, Path]:
    """Return the files in which experiments are declared, by key; the folder's win."""
    places = [SHIPPED, *([folder] if folder else [])]
    return {path.stem: path for place in places for path in sorted(place.glob("*.toml"))}


def _mistakes(found: Declaration) -> list[str]:
    mistakes = []
    if found.control not in found.arms:
        mistakes.append(f"control: {found.control!r} is none of the arms")
    if len(found.arms) < 2:
        mistakes.append("arms: an experiment has at least two")
    if not found.of_role("primary"):
        mistakes.append("metrics: at least one is primary")
    if found.starts and found.ends and found.ends < found.starts:
        mistakes.append("ends: it lies before starts")
    names = [one.name for one in found.metrics]
    mistakes += [f"metrics: {one!r} is there twice" for one in {*names} if names.count(one) > 1]
    for one in found.metrics:
        mistakes += [f"metrics.{one.name}: {what}" for what in _metric_mistakes(one)]
    return mistakes


def _metric_mistakes(one: Metric) -> Iterator[str]:
    if one.role == "primary" and one.smallest_effect is None:
        yield "a primary needs its smallest_effect"
    if one.role == "guardrail" and one.margin is None:
        yield "a guardrail needs its margin"
    if (one.kind == "quantile") != (one.q is not None):
        yield "q belongs to quantiles, and only to them"
    if one.zero_is_known and one.kind != "ratio":
        yield "zero_is_known belongs to ratios"
    if one.role == "guardrail" and one.kind == "quantile":
        yield "a quantile cannot be a guardrail"
