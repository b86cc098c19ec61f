"""Facts on their way: flat, under one id, and read by name."""

import msgspec
import pytest

from app.domain.facts import FACTS, encode, flattened, kind_of
from app.domain.ledger import UnitPrices
from tests.support.warehouses import MIDNIGHT, call, rating


def test_a_fact_is_read_as_a_flat_row() -> None:
    """Whose case it is stands beside what happened."""
    fact = rating("c", 7)
    row = flattened(encode(fact))
    assert (row["kind"], row["id"], row["occurred_ms"]) == ("rating", fact.id, fact.occurred_ms)
    assert (row["case_id"], row["person"], row["score"]) == ("c", "person-of-c", 7)


def test_a_row_of_the_ledger_is_a_fact_of_its_completion() -> None:
    """Under its own id, with its unit prices beside it where there are any."""
    fact = call("c", "x", 5, prices=UnitPrices(input=3, output=4))
    row = flattened(encode(fact))
    assert (row["kind"], row["id"], row["occurred_ms"]) == ("ai_call", fact.id, MIDNIGHT)
    assert fact.occurred_ms == MIDNIGHT
    assert (row["price_input"], row["price_output"], row["price_cached"]) == (3, 4, None)
    assert "prices" not in flattened(encode(call("c", "y", None)))


def test_fields_of_newer_versions_are_kept() -> None:
    """Reading is by name."""
    data = msgspec.msgpack.decode(encode(rating("c", 7)))
    data["mood"] = "calm"
    assert flattened(msgspec.msgpack.encode(data))["mood"] == "calm"


@pytest.mark.parametrize("missing", ["kind", "id", "occurred_ms", "about"])
def test_what_lacks_the_least_is_no_fact(missing: str) -> None:
    """Its kind, its id, its time and its case."""
    data = msgspec.msgpack.decode(encode(rating("c", 7)))
    del data[missing]
    with pytest.raises(msgspec.ValidationError, match="a fact has no"):
        flattened(msgspec.msgpack.encode(data))


def test_every_kind_has_a_name_of_its_own() -> None:
    """It is the name of its table."""
    assert len({kind_of(one) for one in FACTS}) == len(FACTS)
