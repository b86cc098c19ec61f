"""How figures and verdicts of experiments are written, wherever they stand."""

from collections.abc import Mapping

from app.core.reporting.document import Tone
from app.domain.experiments import Decision, Unit

SAID: Mapping[Decision, tuple[str, Tone]] = {
    "invalid": ("Invalid", "bad"),
    "roll back": ("Roll back", "bad"),
    "ship": ("Ship", "good"),
    "stop, no effect": ("Stop: no effect that matters", "plain"),
    "keep running": ("Keep running", "plain"),
}
SUFFIXES: Mapping[Unit, str] = {
    "share": " points", "seconds": " s", "points": "", "score": "", "usd": "",
}  # fmt: skip
"""What stands behind a difference."""


def amount(value: float, unit: Unit, *, sign: bool = False) -> str:
    """Write a metric's value, or with its sign a difference.

    >>> amount(0.615, "share"), amount(0.0672, "share", sign=True), amount(-4.26, "seconds")
    ('61.5 %', '+6.7 points', '−4.3 s')
    """
    suffix = " %" if unit == "share" and not sign else SUFFIXES[unit]
    return figure(value, unit, sign=sign) + suffix


def figure(value: float, unit: Unit, *, sign: bool) -> str:
    """Write the number of an amount alone.

    >>> figure(0.0672, "share", sign=True)
    '+6.7'
    """
    mark = ("+" if value > 0 else "−" if value < 0 else "±") if sign else "−" * (value < 0)
    size = abs(value)
    match unit:
        case "share":
            return f"{mark}{100 * size:.1f}"
        case "seconds" | "points":
            return f"{mark}{size:.1f}"
        case "score":
            return f"{mark}{size:.2f}"
        case "usd":
            return f"{mark}${size:.4f}"
