"""PromQL that several panels have in common.

`$__rate_interval` is Grafana's own: at least four scrapes, and more where the page shows more time.
Gauges that every process reads from the storage are the same everywhere: their `max` is the value.
"""

WINDOW = "$__rate_interval"
CALLS = "triage_ai_calls_total"


def per_second(counter: str, *by: str, where: str = "") -> str:
    """Return how much a counter grows a second, over all processes."""
    return f"sum{_by(by)} (rate({counter}{_where(where)}[{WINDOW}]))"


def per_hour(counter: str, *by: str, where: str = "") -> str:
    """Return how much a counter grows an hour at its present pace, over all processes."""
    return f"3600 * {per_second(counter, *by, where=where)}"


def quantile(share: float, histogram: str, *by: str, where: str = "") -> str:
    """Return the value that this share of observations stays below, over all processes.

    Where nothing was observed there is none: the comparison drops what is not a number.
    """
    rates = f"rate({histogram}_bucket{_where(where)}[{WINDOW}])"
    return f"histogram_quantile({share}, sum{_by(('le', *by))} ({rates})) >= 0"


def only_some(series: str, label: str, otherwise: str) -> str:
    """Return those of many series that are not zero, and a line at zero under a name of its own."""
    return f'({series} > 0) or label_replace(vector(0), "{label}", "{otherwise}", "", "")'


def mean(histogram: str, *by: str) -> str:
    """Return the mean of what was observed, over all processes."""
    return f"{per_second(f'{histogram}_sum', *by)} / ({per_second(f'{histogram}_count', *by)} > 0)"


def value(gauge: str, *by: str) -> str:
    """Return a gauge that every process reads from the storage."""
    return f"max{_by(by)} ({gauge})"


def success(*by: str) -> str:
    """Return the share of attempts at models that completed; those given up by us do not count."""
    good = per_second(CALLS, *by, where='outcome="completed"')
    return f"{good} / ({per_second(CALLS, *by, where=COUNTED)} > 0)"


COUNTED = 'outcome!="cancelled"'
FAILED = 'outcome!~"completed|cancelled"'


def _by(labels: tuple[str, ...]) -> str:
    return f" by ({', '.join(labels)})" if labels else ""


def _where(matchers: str) -> str:
    return f"{{{matchers}}}" if matchers else ""
