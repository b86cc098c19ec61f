"""MinHash: how alike two texts are, from short signatures, and which are worth comparing.

It estimates the Jaccard similarity J of two sets of word pairs (Broder 1997): each of its K
functions agrees with probability J, so the estimate's standard error is sqrt(J (1 - J) / K), at
most 0.044 for K = 128. Bands of R values find candidates: two texts share one of B bands with
probability 1 - (1 - J^R)^B, 0.95 at J = 0.8 and above 0.9999 at J = 0.9 (Leskovec, Rajaraman and
Ullman, Mining of Massive Datasets, 3.4).
"""

import hashlib
from collections.abc import Iterator, Sequence
from itertools import pairwise

K = 128
ROWS = 8
BANDS = K // ROWS

_PRIME = (1 << 61) - 1


def signature(tokens: Sequence[str]) -> tuple[int, ...]:
    """Return K minima of a sequence of words, by its pairs of neighbours; empty for no words."""
    pairs = {f"{one} {other}" for one, other in pairwise(tokens)} or set(tokens)
    hashes = [_hash(pair) for pair in pairs]
    if not hashes:
        return ()
    return tuple(
        min((factor * one + summand) % _PRIME for one in hashes) for factor, summand in _FUNCTIONS
    )


def similarity(one: Sequence[int], other: Sequence[int]) -> float:
    """Return the estimated Jaccard similarity of two signatures, between 0 and 1.

    Raises:
        ValueError: if they are not of the same length.
    """
    return sum(a == b for a, b in zip(one, other, strict=True)) / max(1, len(one))


def bands(scope: str, signed: Sequence[int]) -> tuple[str, ...]:
    """Return the names of a signature's bands within a scope; near texts have one in common."""
    rows = [signed[start : start + ROWS] for start in range(0, len(signed), ROWS)]
    return tuple(
        hashlib.sha256(f"{scope} {number} {row}".encode()).hexdigest()[:32]
        for number, row in enumerate(rows)
    )


def _hash(text: str) -> int:
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "big")


def _functions() -> Iterator[tuple[int, int]]:
    for number in range(K):
        drawn = hashlib.sha256(f"minhash {number}".encode()).digest()
        yield (
            int.from_bytes(drawn[:8], "big") % (_PRIME - 1) + 1,
            int.from_bytes(drawn[8:16], "big") % _PRIME,
        )


_FUNCTIONS = tuple(_functions())
