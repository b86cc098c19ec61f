"""compose.yaml and the Dockerfile, as far as they can be tried where no Docker engine runs.

The description is held against the specification's schema and our own rules, and every service
whose program is here is started with its exact command, files and variables. Not run: the images,
Grafana, GrowthBook and MongoDB.
"""

import re
import shutil
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from app.embedded import binary
from app.settings import SECRETS, Settings, variable_of
from tests.support.api import Api
from tests.support.composed import ROOT, Composed, described, make_secrets
from tests.support.processes import Program
from tests.support.prometheus import Prometheus
from tests.support.waiting import until
from tests.support.warehouses import postgres_binaries, postgres_server

SERVICES = sorted(described()["services"])
WRITES_BESIDE_ITS_CODE = {"growthbook"}


def service(name: str) -> dict[str, Any]:
    """Return one service."""
    found: dict[str, Any] = described()["services"][name]
    return found


def test_it_is_what_the_specification_describes() -> None:
    """The schema of the compose specification has nothing to say against it."""
    schema = ["--builtin-schema", "vendor.compose-spec"]
    assert _said(sys.executable, "-m", "check_jsonschema", *schema, str(ROOT / "compose.yaml")) == 0


def test_the_image_is_built_by_the_rules() -> None:
    """Hadolint has nothing to say against the Dockerfile."""
    assert _said(str(Path(sys.executable).parent / "hadolint"), str(ROOT / "Dockerfile")) == 0


def test_the_image_gets_everything_it_is_made_of() -> None:
    """Every folder that is imported is copied, and the builder is sent nothing else."""
    text = (ROOT / "Dockerfile").read_text("utf-8")
    copied = set(re.findall(r"^COPY (?!--from)(\S+)", text, re.MULTILINE))
    allowed = {
        line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line[:1] == "!"
    }
    packages = {path.parent.name for path in ROOT.glob("*/__init__.py")}
    assert packages - {"tests"} <= copied
    assert copied <= allowed | {"pyproject.toml"}
    assert all((ROOT / name).exists() for name in copied)
    assert text.count("FROM ") == 2
    assert "USER 10001" in text.rpartition("FROM ")[2]


@pytest.mark.parametrize("name", SERVICES)
def test_every_service_is_hardened(name: str) -> None:
    """A pinned image, no root, nothing to write to, no powers, bounds, a health check."""
    one = service(name)
    assert re.search(r":v?\d+(\.\d+){1,2}(-\w+)?$", one["image"]) or one["image"] == "triage:local"
    assert one["user"].split(":")[0] not in {"0", "root", ""}
    assert one["read_only"] is (name not in WRITES_BESIDE_ITS_CODE)
    assert one["cap_drop"] == ["ALL"]
    assert one["security_opt"] == ["no-new-privileges:true"]
    assert one["restart"] == "unless-stopped"
    assert one["healthcheck"]["test"]
    assert one["mem_limit"]
    assert one["logging"]["options"]["max-size"]
    assert not one.get("privileged")
    assert all("docker.sock" not in mount for mount in one.get("volumes", ()))


@pytest.mark.parametrize("name", SERVICES)
def test_what_a_service_is_given_exists(name: str) -> None:
    """Files of the repository, declared secrets, volumes and networks."""
    whole = described()
    one = service(name)
    for mount in one.get("volumes", ()):
        source = mount.split(":")[0]
        assert (ROOT / source).exists() if source.startswith("./") else source in whole["volumes"]
    for secret in one.get("secrets", ()):
        assert (secret["source"] if isinstance(secret, dict) else secret) in whole["secrets"]
    assert set(one["networks"]) <= set(whole["networks"])
    assert set(one.get("depends_on", ())) <= set(whole["services"])


def test_only_this_machine_is_let_in_until_told_otherwise() -> None:
    """Every published port is the loopback's by default, and no store is published at all."""
    published = {name: service(name).get("ports", []) for name in SERVICES}
    assert {name for name, ports in published.items() if ports} == {
        "nginx",
        "grafana",
        "growthbook",
    }
    for ports in published.values():
        assert all("127.0.0.1:" in port for port in ports)
    assert described()["networks"]["inner"]["internal"] is True
    for store in ("valkey", "postgres", "mongo", "prometheus"):
        assert list(service(store)["networks"]) == ["inner"]


