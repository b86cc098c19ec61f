"""`triage experiment`: plan, check, report and export experiments, from the warehouse."""

import csv
import datetime as dt
import io
import os
import sys
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Literal, get_args

import click
import msgspec
from rich.console import Console
from rich.table import Table as RichTable

from app.domain.errors import InvalidInput, TriageError
from app.settings import read_settings

if TYPE_CHECKING:
    from analytics.experiments.declaration import Declaration
    from analytics.experiments.report import Report
    from analytics.warehouse import Warehouse

Form = Literal["terminal", "md", "html", "json", "csv"]
_PERSONS_A_DAY = (20, 50, 100, 200, 500, 1_000, 5_000)


class Unhealthy(TriageError):
    """An experiment's declaration or data cannot be trusted."""


_key = click.argument("key")
_folder = click.option(
    "--declared",
    "folder",
    type=click.Path(path_type=Path, file_okay=False, exists=True),
    help="A folder with further declarations, KEY.toml each; else TRIAGE_EXPERIMENTS.",
)
_at = click.option(
    "--at", metavar="TIME", help="By what had happened until then, in UTC; now if absent."
)


@click.group()
def experiment() -> None:
    """Plan, check and judge experiments.

    An experiment is declared in a file before it begins: what is asked, its metrics, its margins,
    and when it is to be decided. docs/experiments.md tells how to read a report.
    """


@experiment.command("list")
@_folder
def list_(folder: Path | None) -> None:
    """List the experiments that are declared."""
    from analytics.experiments.declaration import declared, read_declaration

    table = RichTable("EXPERIMENT", "QUESTION", "ARMS", "PERSONS", box=None)
    for key, path in declared(_chosen(folder)).items():
        found = read_declaration(path)
        arms = ", ".join(f"{arm} {weight:g}" for arm, weight in found.arms.items())
        table.add_row(key, found.question, arms, f"{found.planned_persons:,}")
    Console().print(table)


@experiment.command()
@_key
@_folder
@_at
@click.option(
    "--format",
    "form",
    type=click.Choice(get_args(Form)),
    default="terminal",
    show_default=True,
    help="How it is written.",
)
@click.option(
    "--out", type=click.Path(dir_okay=False, path_type=Path), help="Into which file, not printed."
)
def report(key: str, folder: Path | None, at: str | None, form: Form, out: Path | None) -> None:
    """Judge the experiment KEY by what the warehouse knows."""
    found = _assessed(key, folder, at)
    text = _written(found, form)
    if out is None:
        click.echo(text, nl=False)
        return
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        out.write_text(text, "utf-8")
    except OSError as error:
        raise InvalidInput(f"--out: {out} cannot be written: {error.strerror}") from None
    click.echo(f"Written to {out}", err=True)


@experiment.command()
@_key
@_folder
@click.option(
    "--baseline", type=click.FloatRange(0, 1, min_open=True, max_open=True),
    help="The control's share; of a share metric.",
)  # fmt: skip
@click.option(
    "--deviation", type=click.FloatRange(0, min_open=True),
    help="The standard deviation of one value; of a mean.",
)  # fmt: skip
@click.option("--effect", type=click.FloatRange(0, min_open=True), help="What matters at least.")
def plan(
    key: str,
    folder: Path | None,
    baseline: float | None,
    deviation: float | None,
    effect: float | None,
) -> None:
    """Say how many persons the primary metric of KEY needs, and for how long.

    What is not told is taken from the declaration and, for the baseline, from the warehouse.
    """
    from analytics.power import SampleSize, share_sample_size, z_sample_size

    declared = _declared(key, folder)
    metric = declared.of_role("primary")[0]
    smallest = effect or metric.smallest_effect
    if smallest is None:
        raise InvalidInput("--effect: say which effect matters")
    ratio = declared.arms[declared.treatments[0]] / declared.arms[declared.control]
    power, alpha = declared.power, declared.alpha
    if metric.kind == "share":
        share = baseline or _baseline(declared, folder, metric.name)
        if share is None:
            raise InvalidInput("--baseline: nothing is known of the control yet; say what it is")
        size = share_sample_size(
            baseline=share, delta=smallest, power=power, alpha=alpha, ratio=ratio
        )
        told = f"{share:.1%} of the control"
    else:
        if deviation is None:
            raise InvalidInput("--deviation: say how much one value varies")
        size = z_sample_size(
            variance=deviation**2, delta=smallest, power=power, alpha=alpha, ratio=ratio
        )
        told = f"a deviation of {deviation:g}"
    if not isinstance(size, SampleSize):
        raise InvalidInput(size.reason)
    persons = size.control + size.treatment
    click.echo(f"{metric.label}, {told}, an effect of {smallest:g}, power {declared.power:.0%}:")
    click.echo(f"{size.control:,} persons in the control, {size.treatment:,} in the treatment")
    if persons > declared.planned_persons:
        click.echo(f"more than the {declared.planned_persons:,} that are planned", err=True)
    table = RichTable("PERSONS A DAY", "DAYS", box=None)
    for pace in _PERSONS_A_DAY:
        table.add_row(f"{pace:,}", f"{max(7, -(-persons // pace)):,}")
    Console().print(table)


