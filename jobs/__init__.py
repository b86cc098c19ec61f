"""Background work on arq: the worker, the second composition root, and what it does.

arq wakes and schedules; what is true stands with each case.
"""
