"""What is built is what is committed, byte for byte; the product itself needs no Node."""

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.support.node import WEB, installed

PAGES = tuple(name for name in ("person", "operators") if (WEB / name / "main.tsx").exists())
BUILT = ("client/dist", *(f"built/{name}" for name in PAGES))

RIGHT = """
import {
  byVariant, textAfter, TriageClient, TriageError, type Analysis, type TriageEvent, type TurnEvent,
} from "intelligent-triage";

const heard: TriageEvent["name"][] = [];
const onEvent = (event: TriageEvent): unknown => heard.push(event.name);
const client = new TriageClient({ baseUrl: "https://triage.example.org", onEvent });

export async function talk(): Promise<Analysis> {
  const opened = await client.startTriage({ userRef: "ana" });
  const title: string | undefined = byVariant(opened, {
    v1: (one) => one.form?.sections[0]?.title,
    v2: (one) => one.message,
  });
  let text = title ?? "";
  for await (const event of client.continueConversationStream(opened.case_id, "hello")) {
    text = textAfter(text, event);
    if (event.type === "turn.completed" && event.interview === "complete") {
      console.log(event.missing.length);
    }
    if (event.type === "connection" && event.state === "lost") console.log(event.retryInMs ?? 0);
  }
  return client.waitForResult(opened.case_id).catch((error: unknown) => {
    if (error instanceof TriageError && error.errors) console.log(error.errors[0]?.detail);
    throw error;
  });
}

export const ended = (event: TurnEvent): boolean => event.type === "turn.failed";
"""
WRONG = (
    ("v2: (one) => one.message,", "", "a variant is left out"),
    ("one.form?.sections", "one.form.sections", "a playbook may have no form"),
    ("event.missing.length", "event.missing.size", "a field has another type"),
    ('event.interview === "complete"', 'event.interview === "over"', "a value is none of its set"),
    ('userRef: "ana"', 'user_ref: "ana"', "an option has another name"),
    ('event.type === "turn.failed"', 'event.type === "turn.lost"', "there is no such event"),
    ("error.errors[0]?.detail", "error.errors[0]?.message", "a mistake has other fields"),
)


@pytest.fixture(scope="session")
def node() -> str:
    """Node, and what the build needs."""
    return installed(WEB)


def build(node: str, what: str, given: str = "", **settings: str) -> None:
    """Run the build; fails with all that it says."""
    done = subprocess.run(
        [node, "build.mjs", what],
        cwd=WEB,
        input=given,
        env={**os.environ, **settings},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def files(folder: Path) -> Mapping[str, bytes]:
    """Return everything in a folder, by its path there."""
    return {
        str(one.relative_to(folder)): one.read_bytes()
        for one in sorted(folder.rglob("*"))
        if one.is_file()
    }


@pytest.fixture(scope="module")
def made(node: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Client and pages, built elsewhere."""
    folder = tmp_path_factory.mktemp("built")
    build(node, "all", TRIAGE_WEB_OUT=str(folder))
    return folder


@pytest.mark.parametrize("folder", BUILT)
def test_the_same_sources_give_the_committed_files(made: Path, folder: str) -> None:
    """What is built elsewhere is what is here, byte for byte: nobody edits it by hand."""
    there, here = files(made / folder), files(WEB / folder)
    assert there
    assert list(there) == list(here), "run `make web`"
    assert [name for name in there if there[name] != here[name]] == [], "run `make web`"


def test_types_are_those_of_the_api_as_it_is(node: str, tmp_path: Path) -> None:
    """What travels is typed by the API's own description: a changed API needs `make web`."""
    described = subprocess.run(
        [sys.executable, "-m", "app.cli", "openapi"], capture_output=True, text=True, check=True
    ).stdout
    assert json.loads(described)["openapi"].startswith("3.1")
    build(node, "schema", described, TRIAGE_WEB_OUT=str(tmp_path))
    made = (tmp_path / "client/src/schema.ts").read_text()
    assert made == (WEB / "client/src/schema.ts").read_text(), "run `make web`"


def test_every_source_is_typed_right(node: str) -> None:
    """The compiler, at its strictest, finds nothing in the client and the pages."""
    build(node, "check")


def test_whoever_uses_the_package_is_told_of_mistakes(node: str, tmp_path: Path) -> None:
    """Its declarations take what is right, however modules are resolved, and refuse the rest."""
    package = tmp_path / "node_modules" / "intelligent-triage"
    package.parent.mkdir()
    package.symlink_to(WEB / "client")
    (tmp_path / "package.json").write_text('{"type": "module"}')
    (tmp_path / "right.ts").write_text(RIGHT)
    assert complaints(node, tmp_path, "nodenext") == set()
    for number, (right, wrong, _) in enumerate(WRONG):
        assert right in RIGHT
        (tmp_path / f"wrong{number}.ts").write_text(RIGHT.replace(right, wrong))
    found = complaints(node, tmp_path, "bundler")
    assert found == {f"wrong{number}.ts" for number in range(len(WRONG))}, WRONG


def complaints(node: str, folder: Path, resolution: str) -> set[str]:
    """Return the modules that use the package and of which TypeScript's compiler complains."""
    module = "nodenext" if resolution == "nodenext" else "esnext"
    options = ["--strict", "--noEmit", "--target", "es2022", "--lib", "es2022,dom"]
    options += ["--module", module, "--moduleResolution", resolution, "--preserveSymlinks"]
    compiler = WEB / "node_modules" / "typescript" / "bin" / "tsc"
    modules = [one.name for one in sorted(folder.glob("*.ts"))]
    done = subprocess.run(
        [node, str(compiler), *options, *modules],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    found = {line.partition("(")[0] for line in done.stdout.splitlines() if line[:1] != " "}
    assert (done.returncode == 0) == (not found), done.stderr
    return found


def test_the_lock_file_names_no_registry() -> None:
    """It says what is installed and its digest, and leaves it to npm where from."""
    lock = json.loads((WEB / "package-lock.json").read_text())
    for name, one in lock["packages"].items():
        assert "resolved" not in one, name
        assert name == "" or one["integrity"].startswith("sha512-"), name


def test_versions_are_pinned() -> None:
    """The build gets the compilers it was made with, and the package needs nothing at run time."""
    wanted = json.loads((WEB / "package.json").read_text())
    assert "dependencies" not in wanted
    assert all(one[0].isdigit() for one in wanted["devDependencies"].values())
    assert "dependencies" not in json.loads((WEB / "client" / "package.json").read_text())
