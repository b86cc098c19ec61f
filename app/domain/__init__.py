"""Values: what a case, a turn, an assessment, a result and a playbook are.

Everything here is a frozen struct or a pure function of such structs. This room imports nothing
of the project and reaches nothing outside of it, so every other room may speak its language.
"""
