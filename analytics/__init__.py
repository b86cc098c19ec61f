"""Experiment statistics as pure functions of counts and centred moments.

What comes in is `analytics.moments`: counts, moments, joint moments. What comes out is
`analytics.results`: an effect whose interval and p belong together, or `NotComputable` with its
reason. In between, one module for each question:

| module | answers |
|---|---|
| `metrics` | one metric of two arms, as the report shows it; start here |
| `means`, `lifts` | differences and lifts of means (`arms` is what all comparisons share) |
| `proportions`, `score_intervals`, `exact` | shares of persons |
| `ratios`, `cuped`, `quantiles`, `nps` | cost per triage, covariates, p50 to p99, points |
| `srm` | sample ratio mismatch, at the end and while running |
| `sequential`, `group_sequential` | looking often |
| `noninferiority`, `multiplicity` | guardrails; several questions at once |
| `power`, `outlook` | sample size; how long it still takes |
| `bayes` | chance to win and expected loss |
| `slices`, `novelty` | interaction, strata, Simpson's paradox, days since exposure |
| `verdict` | what to do |
| `simulate` (`scenarios`, `people`) | proof by simulation |

Nothing here reads a file, a socket or a clock, except `analytics.warehouse`, which has its own
story. Methods and sources are told in docs/statistics.md.
"""
