"""`triage eval`: replay labelled stories through the guided engine and report the figures."""

from collections.abc import Iterable
from datetime import date
from pathlib import Path

import click
import msgspec
from rich.console import Console
from rich.table import Table

from app.core.evaluation.rehearsal import Rehearsal, rehearse
from app.core.evaluation.stories import Group, Rate, Report, Story, read_stories, replay, report
from app.core.playbook.files import load_playbooks
from app.core.understanding.running import Understanding
from app.domain.errors import InvalidInput

_STORIES = Path(__file__).parent.parent / "playbooks" / "stories"
_SPLITS = ("tuned", "kept")
_TODAY = date(2026, 1, 15)
"""Replays read relative dates against one day, so that figures do not change overnight."""


@click.command()
@click.option("--playbook", "name", default="legal_br", show_default=True, help="Playbook id.")
@click.option(
    "--playbooks",
    "folder",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="A folder with further playbooks.",
)
@click.option(
    "--split",
    type=click.Choice([*_SPLITS, "all"]),
    default="tuned",
    show_default=True,
    help="Which of the shipped stories; constants were chosen on `tuned`, never on `kept`.",
)
@click.option(
    "--stories",
    "path",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="A JSON-lines file of your own instead of the shipped stories.",
)
@click.option("--locale", help="Only stories of this locale.")
@click.option("--json", "as_json", is_flag=True, help="Print the report as JSON.")
@click.option("--brief", is_flag=True, help="Only figures: no confusions, no story ids.")
@click.option("--strict", is_flag=True, help="Exit with 1 if a red flag is missed by the end.")
def evaluate(
    name: str,
    folder: Path | None,
    split: str,
    path: Path | None,
    locale: str | None,
    as_json: bool,
    brief: bool,
    strict: bool,
) -> None:
    """Replay labelled stories through the guided engine and report accuracy.

    A scripted person tells each story as the first message; what is understood right after it is
    compared with the labels. Then whole interviews are held, to count questions.
    """
    playbooks = load_playbooks(folder)
    if name not in playbooks:
        raise InvalidInput(f"there is no playbook {name}; there are {', '.join(playbooks)}")
    playbook = playbooks[name]
    stories = [one for one in _stories(name, split, path) if locale in (None, one.locale)]
    if not stories:
        raise InvalidInput("there are no stories to replay")
    understanding = Understanding(playbook)
    figures = report(playbook, str(path or split), replay(playbook, understanding, stories, _TODAY))
    held = rehearse(playbook, understanding, stories, _TODAY)
    if as_json:
        both = {"report": figures, "interviews": held}
        click.echo(msgspec.json.format(msgspec.json.encode(both), indent=2).decode())
    else:
        _show(Console(), figures, held, brief=brief)
    if strict and held.missed:
        raise SystemExit(1)


def _stories(playbook: str, split: str, path: Path | None) -> list[Story]:
    if path is not None:
        return read_stories(path)
    names = _SPLITS if split == "all" else (split,)
    return [story for one in names for story in read_stories(_STORIES / f"{playbook}.{one}.jsonl")]


def _show(console: Console, figures: Report, held: Rehearsal, *, brief: bool) -> None:
    console.print(
        f"[bold]{figures.playbook} {figures.version}[/] · {figures.split} · "
        f"{figures.overall.stories} stories"
    )
    console.print(_overall(figures))
    console.print(_groups("By locale", figures.by_locale))
    console.print(_groups("By tag", figures.by_tag))
    console.print(_red_flags(figures))
    if not brief:
        console.print(_confusions(figures))
        for title, listed in (
            ("Missed at first", figures.missed),
            ("False alarm", figures.false_alarms),
            ("Missed by the end", held.missed),
        ):
            for one in listed:
                console.print(f"{title}: {one.red_flag} in {one.story}")
    console.print(_interviews(held))


def _overall(figures: Report) -> Table:
    overall = figures.overall
    table = Table("Figure", "Value", "95 %", "n", title="All stories")
    for name, one in (
        ("Sub-area, first guess right", overall.accuracy),
        ("Sub-area, within two", overall.hits_at_2),
        ("Area, first guess right", overall.area_accuracy),
        ("Area, within two", overall.area_hits_at_2),
        ("Classified rather than abstained", overall.coverage),
        ("Right when classified", overall.accuracy_answered),
        ("Out of scope: abstained", overall.out_of_scope_abstained),
        ("Red flags found", overall.flags_found),
        ("Stories with a false red flag", overall.false_alarms),
        ("Calm stories with a red flag", overall.calm_alarms),
    ):
        interval = f"{one.low:.1%} - {one.high:.1%}" if one.n else ""
        table.add_row(name, _share(one), interval, str(one.n))
    for name, value in (
        ("Sub-area macro F1", figures.macro_f1),
        ("Area macro F1", figures.area_macro_f1),
        ("Calibration error", figures.calibration_error),
    ):
        table.add_row(name, "-" if value is None else f"{value:.3f}", "", "")
    return table


def _groups(title: str, groups: Iterable[Group]) -> Table:
    headings = ("", "n", "sub-area", "within 2", "area", "classified", "flags", "false alarms")
    table = Table(*headings, title=title)
    for one in groups:
        table.add_row(
            one.name,
            str(one.stories),
            _share(one.accuracy),
            _share(one.hits_at_2),
            _share(one.area_accuracy),
            _share(one.coverage),
            _share(one.flags_found),
            _share(one.false_alarms),
        )
    return table


def _red_flags(figures: Report) -> Table:
    table = Table("Red flag", "found", "of", "false alarms", title="Red flags")
    for code, found, wrong in figures.by_flag:
        table.add_row(code, str(found.hits), str(found.n), str(wrong))
    return table


def _confusions(figures: Report) -> Table:
    table = Table("Right", "taken for", "times", title="Confusions")
    for one in figures.confusions:
        table.add_row(one.right, one.taken_for, str(one.count))
    return table


def _interviews(held: Rehearsal) -> Table:
    table = Table("Figure", "Value", title="Whole interviews")
    table.add_row("Ended by themselves", _share(held.complete))
    table.add_row("Within the limit of questions", _share(held.within_budget))
    table.add_row("All required known at the end", _share(held.all_known))
    table.add_row("Questions, mean", f"{held.questions_mean:.2f}")
    table.add_row("Questions, most", str(held.questions_most))
    spread = ", ".join(f"{name} {count}" for name, count in held.by_complexity.items())
    table.add_row("Complexity", spread)
    table.add_row("Asked for dangers by a list", _with_interval(held.screened))
    table.add_row(
        "Red flags found by the end, if answered truthfully", _with_interval(held.flags_found)
    )
    table.add_row("Calm stories with a red flag by the end", _with_interval(held.calm_alarms))
    table.add_row("Slowest turn", f"{held.slowest_turn_ms:.1f} ms")
    return table


def _with_interval(one: Rate) -> str:
    return f"{_share(one)} of {one.n} ({one.low:.1%} - {one.high:.1%})" if one.n else "-"


def _share(one: Rate) -> str:
    return "-" if one.value is None else f"{one.value:.1%}"
