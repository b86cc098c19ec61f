"""`triage playbook`: check playbook files, list the playbooks there are, show one, teach one."""

from pathlib import Path
from typing import TYPE_CHECKING

import click
import msgspec
from msgspec.structs import replace
from rich.console import Console
from rich.table import Table

from app.core.playbook.files import load_playbook, load_playbooks
from app.core.understanding.taught import Weights, read_weights
from app.domain.errors import InvalidInput, PlaybookInvalid
from app.domain.playbook import LEVEL_ORDER, Condition, Playbook

if TYPE_CHECKING:
    from app.core.evaluation.stories import Rate

_FOLDER = click.option(
    "--playbooks",
    "folder",
    envvar="TRIAGE_PLAYBOOKS",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="A folder with further playbooks; TRIAGE_PLAYBOOKS if absent.",
)


@click.group()
def playbook() -> None:
    """Check playbook files, list the playbooks there are, show one, and teach one.

    A playbook is a TOML file with everything the engine knows about a domain: what to ask, the
    closed taxonomy, which words mean danger, and what a person can do next.
    """


@playbook.command()
@click.argument(
    "files",
    nargs=-1,
    required=True,
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE...",
)
def check(files: tuple[Path, ...]) -> None:
    """Explain every mistake of each FILE as `file:line: field: what is wrong`.

    Exits with 1 if there is any; prints one line for each file that is sound.
    """
    count = 0
    for path in files:
        try:
            found = load_playbook(path)
        except PlaybookInvalid as error:
            count += len(error.mistakes)
            for mistake in error.mistakes:
                click.echo(mistake)
        else:
            click.echo(f"{path}: {_summary(found)}")
    if count:
        click.echo(f"{count} mistake{'' if count == 1 else 's'}", err=True)
        raise SystemExit(1)


@playbook.command(name="list")
@_FOLDER
def list_playbooks(folder: Path | None) -> None:
    """List the shipped playbooks and those of a further folder."""
    table = Table("Id", "Version", "Title", "Locales", "Kinds of problem", "Taught by", box=None)
    for found in load_playbooks(folder).values():
        title = found.title[found.locales[0]]
        kinds = str(len(found.subareas()))
        locales = ", ".join(found.locales)
        table.add_row(found.id, found.version, title, locales, kinds, _taught_by(found))
    Console().print(table)


@playbook.command()
@click.argument("name", metavar="ID")
@_FOLDER
@click.option("--locale", help="Locale of labels and questions, such as en; the first if absent.")
@click.option("--json", "as_json", is_flag=True, help="Print the whole playbook as JSON.")
def show(name: str, folder: Path | None, locale: str | None, as_json: bool) -> None:
    """Show the playbook ID: slots, taxonomy, red flags and limits."""
    playbooks = load_playbooks(folder)
    if name not in playbooks:
        raise InvalidInput(f"there is no playbook {name}; there are {', '.join(playbooks)}")
    found = playbooks[name]
    if locale is not None and locale not in found.locales:
        raise InvalidInput(f"{name} has no locale {locale}; it has {', '.join(found.locales)}")
    if as_json:
        shown = replace(found, taught=found.taught and replace(found.taught, content=b""))
        click.echo(msgspec.json.format(msgspec.json.encode(shown), indent=2).decode())
        return
    chosen = locale or found.locales[0]
    console = Console()
    console.print(f"[bold]{found.title[chosen]}[/] ({found.id} {found.version})")
    console.print(found.description[chosen])
    for table in (_slots(found, chosen), _taxonomy(found, chosen), _flags(found, chosen)):
        console.print()
        console.print(table)
    console.print()
    console.print(_limits(found))
    console.print()
    console.print(_kept(found))
    if found.taught is not None:
        console.print()
        console.print(_weights(found.taught.content))


@playbook.command()
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.argument(
    "stories",
    nargs=-1,
    required=True,
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    metavar="STORIES...",
)
@click.option(
    "--alarms",
    type=click.FloatRange(0, 1),
    default=0.15,
    show_default=True,
    help="The share of calm stories that may raise a red flag, in cross-validation.",
)
def teach(file: Path, stories: tuple[Path, ...], alarms: float) -> None:
    """Teach the playbook FILE by labelled STORIES, and write the weights that it names.

    Each file of stories should be another hand's: every figure that is printed, and all that is
    chosen, rests on models that were taught by the other files alone. The same stories and playbook
    give the same bytes. Needs numpy and scipy.
    """
    from app.core.evaluation.stories import read_stories
    from app.core.evaluation.teaching import teach as learn
    from app.core.understanding.taught import encode_weights

    found = load_playbook(file, taught=False)
    if found.taught is None:
        raise InvalidInput(f"{file} names no file of weights; expected [taught] with file = '…'")
    lesson = learn(found, {path.name: read_stories(path) for path in stories}, alarms)
    headings = ("Tried on", "stories", "flags", "calm alarms", "kind")
    table = Table(*headings, title="By rules, and by rules and model together")
    for one in lesson.found:
        flags = _pair(one.flags_by_rules, one.flags)
        calm = _pair(one.calm_alarms_by_rules, one.calm_alarms)
        kinds = _pair(one.kinds_by_rules, one.kinds)
        table.add_row(one.file, str(one.stories), flags, calm, kinds)
    Console().print(table)
    content = encode_weights(lesson.weights)
    target = file.parent / found.taught.file
    target.write_bytes(content)
    click.echo(f"{target}: {_features(lesson.weights)} features, {len(content):,} bytes")


