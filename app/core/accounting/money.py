"""Money as people write it: USD with up to nine decimals, for whole nano-USD."""

import re
from decimal import Decimal

from app.domain.errors import InvalidInput
from app.domain.ledger import MOST_NANO_USD

USD = r"^\d{1,7}(\.\d{1,9})?$"
"""How an amount in USD is written."""
_NANO = 1_000_000_000


def nano_usd(text: str) -> int:
    """Return the nano-USD of an amount in USD.

    >>> nano_usd("25"), nano_usd("0.000000001")
    (25000000000, 1)

    Raises:
        InvalidInput: if it is no such amount, or more than a budget can be.
    """
    if re.fullmatch(USD, text) is None or Decimal(text) * _NANO > MOST_NANO_USD:
        raise InvalidInput(f"{text!r} is no amount in USD, such as 25 or 0.50, below 9 million")
    return int(Decimal(text) * _NANO)


def usd(nano: int) -> str:
    """Return nano-USD as an amount in USD, with at least two decimals and none that is needless.

    >>> usd(25_000_000_000), usd(1_525_000), usd(-1)
    ('25.00', '0.001525', '-0.000000001')
    """
    whole, rest = divmod(abs(nano), _NANO)
    decimals = f"{rest:09d}".rstrip("0").ljust(2, "0")
    return f"{'-' * (nano < 0)}{whole}.{decimals}"
