"""Whatever is sent, the answer is a clear refusal, and the process goes on."""

import gzip
import json
from collections.abc import Iterator

import pytest

from tests.support.api import BASE, Answer, Api, Case
from tests.support.processes import Instance

START = f"{BASE}/start".encode()
JSON = b"application/json"
INTERNALS = (
    "Traceback", 'File "', ".py", "msgspec", "litestar", "Struct", "NoneType", "`", "object at 0x",
    "KeyError", "RecursionError", "codec can't",
)  # fmt: skip
"""Words that only a programmer of this project understands."""

BODIES: dict[str, bytes] = {
    "nested lists": b'{"attributes":' + b"[" * 5_000 + b"]" * 5_000 + b"}",
    "nested objects": b'{"attributes":' * 5_000 + b"1" + b"}" * 5_000,
    "nested and never closed": b"[" * 100_000,
    "nested less than that": b'{"attributes":' + b"[" * 900 + b"]" * 900 + b"}",
    "invalid UTF-8": b'{"locale":"\xff\xfe"}',
    "overlong UTF-8": b'{"locale":"\xc0\xaf"}',
    "UTF-16": '{"locale":"en"}'.encode("utf-16"),
    "a byte order mark": b'\xef\xbb\xbf{"locale":"en"}',
    "half a surrogate pair": b'{"locale":"\\ud800"}',
    "the other half": b'{"locale":"\\udc00 and on"}',
    "halves in the wrong order": b'{"locale":"\\udc00\\ud800"}',
    "half in a name": b'{"\\ud800":"en"}',
    "a raw NUL": b'{"locale":"e\x00n"}',
    "a raw line break": b'{"locale":"e\nn"}',
    "1e999": b'{"locale":1e999}',
    "minus 1e999": b'{"attributes":{"a":-1e999}}',
    "NaN": b'{"locale":NaN}',
    "Infinity": b'{"locale":-Infinity}',
    "a huge integer": b'{"locale":' + b"9" * 5_000 + b"}",
    "an integer of 20 digits": b'{"locale":99999999999999999999}',
    "a name twice": b'{"locale":"pt","locale":"en"}',
    "a name twice, escaped": b'{"locale":"pt","loc\\u0061le":"en"}',
    "a name twice, deeper": b'{"attributes":{"a":"1","a":"2"}}',
    "a number for text": b'{"locale":5}',
    "a boolean for text": b'{"locale":true}',
    "a list for text": b'{"locale":["en"]}',
    "text for an object": b'{"attributes":"a"}',
    "null for an object": b'{"attributes":null}',
    "an unknown field": b'{"admin":true}',
    "an unknown field by another case": b'{"Locale":"en"}',
    "a field of the framework": b'{"__struct__":1}',
    "a list": b"[]",
    "a list of bodies": b'[{"locale":"en"}]',
    "text": b'"locale"',
    "a number": b"1",
    "null": b"null",
    "nothing but space": b"   ",
    "two documents": b"{}{}",
    "a trailing comma": b'{"locale":"en",}',
    "a comment": b'{"locale":"en"} // hi',
    "single quotes": b"{'locale':'en'}",
    "half a document": b'{"locale":"e',
    "a form": b"locale=en",
    "XML": b"<locale>en</locale>",
    "gzip without saying so": gzip.compress(b"{}"),
    "noise": bytes(range(256)),
}


def refusal(answer: Answer, *statuses: int) -> str:
    """Check that an answer is a problem that a person understands; returns its detail."""
    assert answer.status in statuses, answer
    assert answer.headers["content-type"] == "application/problem+json"
    problem = answer.json()
    assert problem["status"] == answer.status
    assert problem["type"].startswith("urn:triage:problem:")
    assert problem["title"]
    assert problem["detail"]
    told = json.dumps(problem)
    assert not [word for word in INTERNALS if word in told], told
    return str(problem["detail"])


@pytest.fixture(scope="module", autouse=True)
def nothing_broke(api: Api, instance: Instance) -> Iterator[None]:
    """After all of it the same process serves, and it has logged no error."""
    before = instance.output()
    pid = instance.pid
    yield
    assert instance.process.poll() is None
    assert instance.pid == pid
    assert api.call("GET", "/health/ready").status == 200
    told = instance.output().removeprefix(before)
    assert "Traceback" not in told
    assert "[error" not in told


