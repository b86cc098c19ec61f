"""The sub-commands of `triage`, one module each, imported only when they are called.

A command reads the settings from the environment, builds what it needs and prints. The API and the
worker have composition roots of their own, which `serve` and `worker` start.
"""
