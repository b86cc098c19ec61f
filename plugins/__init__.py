"""Litestar plugins: flags, analytics, metrics and notifications arrive here with their issues.

Empty so far on purpose: the interview needs none of them to serve.
"""
