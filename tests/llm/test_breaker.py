"""Circuit breakers, as values and as a set."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.usage import Attempt
from app.llm.breaker import Breaker, BreakerPolicy
from app.llm.breakers import Breakers, Key
from app.llm.errors import (
    AccessDenied,
    InvalidOutput,
    ModelError,
    Overloaded,
    ProviderRejected,
    ProviderTimeout,
    RateLimited,
    Refused,
    StreamCut,
)

POLICY = BreakerPolicy(threshold=3, cool_down=10.0, denied=100.0, probe=30.0)
KEY: Key = ("openai", "gpt-asked")


class Clock:
    """A clock that a test sets."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        """Return the time that was set."""
        return self.now


def error(
    kind: type[ModelError], status: int | None = None, after: float | None = None
) -> ModelError:
    """Return an error of this kind."""
    attempt = Attempt(
        provider="openai",
        operation="interview",
        model="gpt-asked",
        outcome="failed",
        status=status,
        started_ms=0,
        latency_ms=0.0,
    )
    return kind("x", attempt, after)


def opened(*, at: float = 0.0) -> Breaker:
    """Return a breaker that has just opened."""
    breaker = Breaker()
    for _ in range(POLICY.threshold):
        breaker = breaker.failed(at, POLICY)
    return breaker


def test_only_a_run_of_failures_opens() -> None:
    """A success between failures starts the count again."""
    breaker = Breaker().failed(0.0, POLICY).failed(0.0, POLICY).succeeded().failed(0.0, POLICY)
    assert breaker.admit(0.0, POLICY) is not None
    assert opened().admit(0.0, POLICY) is None


def test_after_cooling_down_one_probe_passes() -> None:
    """The first call passes, the second one waits for its fate."""
    probing = opened().admit(10.0, POLICY)
    assert probing is not None
    assert probing.admit(10.0, POLICY) is None
    assert probing.succeeded() == Breaker()
    again = probing.failed(11.0, POLICY)
    assert again.admit(20.9, POLICY) is None
    assert again.admit(21.0, POLICY) is not None


def test_a_probe_that_ends_without_a_word_makes_room() -> None:
    """Somebody who leaves in the middle of a probe blocks nobody."""
    probing = opened().admit(10.0, POLICY)
    assert probing is not None
    assert probing.released().admit(10.0, POLICY) is not None


def test_a_lost_probe_does_not_block_for_ever() -> None:
    """A probe that was never heard of again is given up."""
    probing = opened().admit(10.0, POLICY)
    assert probing is not None
    assert probing.admit(39.9, POLICY) is None
    assert probing.admit(40.0, POLICY) is not None


def test_a_named_wait_is_honoured_from_the_first_failure() -> None:
    """Retry-After opens at once, and a shorter word never cuts a longer one."""
    breaker = Breaker().failed(0.0, POLICY, retry_after=25.0)
    assert breaker.admit(24.9, POLICY) is None
    assert breaker.failed(1.0, POLICY, retry_after=2.0).admit(24.9, POLICY) is None
    assert breaker.admit(25.0, POLICY) is not None


steps = st.lists(
    st.tuples(
        st.floats(min_value=0, max_value=40),
        st.sampled_from(["ask", "fail", "succeed", "release", "deny", "wait"]),
        st.floats(min_value=0, max_value=60),
    ),
    max_size=40,
)


def asked(breaker: Breaker, now: float) -> Breaker:
    """Ask to pass, and check that the answer is right."""
    admitted = breaker.admit(now, POLICY)
    if breaker.open_until is None:
        assert admitted == breaker
    elif admitted is not None:
        assert now >= breaker.open_until
        assert admitted.admit(now, POLICY) is None
    else:
        assert now < breaker.open_until or breaker.probe_until is not None
    return admitted or breaker


@given(steps)
def test_whatever_happens_a_breaker_keeps_its_promises(
    history: list[tuple[float, str, float]],
) -> None:
    """Closed lets pass, open lets nothing pass in time, half open lets one pass, and it heals."""
    now, breaker, failures = 0.0, Breaker(), 0
    for gap, what, seconds in history:
        now += gap
        before = breaker
        match what:
            case "ask":
                breaker = asked(breaker, now)
            case "fail":
                breaker = breaker.failed(now, POLICY)
                failures += 1
            case "wait":
                breaker = breaker.failed(now, POLICY, retry_after=seconds)
                failures += 1
                assert breaker.open_until is not None
                assert breaker.open_until >= now + seconds
            case "deny":
                breaker = breaker.denied(now, POLICY)
                failures += 1
                assert breaker.admit(now + POLICY.denied - 0.001, POLICY) is None
            case "succeed":
                breaker, failures = breaker.succeeded(), 0
                assert breaker.admit(now, POLICY) == Breaker()
            case _:
                breaker = breaker.released()
        if failures >= POLICY.threshold:
            assert breaker.open_until is not None
        if before.open_until is not None and what in {"fail", "wait", "deny"}:
            assert breaker.open_until is not None
            assert breaker.open_until >= before.open_until
    longest = max(POLICY.denied, POLICY.cool_down, POLICY.probe, 60.0)
    assert breaker.admit(now + longest, POLICY) is not None


@pytest.mark.parametrize(
    ("failure", "passes"),
    [
        (error(AccessDenied, 401), False),
        (error(AccessDenied, 403), False),
        (error(ProviderRejected, 404), False),
        (error(RateLimited, 429, 5.0), False),
        (error(RateLimited, 429), True),
        (error(Overloaded, 529), True),
        (error(StreamCut), True),
    ],
)
def test_what_opens_at_once(failure: ModelError, *, passes: bool) -> None:
    """A refused key, an unknown model and a named wait open; a single stumble does not."""
    breakers = Breakers(POLICY, Clock())
    breakers.failed(KEY, failure)
    assert (breakers.admit(KEY) is not None) is passes


@pytest.mark.parametrize("kind", [Refused, InvalidOutput, ProviderRejected])
def test_an_answer_nobody_likes_is_still_a_sign_of_life(kind: type[ModelError]) -> None:
    """What speaks about the request, not the provider, ends a run of failures."""
    breakers = Breakers(POLICY, Clock())
    for failure in (ProviderTimeout, ProviderTimeout, kind, ProviderTimeout):
        breakers.failed(KEY, error(failure, 400))
    assert breakers.admit(KEY) is not None


def test_breakers_are_kept_apart() -> None:
    """One model's failures close no door to another's."""
    breakers = Breakers(POLICY, Clock())
    breakers.failed(KEY, error(AccessDenied, 401))
    assert breakers.admit(KEY) is None
    assert breakers.admit(("openai", "other")) is not None
    assert breakers.admit(("anthropic", "gpt-asked")) is not None


def test_leaving_a_call_tells_the_breaker() -> None:
    """An error counts, an answer closes, and a cancelled probe makes room for the next."""
    clock = Clock()
    breakers = Breakers(POLICY, clock)
    breakers.failed(KEY, error(RateLimited, 429, 5.0))
    clock.now += 5.0
    probe = breakers.admit(KEY)
    assert probe is not None
    with pytest.raises(GeneratorExit), probe:
        raise GeneratorExit
    probe = breakers.admit(KEY)
    assert probe is not None
    with probe:
        assert breakers.admit(KEY) is None
        probe.answered()
    assert breakers.state(KEY) == Breaker()
    call = breakers.admit(KEY)
    assert call is not None
    with pytest.raises(StreamCut), call:
        raise error(StreamCut)
    assert breakers.state(KEY).failures == 1
