"""Who is let in, and how much of it: intake, addresses, rates and open streams, really running."""

import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from hashlib import sha256
from itertools import count
from pathlib import Path
from uuid import uuid4

import pytest

from app.domain.access import Hasher
from app.embedded import EmbeddedValkey
from tests.faults.conftest import MakeFleet
from tests.support.api import BASE, OPERATOR_TOKEN, Answer, Api, Case
from tests.support.processes import ACCESS_SECRET, Program, environment, triage
from tests.support.valkey import Wire
from tests.support.waiting import in_time, until

OPERATORS = {"TRIAGE_OPERATOR_TOKEN": OPERATOR_TOKEN}
PASSED_ON = {"X_Forwarded_For": "203.0.113.9"}


def opening(api: Api, token: str | None = None, **headers: str) -> Answer:
    """Open a case, or be refused."""
    return api.post("/start", {"locale": "en"}, token, **headers)


def key(api: Api, *scopes: str) -> str:
    """Make an API key."""
    answer = api.post("/operator/keys", {"name": "K", "scopes": scopes}, OPERATOR_TOKEN)
    return str(answer.json()["token"])


def problem(answer: Answer) -> tuple[int, str]:
    """Return what is wrong: the status and the kind of problem."""
    return answer.status, str(answer.json()["type"]).removeprefix("urn:triage:problem:")


@contextmanager
def reading(api: Api, case: Case, number: int) -> Iterator[None]:
    """Keep so many streams of a case open."""
    with ExitStack() as stack:
        for _ in range(number):
            path = f"{BASE}/cases/{case.id}/events"
            stream = stack.enter_context(api.stream("GET", path, token=case.token))
            assert stream.answer.status == 200
        yield


def test_on_loopback_this_machine_alone_opens_cases(
    make_fleet: MakeFleet, valkey: EmbeddedValkey
) -> None:
    """The demo mode is for whoever sits here; a proxy passes on what strangers ask."""
    (instance,) = make_fleet(valkey, **OPERATORS).some(1)
    assert opening(instance.api).status == 201
    for header in ("X_Forwarded_For", "Forwarded", "Via", "X_Real_IP"):
        refused = opening(instance.api, **{header: "for=203.0.113.9"})
        assert problem(refused) == (401, "not-authenticated")
        assert "intake" in refused.json()["detail"]
    assert opening(instance.api, key(instance.api, "intake"), **PASSED_ON).status == 201


def test_where_intake_is_shut_a_key_with_its_scope_opens_cases(
    make_fleet: MakeFleet, valkey: EmbeddedValkey
) -> None:
    """No credential, and every wrong one, opens none."""
    (instance,) = make_fleet(valkey, TRIAGE_OPEN_INTAKE="0", **OPERATORS).some(1)
    api = instance.api
    intake = key(api, "intake")
    assert problem(opening(api)) == (401, "not-authenticated")
    case = opening(api, intake)
    assert case.status == 201
    for token in (case.json()["case_token"], intake[:-1], f"tk_{'0' * 12}_{'A' * 43}", "x"):
        assert problem(opening(api, token)) == (401, "not-authenticated")
    for token in (OPERATOR_TOKEN, key(api, "operator", "analyst", "admin")):
        assert problem(opening(api, token)) == (403, "scope-missing")
    for wrong in (intake, f"Basic {intake}", "Bearer", f"Bearer {intake} {intake}"):
        assert opening(api, None, Authorization=wrong).status == 401
    name = intake.split("_")[1]
    assert api.post(f"/operator/keys/{name}/revoke", None, OPERATOR_TOKEN).status == 200
    until(lambda: opening(api, intake).status == 401, "it is revoked")


def test_beyond_loopback_intake_is_shut_unless_it_is_opened(
    make_fleet: MakeFleet, valkey: EmbeddedValkey
) -> None:
    """An instance that others reach asks for a key, also this machine, until a setting says no."""
    everywhere = {"TRIAGE_HOST": "0.0.0.0", **OPERATORS}  # noqa: S104 - bounded by the test
    (shut,) = make_fleet(valkey, **everywhere).some(1)
    (opened,) = make_fleet(valkey, TRIAGE_OPEN_INTAKE="1", **everywhere).some(1)
    assert problem(opening(shut.api)) == (401, "not-authenticated")
    assert opening(shut.api, key(shut.api, "intake")).status == 201
    assert opening(opened.api).status == 201
    assert opening(opened.api, **PASSED_ON).status == 201


