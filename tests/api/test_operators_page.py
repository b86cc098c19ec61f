"""The operators' page is files, under a policy that lets nothing else in."""

from http import HTTPStatus

import pytest

from tests.support.api import Api


def test_the_page_is_served_to_whoever_asks(api: Api) -> None:
    """It holds nothing: what it shows needs the token. Nothing outside of its folder is served."""
    page = api.call("GET", "/operators")
    assert page.status == HTTPStatus.OK
    assert page.headers["content-type"].startswith("text/html")
    assert b"<script type" in page.body
    assert b"style=" not in page.body
    for name, kind in (("main.js", "text/javascript"), ("main.css", "text/css")):
        answer = api.call("GET", f"/operators/{name}")
        assert answer.status == HTTPStatus.OK
        assert answer.headers["content-type"].startswith(kind)
    for path in ("/operators/texts.js", "/operators/..%2fperson%2findex.html"):
        assert api.call("GET", path).status == HTTPStatus.NOT_FOUND


@pytest.mark.parametrize("path", ["/operators", "/operators/main.js"])
def test_its_policy_is_strict(api: Api, path: str) -> None:
    """No inline code, no string that becomes code, nothing from elsewhere, no frame around it."""
    headers = api.call("GET", path).headers
    policy = headers["content-security-policy"]
    assert policy.startswith("default-src 'none'")
    for part in ("script-src 'self'", "style-src 'self'", "frame-ancestors 'none'"):
        assert part in policy
    assert "trusted-types 'none'" in policy
    assert "require-trusted-types-for 'script'" in policy
    assert "unsafe" not in policy
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "no-referrer"
