"""Reports are entered once, worked on by one, and known for what became of them."""

from collections.abc import AsyncIterator
from datetime import date

import pytest

from app.embedded import EmbeddedValkey
from app.state.figures import FigureReader
from app.state.reports import ReportName, Reports, ReportState
from app.state.store import Store

NAME = ReportName(kind="costs", day=date(2026, 11, 23))
WEEK = ReportName(kind="performance", day=date(2026, 11, 16))


@pytest.fixture
async def empty_store(empty_valkey: EmbeddedValkey) -> AsyncIterator[Store]:
    """A connection to a server with nothing on it."""
    made = Store(empty_valkey.url)
    yield made
    await made.close()


@pytest.fixture
def reports(empty_store: Store) -> Reports:
    """The reports of a new installation."""
    return Reports(empty_store)


async def test_the_first_look_is_remembered(reports: Reports) -> None:
    """Whoever looks later gets the same."""
    assert await reports.since_ms(5) == 5
    assert await reports.since_ms(9) == 5


async def test_each_is_entered_once_for_ever(reports: Reports) -> None:
    """Also after it is over."""
    await reports.enter([NAME, WEEK], 10)
    await reports.enter([NAME], 20)
    assert await reports.due(9) == []
    assert await reports.due(10) == [NAME, WEEK]
    await reports.sent(NAME, 30)
    await reports.enter([NAME, WEEK], 40)
    assert await reports.due(100) == [WEEK]
    assert await reports.next_ms() == 10
    await reports.give_up(WEEK, 50)
    await reports.enter([WEEK], 60)
    assert await reports.next_ms() is None
    known = await reports.known()
    assert list(known) == [NAME, WEEK]
    assert (known[NAME].sent_ms, known[WEEK].given_up_ms) == (30, 50)
    assert all(one.over for one in known.values())


async def test_one_works_on_it_at_a_time(reports: Reports) -> None:
    """Only who has the right can keep it or give it back."""
    claim = await reports.claim(NAME)
    assert claim is not None
    assert await reports.claim(NAME) is None
    assert await reports.claim(WEEK) is not None
    assert await reports.holds(claim)
    stranger = type(claim)(name=NAME, lease="other")
    await reports.release(stranger)
    assert not await reports.holds(stranger)
    await reports.release(claim)
    assert not await reports.holds(claim)
    assert await reports.claim(NAME) is not None


async def test_what_failed_comes_again(reports: Reports, empty_store: Store) -> None:
    """At its time, with a count of attempts and what was to be told; then its arrival is noted."""
    await reports.enter([NAME], 10)
    await reports.made(NAME, b"told", 11)
    await reports.postponed(NAME, "one", 500)
    await reports.postponed(NAME, "two", 900)
    assert await reports.due(899) == []
    assert await reports.due(900) == [NAME]
    assert await reports.state(NAME) == ReportState(
        made_ms=11, tries=2, error="two", message=b"told"
    )
    assert (await FigureReader(empty_store).read()).reports == {}
    await reports.sent(NAME, 950)
    assert (await FigureReader(empty_store).read()).reports == {"costs": 950}


def test_only_names_are_names() -> None:
    """Nothing else is read as one."""
    assert ReportName.parse(str(WEEK)) == WEEK
    for text in ("costs", "else:2026-11-23", "costs:yesterday", ""):
        with pytest.raises(ValueError, match=r"report|isoformat"):
            ReportName.parse(text)