def _pair(one: "Rate", other: "Rate") -> str:
    if one.value is None or other.value is None:
        return "-"
    return f"{one.value:.1%} > {other.value:.1%}"


def _features(weights: Weights) -> str:
    """Return how many features there are, for red flags and for kinds."""
    return f"{len(weights.by_flag.vocabulary)} + {len(weights.by_kind.vocabulary)}"


def _taught_by(found: Playbook) -> str:
    if found.taught is None:
        return ""
    return f"{sum(read_weights(found.taught.content).stories.values())} stories"


def _summary(found: Playbook) -> str:
    taught = f", taught by {_taught_by(found)}" if found.taught else ""
    return (
        f"sound: {found.id} {found.version}, {', '.join(found.locales)}, {len(found.slots)} slots, "
        f"{len(found.areas)} areas, {len(found.subareas())} kinds of problem, "
        f"{len(found.red_flags)} red flags{taught}"
    )


def _slots(found: Playbook, locale: str) -> Table:
    table = Table("Slot", "Phase", "Kind", "Required", "When", "Question", title="Slots")
    for slot in found.slots:
        needed = "yes" if slot.required else ""
        when = _condition(slot.when) if slot.when else ""
        table.add_row(slot.name, slot.phase, slot.kind, needed, when, slot.question[locale])
    return table


def _condition(when: Condition) -> str:
    parts: list[str] = []
    if when.areas:
        parts.append("in " + ", ".join(when.areas))
    if when.slot:
        parts.append(f"{when.slot} = {' or '.join(when.equals) or 'anything'}")
    if when.complexity:
        parts.append(f"at least {when.complexity}")
    return "; ".join(parts)


def _taxonomy(found: Playbook, locale: str) -> Table:
    table = Table("Code", "Label", "Nature", "Urgency", "Synonyms", "Examples", title="Taxonomy")
    for area in found.areas:
        table.add_row(area.code, f"[bold]{area.label[locale]}[/]", "", "", "", "")
        for sub in area.subareas:
            synonyms, examples = len(sub.synonyms[locale]), len(sub.examples[locale])
            label = f"  {sub.label[locale]}"
            table.add_row(sub.code, label, sub.nature, sub.urgency, str(synonyms), str(examples))
        table.add_section()
    return table


def _flags(found: Playbook, locale: str) -> Table:
    table = Table("Code", "Label", "Urgency", "Human", "Words", "Patterns", title="Red flags")
    for flag in found.red_flags:
        words = sum(map(len, flag.words.values()))
        patterns = sum(map(len, flag.patterns.values()))
        human = "yes" if flag.handoff else ""
        label = flag.label[locale]
        table.add_row(flag.code, label, flag.urgency, human, str(words), str(patterns))
    return table


def _weights(content: bytes) -> Table:
    weights = read_weights(content)
    table = Table("Taught by", "Stories", title="Weights")
    for name, count in weights.stories.items():
        table.add_row(name, str(count))
    table.add_section()
    table.add_row("features", _features(weights))
    return table


def _limits(found: Playbook) -> Table:
    table = Table("Limit", "Value", title="Limits")
    for phase in found.phases:
        since = "" if phase.complexity == "low" else f", {phase.complexity} cases only"
        table.add_row(f"questions in {phase.name}", f"{phase.least} to {phase.most}{since}")
    for level in LEVEL_ORDER:
        budget = found.limits.questions[level]
        table.add_row(f"questions of a {level} case", f"{budget.least} to {budget.most}")
    table.add_row("characters of a message", str(found.limits.message_chars))
    table.add_row("messages of a case", str(found.limits.messages))
    table.add_row("characters of a reply", str(found.limits.reply_chars))
    return table


def _kept(found: Playbook) -> Table:
    ttl, retention = found.ttl, found.retention
    table = Table("What is kept", "For how long", title="Retention")
    table.add_row("an open case, untouched", _span(ttl.active))
    table.add_row("a completed one with its result, untouched", _span(ttl.completed))
    table.add_row("the single words of a finished turn", _span(ttl.turn_log))
    if retention.conversation_days is not None:
        table.add_row("any conversation, at most", f"{retention.conversation_days} days untouched")
    table.add_row("facts in the warehouse", f"{retention.facts_months} months")
    return table


def _span(seconds: int) -> str:
    """Return a span of time as people say it.

    >>> _span(604_800), _span(5_400), _span(60)
    ('7 days', '1.5 hours', '1 minutes')
    """
    for size, name in ((86_400, "days"), (3_600, "hours")):
        if seconds >= size:
            return f"{seconds / size:g} {name}"
    return f"{seconds / 60:g} minutes"