@pytest.mark.parametrize("name", sorted(BODIES))
def test_a_body_that_is_no_request_is_refused(api: Api, name: str) -> None:
    """400 with a sentence, for every operation reads its body in the same way."""
    refusal(api.request(b"POST", START, BODIES[name], kind=JSON), 400)


@pytest.mark.parametrize("name", ["nested lists", "invalid UTF-8", "a name twice", "a list"])
@pytest.mark.parametrize("path", ["/continue", "/continue-stream", "/force-complete", "facts"])
def test_every_operation_with_a_body_refuses_it(api: Api, case: Case, path: str, name: str) -> None:
    """The refusal is made in one place and so holds everywhere."""
    path = f"{BASE}/cases/{case.id}/facts" if path == "facts" else BASE + path
    credential = b"Authorization: Bearer " + case.token.encode()
    headers = (credential, b"Idempotency-Key: k1")
    refusal(api.request(b"POST", path.encode(), BODIES[name], *headers, kind=JSON), 400)


def test_the_refusals_say_what_is_wrong(api: Api) -> None:
    """Each with the words for its own mistake."""

    def detail(body: bytes) -> str:
        return refusal(api.request(b"POST", START, body, kind=JSON), 400)

    assert detail(BODIES["nested lists"]) == "the body is nested too deep"
    assert detail(BODIES["invalid UTF-8"]) == "the body is not text in UTF-8"
    assert "half of a character" in detail(BODIES["half a surrogate pair"])
    assert detail(BODIES["1e999"]) == "the body is not valid JSON: a number is too large"
    assert detail(BODIES["a name twice"]) == 'the body has the field "locale" twice'
    assert detail(BODIES["a number for text"]) == (
        "locale: it must be a string or null, not a whole number"
    )
    assert detail(BODIES["an unknown field"]) == 'the body: the field "admin" is unknown'
    assert detail(BODIES["a list"]) == "the body: it must be an object, not a list"
    assert detail(b"") == "the body: it is empty"
    assert (
        detail(b'{"locale":"' + b"x" * 36 + b'"}') == "locale: it must have at most 35 characters"
    )


@pytest.mark.parametrize(
    "kind",
    [
        b"text/plain", b"text/json", b"application/x-www-form-urlencoded", b"application/xml",
        b"multipart/form-data; boundary=x", b"application/msgpack", b"application/problem+json",
        b"application/json; charset=utf-16", b"application/json; charset=latin-1",
        b"application/json; x=y", b"application/json,text/plain", b"json", b"\xff\xfe", b"", None,
    ],
)  # fmt: skip
def test_only_json_is_taken(api: Api, kind: bytes | None) -> None:
    """Nothing else is read as if it were JSON."""
    refusal(api.request(b"POST", START, b"{}", kind=kind), 415)


@pytest.mark.parametrize(
    "kind", [b"application/json", b"Application/JSON", b"application/json;charset=UTF-8"]
)
def test_json_may_be_named_in_any_way(api: Api, kind: bytes) -> None:
    """Case and an explicit UTF-8 make no difference."""
    assert api.request(b"POST", START, b"{}", kind=kind).status == 201


@pytest.mark.parametrize("coding", [b"gzip", b"br", b"deflate", b"zstd", b"x", b"gzip, identity"])
def test_packed_bodies_are_not_unpacked(api: Api, coding: bytes) -> None:
    """Where nothing is unpacked, no small body can become a large one."""
    bomb = gzip.compress(b" " * 10_000_000)
    header = b"Content-Encoding: " + coding
    refusal(api.request(b"POST", START, bomb, header, kind=JSON), 415)


def test_a_body_may_have_256_kilobytes(api: Api) -> None:
    """The limit holds to the byte."""
    limit = 256 * 1024
    fits = b"{" + b" " * (limit - 2) + b"}"
    assert api.request(b"POST", START, fits, kind=JSON).status == 201
    detail = refusal(api.request(b"POST", START, fits + b" ", kind=JSON), 413)
    assert "256 kB" in detail


def test_a_chunked_body_is_measured_while_it_comes(api: Api) -> None:
    """Without a Content-Length the same limit holds."""

    def chunked(body: bytes) -> Answer:
        step = 10_000
        parts = (body[at : at + step] for at in range(0, len(body), step))
        framed = b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in parts) + b"0\r\n\r\n"
        return api.request(b"POST", START, framed, b"Transfer-Encoding: chunked", kind=JSON)

    assert chunked(b"{}").status == 201
    limit = 256 * 1024
    assert chunked(b"{" + b" " * (limit - 2) + b"}").status == 201
    refusal(chunked(b"{" + b" " * (limit - 1) + b"}"), 413)


