"""The description and the server agree: schemathesis asks what is allowed, and what is not."""

import subprocess
import sys
from pathlib import Path

import pytest

from app.domain.access import SCOPES
from tests.support.api import OPERATOR_TOKEN, Api
from tests.support.forms import structured

SETTINGS = """\
request-timeout = 3
max-stream-events = 1  # a case's stream stays open by design: its first event is enough
continue-on-failure = true

[parameters]
"path.case_id" = "{case}"
"path.turn" = 1
"body.case_id" = "{case}"

[auth.openapi.case_token]
bearer = "{token}"

[auth.openapi.api_key]
bearer = "{operator}"

[checks]
# A wrong credential is 404 here, as if there were no such case: tests/api/test_access.py.
ignored_auth.enabled = false
# The framework's OPTIONS names one of two methods that share an address; 405 names both.
allow_header_conformance.enabled = false
negative_data_rejection.expected-statuses = [
  "400", "401", "403", "404", "405", "409", "413", "415", "422", "429", "431",
]

[generation]
deterministic = true
max-examples = {examples}

[[operations]]  # refuse what only a playbook or a case can know to be wrong
include-operation-id = [
  "open_case", "correct_fact", "submit_form", "say", "say_streaming", "conclude_case", "ask_human",
  "subscribe_case",
  "take_conversation", "answer_person", "return_conversation", "review_case", "list_jobs",
  "receive_growthbook", "list_costs", "set_budget", "remove_budget",
]
[operations.checks]
positive_data_acceptance.enabled = false

[[operations]]  # the framework reads `null` in an address as nothing at all
include-operation-id = ["list_costs", "list_cases", "list_queue", "list_reviews"]
[operations.checks]
negative_data_rejection.enabled = false

[[operations]]  # whose case it is comes first: another's is 404, whatever else is missing
include-operation-id = ["say", "say_streaming", "conclude_case"]
[operations.checks]
missing_required_header.enabled = false

[[operations]]  # the generator's own edge cases do not match the pattern of a place
include-operation-id = ["follow_case", "follow_turn", "watch_case"]
[operations.checks]
positive_data_acceptance.enabled = false

[[operations]]  # on a case of its own, or nothing would be left to ask about
include-operation-id = "erase_case"
[operations.parameters]
"path.case_id" = "{other}"
"""


@pytest.mark.parametrize(("phases", "examples"), [("examples,coverage", 1), ("fuzzing", 25)])
def test_the_api_keeps_its_contract(api: Api, tmp_path: Path, phases: str, examples: int) -> None:
    """No 5xx, no undocumented status, header, type or shape, and nothing wrong is accepted."""
    case = structured(api)  # which can be talked with as well
    api.say(case, "Water has been dripping from my bathroom ceiling since yesterday.")
    every = {"name": "All", "scopes": SCOPES}
    key = api.post("/operator/keys", every, OPERATOR_TOKEN).json()["token"]
    settings = tmp_path / "schemathesis.toml"
    other = api.start()
    settings.write_text(
        SETTINGS.format(
            case=case.id,
            token=case.token,
            operator=key,
            other=other.id,
            examples=examples,
        )
    )
    url = f"http://127.0.0.1:{api.port}"
    command = [str(Path(sys.executable).with_name("schemathesis")), "--config-file", str(settings)]
    done = subprocess.run(
        [*command, "run", f"{url}/docs/openapi.json", "--url", url, "--phases", phases],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=200,
        check=False,
    )
    told = "\n".join(line[:300] for line in (done.stdout + done.stderr).splitlines())
    assert done.returncode == 0, told
    paths = api.call("GET", "/docs/openapi.json").json()["paths"]
    assert f"Tested: {sum(map(len, paths.values()))}" in told, told
    assert api.call("GET", "/health/ready").status == 200
