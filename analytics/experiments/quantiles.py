"""Quantiles of a warehouse's values, with the interval of order statistics."""

from analytics.experiments.aggregates import Evidence
from analytics.experiments.declaration import Metric
from analytics.quantiles import Quantile, Ranks, design_effect, quantile_ranks
from analytics.results import NotComputable


def quantiles_of(evidence: Evidence, metric: Metric) -> dict[str, Quantile]:
    """Return a quantile metric's quantile in each arm that has enough values for one.

    One person may bring several values: how much more that makes the share at or below vary widens
    the interval.
    """
    q = metric.q or 0.5
    sizes = {arm: n for arm, n in evidence.sizes(metric).items() if n}
    middle = evidence.at_shares(metric, {arm: [q] for arm in sizes})
    persons = evidence.below(metric, {arm: found for arm, (found,) in middle.items()})
    ranks = {}
    for arm, n in sizes.items():
        wider = design_effect(persons[arm], q) if persons[arm].n < n else 1.0
        found = quantile_ranks(
            n, q, design_effect=1.0 if isinstance(wider, NotComputable) else wider
        )
        if isinstance(found, Ranks):
            ranks[arm] = found
    ends = evidence.at_shares(metric, {arm: [one.lower, one.upper] for arm, one in ranks.items()})
    return {
        arm: Quantile(n=sizes[arm], q=q, estimate=middle[arm][0], lower=low, upper=high)
        for arm, (low, high) in ends.items()
    }
