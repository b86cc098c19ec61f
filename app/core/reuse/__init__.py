"""Kept analyses: when two cases are the same to an analyst, and what that saves."""
