"""The documents as what they are to a reader: pages whose commands can be typed in, from the top.

docs/writing.md tells authors the rule, and `tests/docs/test_pages.py` holds it: blocks of commands
are run as they stand, in one shell for each page; what a block marked `output` shows has to come; a
comment before a block says what is otherwise.
"""

import re
from collections.abc import Callable, Mapping
from pathlib import Path

from msgspec import Struct

ROOT = Path(__file__).parents[2]
SHELL = frozenset({"sh", "bash"})
_FENCE = re.compile(r"^(?P<indent> *)(?P<ticks>`{3,})(?P<kind>\w*)(?P<rest>[^`\n]*)$")
_NOTE = re.compile(r"^ *<!-- (?P<what>not run|run by|runs until it says):? (?P<text>.+) -->$")
_TITLE = re.compile(r'title="([^"]+)"')
_INSTALLATION = re.compile(r"^<!-- installation: (.+) -->$", re.MULTILINE)
_PORT = re.compile(r"((?:127\.0\.0\.1|localhost):|PORT=|--port[= ])(\d{4,5})\b")
_BEYOND = re.compile(
    r"(?:^|[\s;|&>])(?:/(?:etc|usr|var|opt|srv|root|home)/\S*|~/\S*|sudo|apt-get|apt|systemctl|docker"
    r"|pkill|killall|shutdown|reboot)(?=\s|$)",
    re.MULTILINE,
)
_TOOLS = ("jq", "node", "promtool", "amtool", "nginx", "redis-cli", "lsof", "curl")


class Block(Struct, frozen=True):
    """A fenced block of a page."""

    kind: str
    line: int
    """Where its code begins; the first line of a page is 1."""
    code: list[str]
    """Its lines, without the indentation of a list that it stands in."""
    title: str | None = None
    note: tuple[str, str] | None = None
    """What the comment before it says: its kind and its text."""

    @property
    def runs(self) -> bool:
        """Whether a reader is told to run it, and the test does."""
        told = self.kind in SHELL or (self.kind == "python" and self.title is None)
        return told and (self.note is None or self.note[0] == "runs until it says")


class Page(Struct, frozen=True):
    """A document."""

    path: Path
    """Within the repository."""
    blocks: list[Block]
    installation: dict[str, str] | None
    """Settings of an installation of its own, where it asks for one."""

    @property
    def tools(self) -> set[str]:
        """Programs that its blocks use and that do not come with the product."""
        code = "\n".join("\n".join(one.code) for one in self.blocks if one.runs)
        kinds = {"node"} if any(one.kind in {"js", "ts"} for one in self.blocks) else set()
        return {one for one in _TOOLS if re.search(rf"(?<![\w./-]){one}(?![\w.-])", code)} | kinds


def read_page(path: Path, text: str | None = None) -> Page:
    """Read a document of the repository."""
    text = (ROOT / path).read_text("utf-8") if text is None else text
    given = " ".join(_INSTALLATION.findall(text))
    settings = dict(one.split("=", 1) for one in given.split()) if given else None
    return Page(path, _blocks(text.splitlines()), settings)


def pages() -> list[Page]:
    """Return every document that readers are given."""
    found = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
    return [read_page(path.relative_to(ROOT)) for path in found]


def _blocks(lines: list[str]) -> list[Block]:
    found = []
    before, at = "", 0
    while at < len(lines):
        opening = _FENCE.match(lines[at])
        if opening is None:
            before = lines[at] or before
            at += 1
            continue
        closing = re.compile(rf"^ *{opening['ticks']} *$")
        end = next(no for no in range(at + 1, len(lines)) if closing.match(lines[no]))
        title, note = _TITLE.search(opening["rest"]), _NOTE.match(before)
        block = Block(
            kind=opening["kind"],
            line=at + 2,
            code=[one.removeprefix(opening["indent"]) for one in lines[at + 1 : end]],
            title=title and title[1],
            note=note and (note["what"], note["text"]),
        )
        found.append(block)
        before, at = "", end + 1
    return found


def beyond_folder(block: Block) -> list[str]:
    """Return what a block names that is not its reader's own: it is never run."""
    return _BEYOND.findall("\n".join(block.code))


def ports(page: Page, free: Callable[[], int]) -> dict[str, str]:
    """Say which free port stands for each port of this machine that the page names."""
    code = [line for block in page.blocks for line in block.code]
    text = "\n".join([*code, *(page.installation or {}).values()])
    return {port: str(free()) for port in sorted({port for _, port in _PORT.findall(text)})}


def with_ports(text: str, real: Mapping[str, str]) -> str:
    """Put the real ports in place of those that a text names."""
    return _PORT.sub(lambda one: one[1] + real.get(one[2], one[2]), text)


def script(page: Page, real: Mapping[str, str]) -> str:
    """Return the page as a shell script, in which every line stands where it stands on the page.

    What a block prints goes to the file `$PAGE_OUTPUT/<the block's line>`.
    """
    end = max((one.line + len(one.code) for one in page.blocks), default=0)
    lines = [""] * (end + 1)
    for block in page.blocks:
        code = [with_ports(one, real) for one in block.code]
        word = f"END_OF_{block.line}"
        if block.title is not None:
            before = f"mkdir -p $(dirname {block.title}); cat > {block.title} <<'{word}'"
        elif not block.runs:
            continue
        elif block.note is not None:
            before = f"run_until {_quoted(block.note[1])} <<'{word}'"
        elif block.kind == "python":
            before = f"python - <<'{word}'"
        else:
            before, word = ":", ":"
        lines[block.line - 2] = f'exec > "$PAGE_OUTPUT/{block.line}" 2>&1; {before}'
        lines[block.line - 1 : block.line - 1 + len(code)] = code
        lines[block.line - 1 + len(code)] = word
    return "\n".join(lines) + "\n"


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "'\\''") + "'"


def missing_lines(shown: list[str], printed: str) -> list[str]:
    r"""Return the lines of an output as shown that did not come, from the first such line on.

    >>> missing_lines(["status  …", "ready"], "one\nstatus 4 of 5\nready\n")
    []
    >>> missing_lines(["ready", "status"], "status\nready\n")
    ['status']
    """
    came = iter([" ".join(line.split()) for line in printed.splitlines()])
    wanted = [" ".join(line.split()) for line in shown]
    for number, line in enumerate(wanted):
        pattern = re.compile(".*".join(re.escape(part.strip()) for part in line.split("…")))
        if line.strip("… ") and not any(pattern.search(one) for one in came):
            return wanted[number:]
    return []