def test_twelve_megabytes_are_refused_at_once(api: Api) -> None:
    """A body that says how large it is need not be sent to be refused."""
    refusal(api.request(b"POST", START, b"", b"Content-Length: 12000000", kind=JSON), 413)


def test_twelve_megabytes_are_refused_when_they_come(api: Api) -> None:
    """And one that is sent is thrown away, not kept."""
    body = b'{"user_ref":"' + b"x" * 12_000_000 + b'"}'
    refusal(api.request(b"POST", START, body, kind=JSON), 413)


@pytest.mark.parametrize(
    "headers",
    [
        [b"Transfer-Encoding: chunked"],
        [b"Transfer-Encoding: chunked", b"Content-Length: 4"],
        [b"Content-Length: -1"],
        [b"Content-Length: four"],
        [b"Content-Length: 4", b"Content-Length: 5"],
        [b"Content-Length: 99999999999999999999999"],
        [b"Transfer-Encoding: gzip, chunked"],
    ],
    ids=["broken chunk", "both", "negative", "no number", "two", "huge", "packed"],
)
def test_a_body_whose_end_is_unclear_is_refused(api: Api, headers: list[bytes]) -> None:
    """Where two could read the length differently, nobody does."""
    refusal(api.request(b"POST", START, b"zz\r\n", *headers, kind=JSON), 400, 415)


def test_a_chunk_that_breaks_in_the_middle_is_refused(api: Api) -> None:
    """Also when the first part was taken already."""
    body = b'5\r\n{"loc\r\nnot a length\r\n'
    answer = api.request(b"POST", START, body, b"Transfer-Encoding: chunked", kind=JSON)
    refusal(answer, 400)


IDS = [
    b"*", b"%2a", b"%00", b"..", b"..%2f", b"..%2f..%2fetc%2fpasswd", b"%2e%2e%2f", b"%0a",
    b"%0d%0aX-A:%201", b"%ff", b"%c3%a9", b"%7B0%7D", b"{0}", b"0" * 31, b"0" * 33, b"0" * 9_000,
    b"G" * 32, b"A" * 32, b"%20" + b"0" * 32, b"0" * 32 + b"%0a", b"null", b"undefined", b"$(id)",
    b"'%20or%201=1", b"%D9%A0" * 32,
]  # fmt: skip


@pytest.mark.parametrize("case_id", IDS)
@pytest.mark.parametrize(
    "path", ["/status/%s", "/result/%s", "/cases/%s", "/cases/%s/events", "/cases/%s/turns/1"]
)
def test_an_id_that_is_none_is_not_found(api: Api, case: Case, path: str, case_id: bytes) -> None:
    """Nothing but a case's id is ever looked up."""
    target = BASE.encode() + path.encode() % case_id
    credential = b"Authorization: Bearer " + case.token.encode()
    refusal(api.request(b"GET", target, b"", credential, kind=None), 404)


@pytest.mark.parametrize("case_id", ["*", "\u0000", "../x", "\r\nX-A: 1", "é", "", "{0}", "0" * 33])
def test_an_id_that_is_none_is_refused_in_a_body(api: Api, case: Case, case_id: str) -> None:
    """A body with an impossible id is a mistake, and is told as one."""
    value = {"case_id": case_id, "message": "x"}
    refusal(api.post("/continue", value, case.token, key="k1"), 400)


@pytest.mark.parametrize(
    "header",
    [
        b"X-A: \xe9",
        b"X-A: \xff\xfe\x80",
        b"X-A: \xe2\x82\xac",
        b"Cookie: \xff=\xfe",
        b"Accept: \xff",
    ],
)
def test_a_header_that_is_no_ascii_does_no_harm(api: Api, case: Case, header: bytes) -> None:
    """Values that nobody reads may be anything."""
    target = f"{BASE}/status/{case.id}".encode()
    credential = b"Authorization: Bearer " + case.token.encode()
    assert api.request(b"GET", target, b"", credential, header, kind=None).status == 200