def test_nobody_gets_round_a_rate_by_making_addresses_up(
    make_fleet: MakeFleet, own_valkey: EmbeddedValkey
) -> None:
    """Where no proxy is trusted, whoever connects is counted, whatever the header says."""
    settings = {"TRIAGE_OPEN_INTAKE": "1", "TRIAGE_RATE_ADDRESS": "5"}
    (instance,) = make_fleet(own_valkey, **settings).some(1)
    began = time.monotonic()
    answers = [
        opening(instance.api, X_Forwarded_For=f"198.51.100.{number}", X_Real_IP=f"10.0.0.{number}")
        for number in range(12)
    ]
    later = (time.monotonic() - began) // 12 + 1  # one more may come every twelve seconds
    assert [one.status for one in answers[:5]] == [201] * 5
    refused = [one for one in answers if one.status == 429]
    assert 7 - later <= len(refused) <= 7
    assert problem(refused[-1]) == (429, "too-many-requests")
    assert 1 <= int(refused[-1].headers["retry-after"]) <= 12


def test_a_trusted_proxys_word_counts_and_not_what_was_told_to_it(
    make_fleet: MakeFleet, valkey: EmbeddedValkey
) -> None:
    """Each person has a rate of their own; a list that begins with lies is read from its end."""
    settings = {
        "TRIAGE_OPEN_INTAKE": "1",
        "TRIAGE_RATE_ADDRESS": "3",
        "TRIAGE_TRUSTED_PROXIES": "127.0.0.1, 10.0.0.0/8",
    }
    here, there = (one.api for one in make_fleet(valkey, **settings).pair())
    persons = count(1)

    def asked(*passed_by: str) -> list[int]:
        told = ", ".join(passed_by)
        return [opening(api, X_Forwarded_For=told).status for api in (here, there, here, there)]

    def several() -> None:
        one, two, three, network = (next(persons) for _ in range(4))
        assert asked(f"203.0.113.{one}") == [201, 201, 201, 429]
        assert asked(f"203.0.113.{two}") == [201, 201, 201, 429]
        assert asked("203.0.113.250", f"203.0.113.{one}") == [429] * 4
        assert asked("evil", f"203.0.113.{three}", "10.1.2.3") == [201, 201, 201, 429]
        assert asked(f"203.0.113.{three}") == [429] * 4
        assert asked(f"2001:db8:1:{network}::1") == [201, 201, 201, 429]
        assert asked(f"2001:db8:1:{network}:ffff::9") == [429] * 4, "a network is one person's"

    in_time(20.0, several)  # then one more may come


def test_a_cases_rate_is_exact_over_all_instances(
    make_fleet: MakeFleet, valkey: EmbeddedValkey
) -> None:
    """Sixty requests at once at two instances: as many as may come are let in, and not one more."""
    here, there = (one.api for one in make_fleet(valkey, TRIAGE_RATE_CASE="20").pair())
    case, other = here.start(locale="en"), here.start(locale="en")
    began = time.monotonic()
    with ThreadPoolExecutor(12) as pool:
        asked = [
            pool.submit(api.get, f"/status/{case.id}", case.token)
            for _ in range(30)
            for api in (here, there)
        ]
        answers = [one.result() for one in asked]
    told = Counter(one.status for one in answers)
    later = (time.monotonic() - began) // 3 + 1  # one more may come every three seconds
    assert 20 <= told[200] <= 20 + later, told
    assert told[200] + told[429] == 60
    refused = next(one for one in answers if one.status == 429)
    assert problem(refused) == (429, "too-many-requests")
    assert 1 <= int(refused.headers["retry-after"]) <= 3
    assert here.get(f"/status/{other.id}", other.token).status == 200


def test_a_refused_message_is_not_taken_in(make_fleet: MakeFleet, valkey: EmbeddedValkey) -> None:
    """What got 429 has left no trace, and is taken in once its time has come."""
    (instance,) = make_fleet(valkey, TRIAGE_RATE_CASE="30").some(1)
    api = instance.api
    case = api.start(locale="en")

    def refused() -> str:
        one = uuid4().hex
        until(lambda: api.get(f"/status/{case.id}", case.token).status == 429, "the rate is met")
        answer = api.say(case, "Water drips.", Idempotency_Key=one)
        assert problem(answer) == (429, "too-many-requests")
        return one

    one = in_time(2.0, refused, tries=20)  # then one more may come
    until(lambda: api.say(case, "Water drips.", Idempotency_Key=one).status == 200, "it is taken")
    until(lambda: api.get(f"/status/{case.id}", case.token).status == 200, "it may be looked at")


