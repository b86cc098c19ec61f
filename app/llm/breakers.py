"""The breakers of all providers and models, and which errors count against them."""

import time
from collections.abc import Callable
from types import TracebackType
from typing import Self

from app.domain.usage import Provider
from app.llm.breaker import Breaker, BreakerPolicy
from app.llm.errors import AccessDenied, InvalidOutput, ModelError, ProviderRejected, Refused

NO_SUCH_MODEL = 404

Key = tuple[Provider, str]
"""A provider and its name of a model."""


class Breakers:
    """One breaker for each provider and model name, closed until something happens."""

    def __init__(
        self, policy: BreakerPolicy | None = None, clock: Callable[[], float] = time.monotonic
    ) -> None:
        """Judge by `policy`; `clock` gives seconds and only grows."""
        self._policy = policy or BreakerPolicy()
        self._clock = clock
        self._states: dict[Key, Breaker] = {}

    def state(self, key: Key) -> Breaker:
        """Return the breaker as it is."""
        return self._states.get(key, Breaker())

    def is_open(self, key: Key) -> bool:
        """Say whether calls are passed over, but for a probe now and then."""
        return self.state(key).open_until is not None

    def admit(self, key: Key) -> "Call | None":
        """Let one call pass, or none."""
        admitted = self.state(key).admit(self._clock(), self._policy)
        if admitted is None:
            return None
        self._states[key] = admitted
        return Call(self, key, probe=admitted.probe_until is not None)

    def succeeded(self, key: Key) -> None:
        """Note that the provider answered."""
        self._states[key] = self.state(key).succeeded()

    def failed(self, key: Key, error: ModelError) -> None:
        """Note how an attempt failed. Only what speaks about the provider's health counts."""
        state, now = self.state(key), self._clock()
        match error:
            case AccessDenied():
                state = state.denied(now, self._policy)
            case ProviderRejected() if error.attempt.status == NO_SUCH_MODEL:
                state = state.denied(now, self._policy)
            case Refused() | InvalidOutput() | ProviderRejected():
                state = state.succeeded()
            case _:
                state = state.failed(now, self._policy, error.retry_after)
        self._states[key] = state

    def released(self, key: Key) -> None:
        """Note that a probe ended without saying anything."""
        self._states[key] = self.state(key).released()


class Call:
    """A call that was let pass. Leaving it tells its breaker how it went."""

    def __init__(self, breakers: Breakers, key: Key, *, probe: bool) -> None:
        self._breakers = breakers
        self._key = key
        self._probe = probe

    def answered(self) -> None:
        """Note the success as soon as it is known: the caller may leave at once."""
        self._probe = False
        self._breakers.succeeded(self._key)

    def __enter__(self) -> Self:
        """Begin the call."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """End it: a `ModelError` is judged, anything else only frees the place of a probe."""
        if isinstance(error, ModelError):
            self._breakers.failed(self._key, error)
        elif self._probe:
            self._breakers.released(self._key)
