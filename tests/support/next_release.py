"""`triage` as the release after this one might be: what it writes of cases, this one cannot read.

As a script it takes the arguments of `triage`. A state carries one field more, and the level of the
release is one higher, which is all that such a release has to do.
"""

from app.domain import case
from app.state import release


class CaseState(
    case.CaseState, frozen=True, kw_only=True, forbid_unknown_fields=True, tag="case/1"
):
    """A case, and what the next release knows of it besides."""

    mood: str = "calm"


if __name__ == "__main__":
    # Before anything else of the product is imported: there are no other names for these yet.
    case.CaseState = CaseState  # type: ignore[misc]
    release.LEVEL += 1
    from app.cli import main

    main()