@pytest.mark.parametrize("name", [one for one in SERVICES if one.startswith(("api", "worker"))])
def test_our_services_are_set_by_names_that_are_settings(name: str) -> None:
    """A misspelt variable would be ignored in silence."""
    known = {f"TRIAGE_{field.upper()}" for field in Settings.__struct_fields__}
    for variable, value in service(name)["environment"].items():
        plain = variable.removesuffix("_FILE")
        assert plain in known | {"OPENAI_API_KEY", "ANTHROPIC_API_KEY"}, variable
        if variable.endswith("_FILE"):
            assert Path(value).name in {str(one) for one in service(name)["secrets"]}
        if variable in {variable_of(name) for name in SECRETS}:
            assert value.startswith("${"), f"{variable} is a secret that stands in the file"


def test_every_secret_is_made_once_and_kept(tmp_path: Path) -> None:
    """The script makes each file that is mounted, closed to others, and never makes it again."""
    said = make_secrets(tmp_path)
    wanted = {Path(one["file"]).name for one in described()["secrets"].values()}
    wanted |= {Path(service("growthbook")["env_file"]).name}
    made = {path.name: path.read_bytes() for path in (tmp_path / "secrets").iterdir()}
    assert wanted <= set(made)
    assert len(said) == len(made)
    assert (tmp_path / "secrets").stat().st_mode & 0o777 == 0o700
    assert make_secrets(tmp_path) == []
    assert {path.name: path.read_bytes() for path in (tmp_path / "secrets").iterdir()} == made
    ignored = (ROOT / ".gitignore").read_text().splitlines()
    assert "secrets/" in ignored


@pytest.mark.timeout(300)
def test_an_installation_of_it_serves_counts_and_is_watched(
    prometheus_binary: str, tmp_path: Path
) -> None:
    """Valkey, an instance, a worker and Prometheus run as written, and a case goes through them."""
    binaries = postgres_binaries()
    if binaries is None or shutil.which("redis-cli") is None:
        pytest.skip("needs Debian's postgresql and redis-server")
    made = Composed(tmp_path)
    triage = [sys.executable, "-m", "app.cli"]
    valkey_port = made.port("valkey", 6379)
    with ExitStack() as stack:
        url = stack.enter_context(postgres_server(binaries))
        made.replace_secret("warehouse_url", url)

        def start(name: str, command: list[str], *more: str, **settings: str) -> Program:
            program = made.start(name, command, *more, **settings)
            stack.callback(program.close)
            return program

        bound = ("--port", str(valkey_port), "--bind", "127.0.0.1")
        valkey = start("valkey", [str(binary())], *bound)
        valkey.wait_until(lambda: made.is_healthy("valkey", 6379))
        own = {"TRIAGE_VAR": str(tmp_path / "var")}
        api = start("api-1", triage, TRIAGE_PORT=str(made.port("api-1", 8000)), **own)
        metrics = str(made.port("worker-complex", 9000))
        worker = start("worker-complex", triage, TRIAGE_METRICS_PORT=metrics, **own)
        api.wait_until(lambda: made.is_healthy("api-1", 8000))
        worker.wait_until(lambda: made.is_healthy("worker-complex", 9000))
        watch = made.port("prometheus", 9090)
        listen = f"--web.listen-address=127.0.0.1:{watch}"
        start("prometheus", [prometheus_binary], listen)

        person = Api(made.port("api-1", 8000))
        case = person.start(locale="en")
        answer = person.say(case, "My boss has not paid me for two months.", Prefer="wait=30")
        assert answer.status == 200, answer
        until(lambda: "turn" in _facts(url, case.id), "the case did not reach PostgreSQL")
        up = f'up{{instance=~"127.0.0.1:({person.port}|{metrics})"}} == 1'
        prometheus = Prometheus(watch)
        until(lambda: _answers(prometheus, up) == 2, "not both were scraped")
        assert not made.is_healthy("api-2", 8000), "a check that nobody can fail"


def _said(*command: str) -> int:
    """Run a checker, which prints what it has to say; returns its status."""
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    print(done.stdout + done.stderr)
    return done.returncode


def _facts(url: str, case_id: str) -> set[str]:
    import psycopg

    with psycopg.connect(url) as connection:
        tables = connection.execute(
            "SELECT table_name FROM information_schema.tables WHERE table_schema = 'triage'"
            " AND table_type = 'BASE TABLE'"
        ).fetchall()
        if ("turn",) not in tables:
            return set()
        found = connection.execute("SELECT 1 FROM triage.turn WHERE case_id = %s", [case_id])
        return {"turn"} if found.fetchone() else set()


def _answers(prometheus: Prometheus, query: str) -> int:
    try:
        return len(prometheus.now(query))
    except (OSError, AssertionError):
        return 0  # it is not there yet
