"""The documents hold together: every link leads somewhere, and every command is one."""

import itertools
import re
import shlex
from pathlib import Path
from urllib.parse import unquote

import click
import pytest

from app.cli import main
from tests.support.pages import SHELL

ROOT = Path(__file__).parents[2]
DOCUMENTS = sorted(
    path.relative_to(ROOT)
    for path in (*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *(ROOT / "app").rglob("*.md"))
    if "node_modules" not in path.parts
)
_LINK = re.compile(r"(?<!`)\[[^\]]*\]\(([^)\s]+)\)")
_FENCE = re.compile(r"^```(\w*)\n(.*?)^```", re.MULTILINE | re.DOTALL)
_QUOTED = re.compile(r'"[^"]*"')
_INLINE = re.compile(r"(?<!`)`(triage [a-z][^`]*)`")
_ASSIGNMENT = re.compile(r"^[A-Z_]+=")


def text_of(document: Path) -> str:
    """Return a document's text."""
    return (ROOT / document).read_text("utf-8")


def anchors(document: Path) -> set[str]:
    """Return the anchors of a document's headings, as GitHub makes them."""
    prose = _FENCE.sub("", text_of(document))
    headings = re.findall(r"^#+ +(.+?) *$", prose, re.MULTILINE)
    plain = (re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", one).lower() for one in headings)
    return {re.sub(r"[^\w\- ]", "", one).replace(" ", "-") for one in plain}


@pytest.mark.parametrize("document", DOCUMENTS, ids=str)
def test_every_link_leads_somewhere(document: Path) -> None:
    """To a file of the repository and, where it names one, to a heading in it."""
    lost = []
    for link in _LINK.findall(_FENCE.sub("", text_of(document))):
        if link.startswith(("http://", "https://", "mailto:")):
            continue
        place, _, anchor = unquote(link).partition("#")
        target = (ROOT / document.parent / place).resolve() if place else ROOT / document
        if not target.exists() or (anchor and anchor not in anchors(target.relative_to(ROOT))):
            lost.append(link)
    assert lost == []


def alternatives(told: str) -> list[str]:
    """Return the commands that one of a sentence stands for.

    >>> alternatives("triage keys list|rotate NAME")
    ['triage keys list NAME', 'triage keys rotate NAME']
    """
    choices = [word.split("|") for word in told.split()]
    return [" ".join(words) for words in itertools.product(*choices)]


def commands() -> list[tuple[str, str]]:
    """Return every `triage` command of every example and every sentence, with where it stands."""
    found = []
    for document in DOCUMENTS:
        text = text_of(document)
        said = [one for told in _INLINE.findall(_FENCE.sub("", text)) for one in alternatives(told)]
        shown = [code for kind, code in _FENCE.findall(text) if kind in SHELL]
        for code in ["\n".join(said), *shown]:
            whole = _QUOTED.sub('"…"', code)
            for line in whole.replace("\\\n", " ").splitlines():
                for part in re.split(r"\s(?:\||&&|;)\s|\s+#\s", line.removeprefix("$ ")):
                    words = [one for one in part.split() if not _ASSIGNMENT.match(one)]
                    if words and words[0].rpartition("/")[2] == "triage":
                        found.append((str(document), " ".join(words[1:])))
    return sorted(set(found))


@pytest.mark.parametrize(("document", "command"), commands())
def test_every_command_is_one(document: str, command: str) -> None:
    """It names a command that exists, with options that it knows and as many words as it takes."""
    words = shlex.split(re.split(r"\s[<>]\s|\s2>", command)[0])
    context = click.Context(main, info_name="triage")
    group: click.Command = main
    while isinstance(group, click.Group) and words and not words[0].startswith("-"):
        name = words.pop(0)
        known = group.get_command(context, name)
        assert known is not None, f"{document}: there is no `{name}` in `triage {command}`"
        context = click.Context(known, info_name=name, parent=context, resilient_parsing=True)
        group = known
    known_options = {text for one in group.params for text in (*one.opts, *one.secondary_opts)}
    given = {word.partition("=")[0] for word in words if re.match(r"--?[a-zA-Z]", word)}
    assert given <= known_options | {"--help"}, f"{document}: {given - known_options}"


def test_there_are_documents_and_commands() -> None:
    """They are found by looking, so a reader of these tests knows that some were."""
    assert len(DOCUMENTS) > 40
    assert len(commands()) > 60
