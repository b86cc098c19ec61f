"""Experiments, from their declaration to the report: what was settled, what was seen, what to do.

`declaration` says what was settled before; `aggregates` asks the warehouse for moments and nothing
else; `assessment` puts the statistics of `analytics` together into one report.
"""
