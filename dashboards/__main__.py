"""`python -m dashboards`: write the pages as the JSON that Grafana provisions."""

from pathlib import Path

from dashboards import ai_cost, experiments, performance, service_health
from dashboards.building import Page, build
from dashboards.model import document

FOLDER = Path(__file__).parent / "grafana" / "dashboards"
PAGES: tuple[Page, ...] = (ai_cost.PAGE, performance.PAGE, experiments.PAGE, service_health.PAGE)


def documents() -> dict[str, bytes]:
    """Return every page as it is to be committed, by the name of its file."""
    return {f"{page.uid.removeprefix('triage-')}.json": document(build(page)) for page in PAGES}


def main() -> None:
    """Write them, and remove what is no page any more."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    written = documents()
    for left in set(FOLDER.glob("*.json")) - {FOLDER / name for name in written}:
        left.unlink()
    for name, content in written.items():
        (FOLDER / name).write_bytes(content)


if __name__ == "__main__":
    main()
