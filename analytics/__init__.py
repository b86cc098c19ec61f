"""Experiment statistics as pure functions of counts and moments; empty until experiments arrive."""
