"""Who is let in, by values alone."""

import pytest

from app.domain.access import Hasher, is_this_machine, who_opens

KINDS = ("case", "key", "address", "audit")


def test_one_secret_gives_every_kind_of_digest_of_its_own() -> None:
    """The same text kept as different things looks different, and depends on the secret."""
    mine, other = Hasher(b"mine"), Hasher(b"other")
    found = [getattr(hasher, kind)("text") for hasher in (mine, other) for kind in KINDS]
    found += [hasher.opening(part, "text") for hasher in (mine, other) for part in ("id", "token")]
    assert len(set(found)) == len(found)
    assert mine.key("text") == Hasher(b"mine").key("text")


@pytest.mark.parametrize(
    ("host", "said", "opens"),
    [
        ("127.0.0.1", None, None),
        ("0.0.0.0", None, False),  # noqa: S104
        ("127.0.0.1", False, False),
        ("0.0.0.0", True, True),  # noqa: S104
    ],
)
def test_who_opens_cases_without_a_key(host: str, said: bool | None, opens: bool | None) -> None:
    """What is set holds; else this machine alone, where nobody else can connect."""
    assert who_opens(host, said) is opens


@pytest.mark.parametrize(
    ("peer", "headers", "here"),
    [
        ("127.0.0.1", {}, True),
        ("127.0.0.1", {"x-forwarded-for": "203.0.113.7"}, False),
        ("203.0.113.7", {}, False),
        (None, {}, False),
    ],
)
def test_a_proxy_on_this_machine_does_not_make_strangers_local(
    peer: str | None, headers: dict[str, str], here: bool
) -> None:
    """Whoever asks for somebody else says so."""
    assert is_this_machine(peer, headers) is here