@pytest.mark.parametrize(
    ("header", "status"),
    [
        (b"Authorization: Bearer \xff\xfe", 401),
        (b"Authorization: \xff", 401),
        (b"Authorization: Bearer " + b"x" * 10_000, 401),
        (b"Idempotency-Key: \xc3\xa9", 400),
        (b"Last-Event-ID: \xd9\xa1-\xd9\xa2", 400),
        (b"Last-Event-ID: " + b"1" * 5_000 + b"-1", 400),
        (b"X-\xc3\xa9: a", 400),
        (b"X-A: a\x00b", 400),
        (b"X-A: a\x01b", 400),
        (b"X A: b", 400),
        (b": b", 400),
        (b"X-A", 400),
    ],
)
def test_a_header_that_matters_is_read_strictly(
    api: Api, case: Case, header: bytes, status: int
) -> None:
    """What cannot be a value, or a header, is refused."""
    lines = [header]
    if not header.startswith(b"Authorization"):
        lines.append(b"Authorization: Bearer " + case.token.encode())
    if header.startswith(b"Idempotency-Key"):
        body = b'{"case_id":"%s","message":"x"}' % case.id.encode()
        answer = api.request(b"POST", f"{BASE}/continue".encode(), body, *lines, kind=JSON)
    else:
        target = f"{BASE}/cases/{case.id}/events".encode()
        answer = api.request(b"GET", target, b"", *lines, kind=None)
    refusal(answer, status)


@pytest.mark.parametrize(
    "headers",
    [
        [b"X-A: " + b"a" * 33_000],
        [b"X-A: " + b"a" * 200_000],
        [b"X-%d: a" % number for number in range(8_000)],
        [b"A" * 70_000 + b": a"],
    ],
    ids=["one", "one of many packets", "many", "a name"],
)
def test_headers_have_a_limit(api: Api, headers: list[bytes]) -> None:
    """A head that is too large is refused, whatever makes it large."""
    refusal(api.request(b"GET", b"/health/live", b"", *headers, kind=None), 431)


def test_a_head_that_never_ends_is_refused(api: Api) -> None:
    """It is not kept in memory for as long as somebody sends one."""
    answer = api.raw(b"GET /health/live HTTP/1.1\r\nHost: x\r\nX-A: " + b"a" * 1_000_000)
    refusal(answer, 431)
    assert answer.headers["connection"] == "close"


def test_headers_below_the_limit_are_fine(api: Api) -> None:
    """What browsers and gateways add has room."""
    header = b"X-A: " + b"a" * 30_000
    assert api.request(b"GET", b"/health/live", b"", header, kind=None).status == 200


@pytest.mark.parametrize(
    "data",
    [
        b"\x00\x01\x02\x03\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(200) + b"\r\n\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"GET /health/live HTTP/9.9\r\n\r\n",
        b"GE T /health/live HTTP/1.1\r\n\r\n",
        b"FETCH /health/live HTTP/1.1\r\n\r\n",
        b"GET health HTTP/1.1\r\n\r\n",
        b"GET /\xc3\xa9 HTTP/1.1\r\n\r\n",
        b"GET /a b HTTP/1.1\r\n\r\n",
        b"GET /" + b"a" * 70_000 + b" HTTP/1.1\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n\r\n",
        b"\r\n\r\n\r\n{}\r\n\r\n",
    ],
)
def test_what_is_no_http_is_told_so(api: Api, data: bytes) -> None:
    """Also these refusals are problem documents, and they end the connection."""
    answer = api.raw(data)
    refusal(answer, 400, 431)
    assert answer.headers["connection"] == "close"


@pytest.mark.parametrize(
    "query", ["%ff=%fe", "%00", "a=1&a=2&a=3", "&&&==", "on_busy", "%", "[]=1"]
)
def test_an_odd_query_does_no_harm(api: Api, case: Case, query: str) -> None:
    """What nobody asked for is ignored."""
    assert api.get(f"/status/{case.id}?{query}", case.token).status == 200


def test_text_with_odd_characters_is_kept_as_text(api: Api, case: Case) -> None:
    """Markup stays what it is, control characters go, and line breaks stay."""
    said = 'a\u0000b \u202e<script>alert("x")</script>\r\n\ttab \U0001f4a7 \ufeff{{7*7}} ${x}'
    api.say(case, said)
    found = api.get(f"/cases/{case.id}", case.token).json()["turns"][0]["message"]
    assert found == 'ab \u202e<script>alert("x")</script>\n\ttab \U0001f4a7 \ufeff{{7*7}} ${x}'


def test_an_upgrade_that_nobody_offers_is_ignored(api: Api) -> None:
    """There are no web sockets here, and asking for one is no error."""
    headers = (
        b"Connection: Upgrade",
        b"Upgrade: websocket",
        b"Sec-WebSocket-Version: 13",
        b"Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==",
    )
    assert api.request(b"GET", b"/health/live", b"", *headers, kind=None).status == 200
