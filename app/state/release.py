"""What this release can serve, so that releases live side by side while one replaces the other.

A case notes its playbook and the highest level of those who wrote to it. Whoever would work on it
says what it can, and a script that finds that it cannot gives it nothing: no turn is begun by one
that would have to hand it on, and nothing newer is read in part, or overwritten.
"""

from collections.abc import Collection

LEVEL = 1
"""Raise it by one in a release that writes values which the one before it cannot read: a new field
or kind of command, turn, state or job, for they are read strictly. It is never lowered."""


def able(playbooks: Collection[str] | None) -> tuple[int, str]:
    r"""Return what a process can, as scripts take it: its level, and the playbooks that it has.

    >>> able(["b", "a"])[1], able(None)[1]
    ('\na\nb\n', '')

    Args:
        playbooks: their ids; None for whoever works on no case, or on any.
    """
    known = [] if playbooks is None else sorted(playbooks)
    return LEVEL, "".join(f"\n{one}" for one in known) + ("\n" if known else "")
