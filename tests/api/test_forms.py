"""The structured intake over HTTP: the form is offered, checked, submitted, and gone on from."""

from concurrent.futures import ThreadPoolExecutor
from http import HTTPStatus
from typing import Any
from uuid import uuid4

import pytest

from tests.api.test_cases import refused
from tests.support.api import Api, Case
from tests.support.forms import ANSWERS, opened, structured, submit

GAS = "I smell gas in my kitchen."


def view(api: Api, case: Case) -> Any:
    """Return the form as it stands."""
    answer = api.get(f"/cases/{case.id}/form", case.token)
    assert answer.status == HTTPStatus.OK, answer
    return answer.json()


@pytest.fixture
def form(api: Api) -> Case:
    """A new case with a form, in English."""
    return structured(api)


def test_the_structured_intake_opens_with_its_form(api: Api) -> None:
    """Greeting and form come with the token; fields say all that is needed to draw them."""
    found = opened(api)
    assert found["message"] == "Hello! Fill in this short form."
    happened, house = found["form"]["sections"]
    assert (happened["name"], happened["title"]) == ("happened", "What happened")
    assert happened["hint"] == "In your own words."
    assert house["hint"] is None
    story, when, water = happened["fields"]
    assert story == {
        "name": "story",
        "label": "Tell us what broke.",
        "hint": "Where, and what it is like.",
        "type": "long_text",
        "options": None,
        "required": True,
        "sensitive": False,
        "max_length": 2_000,
        "show_when": None,
    }
    assert (when["type"], when["label"], when["required"]) == ("date", "When did it start?", True)
    assert water["type"] == "yes_no"
    assert [(one["value"], one["label"]) for one in water["options"]] == [
        ("yes", "Yes"),
        ("no", "No"),
    ]
    wish, tenure, rooms, amount, place, name = house["fields"]
    assert [one["type"] for one in house["fields"]] == [
        "text", "choice", "number", "number", "text", "text",
    ]  # fmt: skip
    assert [one["value"] for one in tenure["options"]] == ["own", "rent"]
    assert rooms["show_when"] == {"field": "tenure", "any_of": ["own"]}
    assert (wish["required"], tenure["required"], amount["required"]) == (True, True, False)
    assert (place["sensitive"], name["sensitive"]) == (False, True)


def test_the_form_is_there_again_after_a_reload(api: Api, form: Case) -> None:
    """It says that it is open, in the case's own words, and the case says so as well."""
    found = view(api, form)
    assert (found["status"], found["answers"]) == ("open", None)
    assert [one["name"] for one in found["form"]["sections"]] == ["happened", "house"]
    case = api.get(f"/cases/{form.id}", form.token).json()
    assert (case["variant"], case["form_status"]) == ("v1", "open")
    assert case["greeting"] == "Hello! Fill in this short form."


def test_it_speaks_portuguese(api: Api) -> None:
    """Labels, options and what is wrong are in the case's language."""
    case = structured(api, locale="pt-BR")
    fields = {one["name"]: one for each in view(api, case)["form"]["sections"]
              for one in each["fields"]}  # fmt: skip
    assert fields["story"]["label"] == "Conte o que quebrou."
    assert [one["label"] for one in fields["water_off"]["options"]] == ["Sim", "Não"]
    found = refused(submit(api, case, {**ANSWERS, "when": "xyz"}), 422, "form-invalid")
    (mistake,) = found["errors"]
    assert (mistake["field"], mistake["code"]) == ("when", "not_a_date")
    assert mistake["detail"].startswith("Escreva uma data")


def test_a_submitted_form_is_a_whole_triage(api: Api, form: Case) -> None:
    """The answer has the result, made by rules at once; the status knows every fact."""
    answer = submit(api, form)
    assert (answer.status, answer.headers["triage-turn"]) == (HTTPStatus.OK, "1")
    found = answer.json()
    assert (found["outcome"], found["status"], found["interview"]) == (
        "completed",
        "completed",
        "complete",
    )
    assert found["message"] == "Thank you. I have what I need; the result follows."
    assert found["missing"] == []
    assert found["job"] is None
    result = found["analysis"]
    assert result["classification"]["code"] == "plumbing.leak"
    assert result["provenance"]["strategy"] == result["provenance"]["planned"] == "guided"
    assert result["provenance"]["models"] == []
    assert api.get(f"/result/{form.id}", form.token).json() == result
    status = api.get(f"/status/{form.id}", form.token).json()
    facts = {one["slot"]: (one["value"], one["source"], one["turn"]) for one in status["facts"]}
    assert facts["tenure"] == ("own", "person", 1)
    assert facts["rooms"] == ("2", "person", 1)
    assert facts["when"][0].count("-") == 2, "a day, as an ISO date"
    assert (status["variant"], status["result_ready"]) == ("v1", True)


