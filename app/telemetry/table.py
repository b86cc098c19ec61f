"""The table of all metrics, as the documentation has it."""

from app.telemetry.declared import DECLARED, Metric

BEGIN = "<!-- the metrics, as the code declares them -->"
END = "<!-- the end of the metrics -->"


def table() -> str:
    """Return the metrics as a Markdown table between the marks."""
    head = ["| metric | type | labels | what it says |", "|---|---|---|---|"]
    return "\n".join([BEGIN, "", *head, *map(_row, DECLARED), "", END])


def renewed(document: str) -> str:
    """Return a document with its table brought up to date.

    Raises:
        ValueError: if it has no place for one.
    """
    before, begin, rest = document.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError("the document has no place for the table")
    return before + table() + after


def _row(metric: Metric) -> str:
    kind = f"{metric.kind}, kept" if metric.kept else metric.kind
    labels = ", ".join(f"`{one}`" for one in metric.labels) or "–"
    return f"| `{metric.name}` | {kind} | {labels} | {metric.help} |"
