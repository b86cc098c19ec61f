"""What happened between readings of metrics: rates and quantiles over the last minute."""

from collections import deque
from collections.abc import Iterable, Mapping
from itertools import pairwise
from math import inf

from prometheus_client.parser import text_string_to_metric_families

WINDOW_SECONDS = 60.0

Labels = Mapping[str, str]
Samples = dict[str, dict[tuple[tuple[str, str], ...], float]]
"""Values by name and labels."""


def samples_of(page: str) -> Samples:
    """Return what a page of metrics says.

    Raises:
        ValueError: if it is none.
    """
    found: Samples = {}
    for family in text_string_to_metric_families(page):
        for one in family.samples:
            found.setdefault(one.name, {})[tuple(sorted(one.labels.items()))] = one.value
    return found


class Window:
    """The latest readings of all targets."""

    def __init__(self, seconds: float = WINDOW_SECONDS) -> None:
        """Look back so far."""
        self._seconds = seconds
        self._readings: deque[tuple[float, Mapping[str, Samples]]] = deque()

    def add(self, at: float, pages: Mapping[str, Samples]) -> None:
        """Add a reading; `at` is a time in seconds, `pages` has the samples of each target."""
        self._readings.append((at, pages))
        while len(self._readings) > 2 and at - self._readings[1][0] >= self._seconds:
            self._readings.popleft()

    @property
    def span(self) -> float:
        """How many seconds lie between the oldest and the latest reading."""
        return self._readings[-1][0] - self._readings[0][0] if self._readings else 0.0

    def now(self, name: str, **labels: str) -> float:
        """Return what a gauge comes to at all targets together."""
        latest = self._readings[-1][1] if self._readings else {}
        return sum(
            value
            for page in latest.values()
            for found, value in page.get(name, {}).items()
            if labels.items() <= dict(found).items()
        )

    def grown(
        self, name: str, by: Iterable[str] = (), **labels: str
    ) -> dict[tuple[str, ...], float]:
        """Return by how much counters have grown, told apart by some labels.

        One that has become smaller has begun anew, and counts from zero. What a target had counted
        before it was first read is not known to have happened since.
        """
        wanted = tuple(by)
        sums: dict[tuple[str, ...], float] = {}
        readings = [pages for _, pages in self._readings]
        for before, after in pairwise(readings):
            for target, page in after.items():
                if (earlier := before.get(target)) is None:
                    continue
                last_of = earlier.get(name, {})
                for found, value in page.get(name, {}).items():
                    held = dict(found)
                    if not labels.items() <= held.items():
                        continue
                    last = last_of.get(found, 0.0)
                    key = tuple(held.get(label, "") for label in wanted)
                    sums[key] = sums.get(key, 0.0) + (value - last if value >= last else value)
        return sums

    def per_minute(
        self, name: str, by: Iterable[str] = (), **labels: str
    ) -> dict[tuple[str, ...], float]:
        """Return the same for a minute; nothing where there is only one reading."""
        if self.span <= 0:
            return {}
        return {
            key: 60 * value / self.span for key, value in self.grown(name, by, **labels).items()
        }

    def quantile(self, share: float, name: str, **labels: str) -> float | None:
        """Return a quantile of a histogram's observations in the window, None without any.

        Between two bounds it is interpolated in a straight line, as PromQL's `histogram_quantile`
        does; beyond the last bound it is that bound.
        """
        buckets = sorted(
            (inf if bound == "+Inf" else float(bound), count)
            for (bound,), count in self.grown(f"{name}_bucket", ("le",), **labels).items()
        )
        total = buckets[-1][1] if buckets else 0.0
        if total <= 0:
            return None
        rank, low, below = share * total, 0.0, 0.0
        for bound, count in buckets:
            if count >= rank:
                if bound == inf:
                    return low
                inside = count - below
                return bound if inside <= 0 else low + (bound - low) * (rank - below) / inside
            low, below = bound, count
        return low