def test_what_was_submitted_can_be_read_again(api: Api, form: Case) -> None:
    """By the frontend as it was given, and by people in the conversation."""
    assert submit(api, form).status == HTTPStatus.OK
    found = view(api, form)
    assert (found["status"], found["answers"]) == ("submitted", ANSWERS)
    case = api.get(f"/cases/{form.id}", form.token).json()
    assert case["form_status"] == "submitted"
    (turn,) = case["turns"]
    assert turn["kind"] == "fill"
    assert turn["message"].splitlines() == [
        f"What happened: {ANSWERS['story']}",
        "Since when: yesterday",
        "What is wanted: Please repair it.",
        "The house is: Owned",
        "Rooms: 2",
    ]


def test_every_wrong_field_is_named_at_once(api: Api, form: Case) -> None:
    """With its kind of mistake and a sentence for the person, in the form's order; none is kept."""
    wrong = {
        "when": "xyz",
        "water_off": "maybe",
        "wish": "x" * 501,
        "tenure": ["own", "rent"],
        "amount": "a lot",
        "colour": "blue",
    }
    found = refused(submit(api, form, wrong), 422, "form-invalid")
    assert [(one["field"], one["code"]) for one in found["errors"]] == [
        ("story", "required"),
        ("when", "not_a_date"),
        ("water_off", "unknown_option"),
        ("wish", "too_long"),
        ("tenure", "only_one"),
        ("amount", "not_a_number"),
        ("colour", "unknown_field"),
    ]
    assert all(one["detail"] for one in found["errors"])
    assert view(api, form)["status"] == "open"
    assert api.get(f"/status/{form.id}", form.token).json()["turns"] == 0


def test_what_is_not_shown_is_not_taken(api: Api, form: Case) -> None:
    """The number of rooms is asked of owners only, so a tenant's is left out, whatever it says."""
    assert submit(api, form, {**ANSWERS, "tenure": "rent", "rooms": "xyz"}).status == HTTPStatus.OK
    assert "rooms" not in view(api, form)["answers"]


def test_a_repetition_attaches_to_the_same_turn(api: Api, form: Case) -> None:
    """Also many at once: one turn, one result; with other answers the key is refused."""
    key = uuid4().hex
    with ThreadPoolExecutor(6) as pool:
        answers = list(pool.map(lambda _: submit(api, form, key=key), range(6)))
    assert {one.status for one in answers} == {HTTPStatus.OK}
    assert {one.json()["turn"] for one in answers} == {1}
    assert len({one.json()["analysis"]["created_at"] for one in answers}) == 1
    assert submit(api, form, key=key).json()["turn"] == 1
    other = {**ANSWERS, "wish": "Something else."}
    refused(submit(api, form, other, key=key), 422, "idempotency-mismatch")
    assert api.get(f"/status/{form.id}", form.token).json()["turns"] == 1


def test_a_second_form_is_refused(api: Api, form: Case) -> None:
    """Whoever comes second is told to go on in the conversation; the first one's answers stay."""
    assert submit(api, form).status == HTTPStatus.OK
    found = refused(submit(api, form, {**ANSWERS, "wish": "Another."}), 409, "form-submitted")
    assert "conversation" in found["detail"]
    assert view(api, form)["answers"] == ANSWERS


def test_of_many_at_once_exactly_one_is_taken(api: Api, form: Case) -> None:
    """Two pages that submit in the same moment cannot both have their way."""
    wishes = [f"Wish number {number}." for number in range(6)]
    with ThreadPoolExecutor(6) as pool:
        answers = list(pool.map(lambda wish: submit(api, form, {**ANSWERS, "wish": wish}), wishes))
    taken = [one for one in answers if one.status == HTTPStatus.OK]
    assert len(taken) == 1
    for one in answers:
        if one is not taken[0]:
            refused(one, 409, "form-submitted")
    kept = view(api, form)["answers"]["wish"]
    assert kept == wishes[answers.index(taken[0])]


def test_a_conversation_has_no_form(api: Api, case: Case) -> None:
    """Cases of v2 say so wherever a form is asked for, and open without one."""
    for answer in (
        api.get(f"/cases/{case.id}/form", case.token),
        submit(api, case),
        api.post(f"/cases/{case.id}/form/begin", None, case.token, key="b"),
    ):
        found = refused(answer, 404, "form-not-found")
        assert "conversation" in found["detail"]
    assert api.post("/start", {"locale": "en"}).json()["form"] is None
    assert api.get(f"/cases/{case.id}", case.token).json()["form_status"] is None


