"""What the proofs of security share with those under faults."""

from tests.faults.conftest import forks, make_fleet, show

__all__ = ["forks", "make_fleet", "show"]
