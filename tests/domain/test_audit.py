"""A walk along the audit trail: what only a place in the storage or a noted head gives away."""

from app.domain.audit import NOTHING, START, AuditEntry, Link, Mark, Walk, encode_entry, hash_of


def chain(count: int) -> list[Link]:
    """Return a sound chain of so many entries, each in its own place of the storage."""
    links, before = [], NOTHING
    for n in range(1, count + 1):
        data = encode_entry(
            AuditEntry(
                n=n, at=n, actor="terminal", action="case.read", object="case:1", outcome="allowed"
            )
        )
        before = hash_of(before, data)
        links.append(Link(data, before, n))
    return links


LINKS = chain(3)
HEAD = Mark(3, LINKS[-1].hash)
OTHER = "1" * len(NOTHING)


def walked(anchor: Mark = START, known: Mark | None = None) -> Walk:
    """Return a walk to the end of the sound chain, from behind the anchor."""
    walk = Walk(anchor, known)
    assert [walk.follow(link) for link in LINKS[anchor.n :]] == [None] * (3 - anchor.n)
    return walk


def test_a_sound_chain_ends_where_it_should() -> None:
    """And only there."""
    walk = walked()
    assert (walk.end(HEAD), walk.at, walk.entries) == (None, HEAD, 3)


def test_an_entry_in_the_place_of_another_is_named() -> None:
    """Its bytes and hash continue the chain; the number the storage has it under is another's."""
    walk = Walk(START)
    walk.follow(LINKS[0])
    found = walk.follow(Link(LINKS[1].data, LINKS[1].hash, place=7))
    assert found is not None
    assert (found.n, found.kind) == (2, "changed")
    assert found.reason == "entry 2 stands in the place of another"


def test_a_head_with_the_hash_of_another_entry_is_named() -> None:
    """The last entry was made anew together with its own hash, and the head was not."""
    found = walked().end(Mark(3, OTHER))
    assert found is not None
    assert (found.n, found.kind) == (3, "changed")


def test_an_anchor_other_than_the_head_that_was_noted_down_is_named() -> None:
    """What was noted down is trimmed by now: only the anchor can be compared with it."""
    anchor = Mark(2, LINKS[1].hash)
    assert walked(anchor, known=anchor).end(HEAD) is None
    found = walked(anchor, known=Mark(2, OTHER)).end(HEAD)
    assert found is not None
    assert (found.n, found.kind) == (2, "changed")
