"""What the site does with the documents: its first page, its lists, and links that leave it.

The documents are written to be read in the repository. A link to a file outside of `docs` leads
nowhere in the site, so there it is plain text. Runbooks and decisions are listed by what is in
their folders.
"""

import re
from pathlib import Path
from typing import Any

from mkdocs.structure.files import File

_ROOT = Path(__file__).parents[1]
_LINK = re.compile(r"(?<!!)\[([^\]]*)\]\(([^)\s#]+)(#[^)\s]*)?\)")
_ELSEWHERE = re.compile(r"(?<!!)\[([^\]]*)\]\((?!https?://|docs/)[^)#]+\)")
_FROM_ROOT = re.compile(r"(\]\(|src=\")docs/")


def on_config(config: Any) -> Any:
    """List what stands in the folders that the navigation names."""
    docs = Path(config["docs_dir"])
    for section in config["nav"]:
        for title, place in section.items():
            if isinstance(place, str) and (docs / place).is_dir():
                names = sorted(one.name for one in (docs / place).glob("*.md"))
                section[title] = [f"{place}/{name}" for name in names]
    return config


def on_files(files: Any, config: Any) -> Any:
    """Make the README the first page: its links then start from `docs`."""
    text = _ELSEWHERE.sub(r"\1", (_ROOT / "README.md").read_text("utf-8"))
    files.append(File.generated(config, "index.md", content=_FROM_ROOT.sub(r"\1", text)))
    return files


def on_page_markdown(markdown: str, page: Any, config: Any, files: Any) -> str:
    """Leave only the text of links to what is no file of the site."""
    del files
    docs = Path(config["docs_dir"])
    here = (docs / page.file.src_uri).parent

    def kept(found: "re.Match[str]") -> str:
        if "://" in found[2]:
            return found[0]
        target = (here / found[2]).resolve()
        return found[0] if target.is_file() and target.is_relative_to(docs) else found[1]

    return _LINK.sub(kept, markdown)