def test_a_key_has_a_rate_as_well(make_fleet: MakeFleet, valkey: EmbeddedValkey) -> None:
    """It is refused by itself; another key goes on."""
    (instance,) = make_fleet(valkey, TRIAGE_RATE_KEY="10", **OPERATORS).some(1)
    api = instance.api

    def several() -> None:
        one, other = key(api, "operator"), key(api, "operator")
        answers = [api.get("/jobs", one).status for _ in range(12)]
        assert answers == [200] * 10 + [429] * 2
        assert api.get("/jobs", other).status == 200

    in_time(6.0, several)  # then one more may come


def test_open_streams_are_counted_over_all_instances(
    make_fleet: MakeFleet, valkey: EmbeddedValkey
) -> None:
    """The one beyond the limit is refused, until another is closed; other cases have their own."""
    here, there = (one.api for one in make_fleet(valkey, TRIAGE_STREAMS_CASE="4").pair())
    case, other = here.start(locale="en"), here.start(locale="en")

    def one_more(api: Api, of: Case) -> int:
        with api.stream("GET", f"{BASE}/cases/{of.id}/events", token=of.token) as stream:
            if stream.answer.status != 200:
                assert problem(stream.answer) == (429, "too-many-streams")
                assert int(stream.answer.headers["retry-after"]) >= 1
            return stream.answer.status

    with reading(here, case, 2), reading(there, case, 2):
        assert one_more(here, case) == one_more(there, case) == 429
        assert one_more(here, other) == 200
    until(lambda: one_more(here, case) == 200, "there is room again")


def test_an_instance_has_a_limit_of_its_own(make_fleet: MakeFleet, valkey: EmbeddedValkey) -> None:
    """It answers 503, upon which a proxy asks another instance, and other requests go on."""
    (instance,) = make_fleet(valkey, TRIAGE_STREAMS="3").some(1)
    api = instance.api
    case = api.start(locale="en")
    with reading(api, case, 3):
        with api.stream("GET", f"{BASE}/cases/{case.id}/events", token=case.token) as stream:
            assert problem(stream.answer) == (503, "instance-full")
        assert api.get(f"/status/{case.id}", case.token).status == 200

    def answers() -> bool:
        with api.stream("GET", f"{BASE}/cases/{case.id}/events", token=case.token) as stream:
            return stream.answer.status == 200

    until(answers, "there is room again")


def test_an_instance_with_another_secret_does_not_start(
    make_fleet: MakeFleet, valkey: EmbeddedValkey, tmp_path: Path
) -> None:
    """It would refuse every token; it says so instead, and tokens go on elsewhere."""
    (instance,) = make_fleet(valkey).some(1)
    case = instance.api.start(locale="en")
    settings = {"TRIAGE_REDIS_URL": valkey.url, "TRIAGE_VAR": str(tmp_path)}
    env = environment(**settings, TRIAGE_ACCESS_SECRET=ACCESS_SECRET[::-1])
    stranger = Program("stranger", triage("serve"), env, tmp_path / "stranger.log")
    try:
        assert stranger.wait_ended() == 1
        assert "triage: TRIAGE_ACCESS_SECRET is not the secret" in stranger.output()
    finally:
        stranger.close()
    assert instance.api.get(f"/status/{case.id}", case.token).status == 200


@pytest.mark.parametrize("opened", ["before", "now"])
def test_tokens_are_kept_as_digests_under_the_secret(
    make_fleet: MakeFleet, valkey: EmbeddedValkey, opened: str
) -> None:
    """A token whose plain digest was kept by an earlier version is good, and is kept anew."""
    (instance,) = make_fleet(valkey).some(1)
    case = instance.api.start(locale="en")
    place = f"tri:{{{case.id}}}:m"
    digest = Hasher(ACCESS_SECRET.encode()).case(case.token).encode()
    with Wire(valkey.socket) as wire:
        if opened == "before":
            wire.call("HSET", place, "h", sha256(case.token.encode()).hexdigest())
        assert instance.api.get(f"/status/{case.id}", case.token[::-1]).status == 404
        assert instance.api.get(f"/status/{case.id}", case.token).status == 200
        assert wire.call("HGET", place, "h") == digest
    assert instance.api.say(case, "Water drips.").status == 200