@experiment.command()
@click.option("--rounds", default=2_000, show_default=True, type=click.IntRange(10, 1_000_000))
@click.option("--only", default="", help="A scenario, or the beginning of its name.")
@click.option("--workers", default=os.cpu_count() or 1, type=click.IntRange(1, 256))
def simulate(rounds: int, only: str, workers: int) -> None:
    """Try the statistics on people who do not exist: how often do they say yes where nothing is?"""
    from analytics.simulate import main

    arguments = ["--rounds", str(rounds), "--workers", str(workers), "--only", only]
    sys.exit(main(arguments))


@experiment.command()
@_key
@_folder
@_at
def check(key: str, folder: Path | None, at: str | None) -> None:
    """Check the declaration of KEY, and whether its data can be trusted."""
    from analytics.results import Test
    from analytics.srm import THRESHOLD

    found = _assessed(key, folder, at)
    persons = found.health.persons
    click.echo(f"{key}: declared for {', '.join(found.declaration.arms)}; {persons:,} persons came")
    ratio = found.judged_ratio
    if not isinstance(ratio, Test):
        click.echo(f"sample ratio: {ratio.reason}")
        return
    click.echo(f"sample ratio: p = {ratio.p:.3g}")
    click.echo(f"in several variants: {found.health.share_in_several:.2%}")
    invalid = next((one for one in found.verdicts.values() if one.decision == "invalid"), None)
    if ratio.p < THRESHOLD or invalid is not None:
        raise Unhealthy(f"{key}: " + "; ".join(invalid.reasons if invalid else ()))


@experiment.command()
@_key
@_folder
@_at
@click.option("--out", required=True, type=click.Path(dir_okay=False, path_type=Path))
def export(key: str, folder: Path | None, at: str | None, out: Path) -> None:
    """Write what each person of KEY did, without names, as CSV for other tools."""
    from analytics.experiments.aggregates import Evidence

    with _warehouse() as warehouse:
        found = Evidence(warehouse, _declared(key, folder), _moment(at)).persons()
    try:
        with out.open("w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(found.columns)
            writer.writerows(found.rows)
    except OSError as error:
        raise InvalidInput(f"--out: {out} cannot be written: {error.strerror}") from None
    click.echo(f"{len(found.rows):,} persons written to {out}", err=True)


def _assessed(key: str, folder: Path | None, at: str | None) -> "Report":
    from analytics.experiments.assessment import assess

    declared, moment = _declared(key, folder), _moment(at)
    with _warehouse() as warehouse:
        return assess(warehouse, declared, moment)


def _declared(key: str, folder: Path | None) -> "Declaration":
    from analytics.experiments.declaration import find_declaration

    return find_declaration(key, _chosen(folder))


def _chosen(folder: Path | None) -> Path | None:
    return folder or read_settings(os.environ).experiments


def _baseline(declared: "Declaration", folder: Path | None, name: str) -> float | None:
    """Return the control's share as the warehouse knows it."""
    from analytics.results import Effect

    found = _assessed(declared.key, folder, None)
    one = next(one for one in found.findings if one.metric.name == name)
    known = one.analysis.difference
    return known.control if isinstance(known, Effect) and 0 < known.control < 1 else None


def _moment(text: str | None) -> dt.datetime:
    """Return a time in UTC, without a zone as the warehouse has it."""
    if text is None:
        return dt.datetime.now(dt.UTC).replace(tzinfo=None)
    try:
        found = dt.datetime.fromisoformat(text)
    except ValueError:
        raise InvalidInput(f"--at: {text!r} is no time such as 2026-11-24T12:00") from None
    return found.astimezone(dt.UTC).replace(tzinfo=None) if found.tzinfo else found


def _written(found: "Report", form: Form) -> str:
    if form == "json":
        return msgspec.json.format(msgspec.json.encode(found), indent=2).decode() + "\n"
    if form == "csv":
        return _as_csv(found)
    from app.commands.page_view import page_view
    from app.core.reporting.experiment_page import experiment_page
    from app.core.reporting.html import html
    from app.core.reporting.markdown import markdown

    page = experiment_page(found)
    match form:
        case "html":
            return html(page)
        case "md":
            return markdown(page)
        case "terminal":
            return page_view(page)


def _as_csv(found: "Report") -> str:
    """Return a row for each metric and arm."""
    from analytics.results import Effect

    rows: list[Sequence[object]] = [
        (
            "metric", "arm", "role", "unit", "control", "treatment", "difference", "low", "high",
            "p", "log10_p", "p_adjusted", "n_control", "n_treatment", "reason",
        )
    ]  # fmt: skip
    for one in found.findings:
        known = one.analysis.difference
        head = (one.metric.name, one.arm, one.metric.role, one.metric.unit)
        if isinstance(known, Effect):
            rows.append(
                (
                    *head, known.control, known.treatment, known.estimate, known.low, known.high,
                    known.p, known.log10_p, one.adjusted_p, known.n_control, known.n_treatment, "",
                )
            )  # fmt: skip
        else:
            rows.append((*head, *[""] * 8, *one.persons, known.reason))
    written = io.StringIO()
    csv.writer(written, lineterminator="\n").writerows(rows)
    return written.getvalue()


def _warehouse() -> "closing[Warehouse]":
    from analytics.warehouse import open_warehouse
    from jobs.warehouse import place_of

    return closing(open_warehouse(place_of(read_settings(os.environ))))
