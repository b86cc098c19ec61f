"""The API's description leaves nothing undescribed."""

import re
from collections.abc import Iterator
from typing import Any

import msgspec
import pytest

from app.api import handoff_schema, schema
from app.api.problems import Problem
from app.api.validation import plain
from app.domain.analysis import Analysis
from tests.support.api import Api

ERRORS = re.compile(r"^[45]\d\d$")


@pytest.fixture(scope="module")
def document(api: Api) -> dict[str, Any]:
    """The description, as it is served."""
    answer = api.call("GET", "/docs/openapi.json")
    assert answer.status == 200
    found: dict[str, Any] = answer.json()
    return found


def operations(document: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield each operation with its name."""
    for methods in document["paths"].values():
        for operation in methods.values():
            yield operation["operationId"], operation


def properties(where: str, node: Any) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield every property of a schema, however deep, with its place."""
    if isinstance(node, list):
        for one in node:
            yield from properties(where, one)
    if not isinstance(node, dict):
        return
    members = node.get("properties", {})
    for name, one in members.items():
        yield f"{where}.{name}", one
        yield from properties(f"{where}.{name}", one)
    for name, one in node.items():
        if name not in {"properties", "examples", "default", "enum"}:
            yield from properties(where, one)


def test_operations_have_readable_names(document: dict[str, Any]) -> None:
    """A generated client's methods are called as a person would call them."""
    names = [name for name, _ in operations(document)]
    assert len(names) == len(set(names)) > 15
    for name in names:
        assert re.fullmatch(r"[a-z]+(_[a-z]+)?", name), name


def test_every_operation_is_told(document: dict[str, Any]) -> None:
    """Each has a summary, a description and a group that is described as well."""
    groups = {tag["name"]: tag["description"] for tag in document["tags"]}
    for name, operation in operations(document):
        assert operation["summary"], name
        assert operation["description"], name
        assert operation["tags"], name
        assert all(groups[tag] for tag in operation["tags"]), name


def test_every_parameter_is_described(document: dict[str, Any]) -> None:
    """Each says what it is, and none may be null, which HTTP does not know."""
    for name, operation in operations(document):
        for parameter in operation["parameters"]:
            where = f"{name} {parameter['name']}"
            assert parameter["description"], where
            assert "null" not in str(parameter["schema"]), where
            assert parameter["required"] is (
                parameter["in"] == "path"
                or (parameter["name"] == "Idempotency-Key" and name != "open_case")
            ), where


def test_every_response_is_described(document: dict[str, Any]) -> None:
    """Each says when it comes, and so does each of its headers."""
    stock = {"Request fulfilled, document follows", "Document created, URL follows"}
    for name, operation in operations(document):
        for status, response in operation["responses"].items():
            assert response["description"], (name, status)
            assert response["description"] not in stock, (name, status)
            for header, told in response.get("headers", {}).items():
                assert told["description"], (name, status, header)
                assert told["schema"], (name, status, header)


def test_every_error_is_a_problem(document: dict[str, Any]) -> None:
    """Clients read one form of error; only probes answer 503 in their own."""
    problem = {"$ref": "#/components/schemas/Problem"}
    for name, operation in operations(document):
        errors = {one for one in operation["responses"] if ERRORS.match(one)}
        assert {"400", "431"} <= errors, name
        for status in errors:
            content = operation["responses"][status]["content"]
            if status == "503" and name in {"get_readiness", "get_storage"}:
                assert set(content) == {"application/json"}
            else:
                assert content == {"application/problem+json": {"schema": problem}}, name


def test_what_reads_a_body_tells_how_bodies_fail(document: dict[str, Any]) -> None:
    """Too large and of the wrong type are among the answers wherever there is a body."""
    for name, operation in operations(document):
        assert ("requestBody" in operation) is (
            {"413", "415"} <= set(operation["responses"])
        ) or name == "cancel_turn", name


def test_every_property_is_described(document: dict[str, Any]) -> None:
    """However deep it stands; one that is a whole object may be described there."""
    schemas = document["components"]["schemas"]
    found = list(properties("", schemas)) + list(properties("", document["paths"]))
    assert len(found) > 100
    for where, one in found:
        reference = one.get("$ref", "").rpartition("/")[2]
        described = one.get("description") or schemas.get(reference, {}).get("description")
        assert described, where


def test_every_schema_is_described(document: dict[str, Any]) -> None:
    """And each that is referred to is there."""
    schemas = document["components"]["schemas"]
    for name, one in schemas.items():
        assert one.get("description"), name
    for name in re.findall(r"#/components/schemas/(\w+)", str(document)):
        assert name in schemas


def test_requests_say_that_they_take_nothing_else(document: dict[str, Any]) -> None:
    """Unknown fields are refused, so the description has to say so."""
    for name in (
        "StartRequest", "MessageRequest", "ConcludeRequest", "FactRequest", "HumanRequest",
        "OperatorRequest", "OperatorReply", "PushRequest", "PushKeys", "BudgetLimit",
    ):  # fmt: skip
        assert document["components"]["schemas"][name]["additionalProperties"] is False


def test_examples_are_what_they_are_examples_of(document: dict[str, Any]) -> None:
    """Each request can be put together of its examples, and is then accepted by its reader."""
    for kind in (
        schema.StartRequest, schema.MessageRequest, schema.ConcludeRequest, schema.FactRequest,
        schema.HumanRequest, schema.PushRequest, schema.PushKeys, handoff_schema.OperatorRequest,
        handoff_schema.OperatorReply,
    ):  # fmt: skip
        members = document["components"]["schemas"][kind.__name__]["properties"]
        value = {name: one["examples"][0] for name, one in members.items()}
        assert msgspec.to_builtins(msgspec.convert(value, kind)) == value


def test_the_credential_is_described(document: dict[str, Any]) -> None:
    """Both credentials, a person's and an operator's, are bearer tokens."""
    schemes = document["components"]["securitySchemes"]
    assert set(schemes) == {"case_token", "api_key"}
    for scheme in schemes.values():
        assert (scheme["type"], scheme["scheme"]) == ("http", "bearer")
        assert scheme["description"]


def test_the_description_is_made_of_what_is_checked(document: dict[str, Any]) -> None:
    """What msgspec checks is what is described, limits included."""
    kinds = (schema.StartRequest, Problem, Analysis)
    _, own = msgspec.json.schema_components(kinds, ref_template="#/components/schemas/{name}")
    shown = document["components"]["schemas"]
    assert shown["StartRequest"] == own["StartRequest"]
    assert "'maxLength': 35" in str(shown["StartRequest"])
    assert shown["Analysis"]["properties"]["schema"]["enum"] == ["analysis/1"]


@pytest.mark.parametrize(
    ("said", "plainly"),
    [
        ("Expected `str | null`, got `int`", "it must be a string or null, not a whole number"),
        ("Expected `array`, got `object`", "it must be a list, not an object"),
        ("Expected `str` of length >= 1", "it must have at least 1 characters"),
        ("Expected `int` <= 5", "it must be at most 5"),
        ("Object missing required field `x`", 'the field "x" is missing'),
        ("Object contains unknown field `x`", 'the field "x" is unknown'),
        ("Invalid enum value 'x'", "'x' is none of its values"),
        ("Something new - at `$.x`", "it cannot be read"),
    ],
)
def test_mistakes_are_told_plainly(said: str, plainly: str) -> None:
    """No word of the framework's own language comes through."""
    assert plain(said) == plainly
