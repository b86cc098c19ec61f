"""A circuit breaker as a value: it is told what happened and when, and says what may pass.

Closed, everything passes. After a run of failures it opens, and nothing passes until it has cooled
down; then one probe passes, and its fate closes the breaker or opens it again.
"""

import msgspec
from msgspec import Struct


class BreakerPolicy(Struct, frozen=True, kw_only=True):
    """When a breaker opens, and for how long."""

    threshold: int = 4
    """Failures in a row that open it."""
    cool_down: float = 20.0
    """Seconds before a probe."""
    denied: float = 300.0
    """Seconds before a probe where the key was not accepted: nothing heals that by itself."""
    probe: float = 60.0
    """Seconds after which a probe that was never heard of again no longer blocks the next one."""


class Breaker(Struct, frozen=True, kw_only=True):
    """What is known about one provider's model. Times are seconds of any clock that only grows."""

    failures: int = 0
    """In a row."""
    open_until: float | None = None
    """None is closed."""
    probe_until: float | None = None
    """Set while a probe is out."""

    def admit(self, now: float, policy: BreakerPolicy) -> "Breaker | None":
        """Return the breaker with one more call under way; None where none may pass.

        >>> policy = BreakerPolicy(threshold=1, cool_down=10.0)
        >>> opened = Breaker().failed(0.0, policy)
        >>> opened.admit(9.0, policy) is None
        True
        >>> opened.admit(10.0, policy).probe_until
        70.0
        """
        if self.open_until is None:
            return self
        if now < self.open_until or (self.probe_until is not None and now < self.probe_until):
            return None
        return msgspec.structs.replace(self, probe_until=now + policy.probe)

    def succeeded(self) -> "Breaker":
        """Return the breaker after an answer: closed, whatever was before."""
        return Breaker()

    def released(self) -> "Breaker":
        """Return the breaker after a call that says nothing, such as one that was cancelled."""
        return msgspec.structs.replace(self, probe_until=None)

    def failed(
        self, now: float, policy: BreakerPolicy, retry_after: float | None = None
    ) -> "Breaker":
        """Return the breaker after a failure.

        A provider that names a time to wait has it from the first failure on. A failed probe opens
        the breaker again; a late failure of an older call never opens it for a shorter time.
        """
        failures = self.failures + 1
        until = self.open_until
        if retry_after is not None:
            until = max(until or now, now + retry_after)
        elif failures >= policy.threshold or self.probe_until is not None:
            until = max(until or now, now + policy.cool_down)
        return Breaker(failures=failures, open_until=until)

    def denied(self, now: float, policy: BreakerPolicy) -> "Breaker":
        """Return the breaker after the key was not accepted: open at once."""
        return self.failed(now, policy, retry_after=policy.denied)
