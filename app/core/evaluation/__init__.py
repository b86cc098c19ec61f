"""Labelled stories and scripted persons: how well the rules understand and how interviews go."""