def test_in_danger_the_advice_comes_first(api: Api, form: Case) -> None:
    """Rules hear it in any answer in one's own words, and a human is called."""
    found = submit(api, form, {**ANSWERS, "wish": GAS}).json()
    assert found["message"].startswith("Open the windows, light nothing and leave the house.")
    assert found["analysis"]["red_flags"] == ["gas_smell"]
    assert found["analysis"]["urgency"]["level"] == "critical"
    case = api.get(f"/cases/{form.id}", form.token).json()
    assert (case["handoff"]["status"], case["handoff"]["by"]) == ("requested", "red_flag")


def test_an_answer_that_is_a_danger_raises_its_flag(api: Api, form: Case) -> None:
    """What is ticked counts as much as what is told."""
    found = submit(api, form, {**ANSWERS, "water_off": "no"}).json()
    assert found["message"].startswith("Shut the main valve now.")
    assert found["analysis"]["red_flags"] == ["flooding"]


def test_the_conversation_goes_on_behind_the_form(api: Api, form: Case) -> None:
    """Additions, corrections and a human are as ever, and the result is made anew."""
    assert submit(api, form).status == HTTPStatus.OK
    added = api.say(form, GAS).json()
    assert added["message"].endswith("Thank you, I have added that to your case.")
    assert added["analysis"]["red_flags"] == ["gas_smell"]
    fact = {"slot": "tenure", "value": "rent"}
    changed = api.post(f"/cases/{form.id}/facts", fact, form.token, key="f").json()
    assert {one["name"]: one["value"] for one in changed["analysis"]["facts"]}["tenure"] == "Rented"
    human = api.post(f"/cases/{form.id}/handoff", {"reason": "please"}, form.token, key="h")
    assert human.json()["outcome"] == "completed"


def test_beginning_is_noted_and_changes_nothing(api: Api, form: Case) -> None:
    """It is a turn without words, counts once however often it is told, and the form stays open."""
    path = f"/cases/{form.id}/form/begin"
    for key in ("one", "one", "two"):
        found = api.post(path, None, form.token, key=key)
        assert (found.status, found.json()["turn"]) == (HTTPStatus.OK, 1)
        assert found.json()["message"] == ""
    case = api.get(f"/cases/{form.id}", form.token).json()
    assert [(one["kind"], one["message"], one["reply"]) for one in case["turns"]] == [
        ("begin", "", "")
    ]
    assert (case["status"], case["form_status"]) == ("active", "open")
    assert submit(api, form).json()["turn"] == 2


def test_both_need_a_key(api: Api, form: Case) -> None:
    """As every turn does."""
    for path, value in (("form", {"answers": ANSWERS}), ("form/begin", None)):
        answer = api.post(f"/cases/{form.id}/{path}", value, form.token)
        refused(answer, 400, "idempotency-key-missing")


@pytest.mark.parametrize(
    "value",
    [
        {},
        {"answers": []},
        {"answers": {"story": 1}},
        {"answers": {"story": ["a", 1]}},
        {"answers": {"story": {"a": "b"}}},
        {"answers": {"s" * 41: "a"}},
        {"answers": {str(number): "a" for number in range(201)}},
        {"answers": {"safety": ["a"] * 101}},
        {"answers": ANSWERS, "more": 1},
    ],
)
def test_what_is_no_form_at_all_is_refused(api: Api, form: Case, value: Any) -> None:
    """Before the playbook is asked, a body has to have the right shape."""
    answer = api.post(f"/cases/{form.id}/form", value, form.token, key="k")
    refused(answer, 400, "invalid-input")


def test_whoever_does_not_know_may_say_so(api: Api, form: Case) -> None:
    """Also where an answer is required: it is taken, and the fact stays unknown."""
    found = submit(api, form, {**ANSWERS, "when": "I don't know"}).json()
    assert found["missing"] == ["when"]
    assert found["status"] == "completed"


def test_nobody_stops_a_form_halfway(api: Api, form: Case) -> None:
    """It is taken in whole: to cancel its turn changes nothing."""
    assert submit(api, form).status == HTTPStatus.OK
    answer = api.post(f"/cases/{form.id}/turns/1/cancel", None, form.token)
    assert answer.json()["status"] == "completed"


def test_a_form_may_follow_a_conversation(api: Api, form: Case) -> None:
    """Whoever wrote first and fills the form in afterwards loses neither."""
    assert api.say(form, GAS).json()["message"].startswith("Open the windows")
    found = submit(api, form).json()
    assert found["analysis"]["red_flags"] == ["gas_smell"]
    assert "Open the windows" not in found["message"], "said once"
    assert found["status"] == "completed"
