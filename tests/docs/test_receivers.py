"""The receivers that docs/webhooks.md shows take what is sent to them, and nothing forged."""

import json
import shutil
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from app.notify.webhooks import new_secret, signed_headers
from tests.support.node import WEB, installed
from tests.support.pages import read_page

PAGE = read_page(Path("docs/webhooks.md"))
SECRET = new_secret()
BODY = json.dumps({"type": "analysis.completed", "data": {"case_id": "0f2b"}}).encode()
ASK = """
import { verify } from "./verify.mjs";
const { secret, headers, body } = JSON.parse(process.argv[2]);
console.log(JSON.stringify(verify(secret, headers, body)));
"""


def example(part: str) -> str:
    """Return the block of the page that has this in it."""
    (found,) = [code for one in PAGE.blocks if part in (code := "\n".join(one.code))]
    return found


def signed(*, secret: str = SECRET, age: int = 0) -> dict[str, str]:
    """Return the headers of a message that is so many seconds old, by two secrets."""
    return signed_headers("msg_1", [new_secret(), secret], BODY, seconds=int(time.time()) - age)


def test_the_receiver_in_python_takes_a_message_once_and_nothing_forged() -> None:
    """204 for ours, also when it comes again; 401 for what is old, of others, or was changed."""
    seen: set[str] = set()
    done: list[tuple[str, str]] = []

    def remember(name: str) -> bool:
        new = name not in seen
        seen.add(name)
        return new

    room: dict[str, Any] = {"remember": remember, "later": lambda *what: done.append(what)}
    code = example("WebhookVerificationError").replace("whsec_...", SECRET)
    exec(compile(code, str(PAGE.path), "exec"), room)  # noqa: S102 - the page's own example
    receive: Callable[[dict[str, str], bytes], int] = room["receive"]
    assert [receive(signed(), BODY), receive(signed(), BODY)] == [204, 204]
    assert done == [("analysis.completed", "0f2b")]
    assert receive(signed(age=3_600), BODY) == 401
    assert receive(signed(secret=new_secret()), BODY) == 401
    assert receive(signed(), BODY + b" ") == 401


def test_the_receiver_in_typescript_takes_a_message_and_nothing_forged(tmp_path: Path) -> None:
    """It returns what came, and throws for what is old, of others, or was changed."""
    if shutil.which("node") is None:
        pytest.skip("needs Debian's nodejs")
    node = installed(WEB)
    (tmp_path / "verify.ts").write_text(example("timingSafeEqual"), "utf-8")
    (tmp_path / "ask.mjs").write_text(ASK, "utf-8")
    esbuild = WEB / "node_modules" / ".bin" / "esbuild"
    built = [str(esbuild), "verify.ts", "--outfile=verify.mjs", "--log-level=error"]
    subprocess.run(built, cwd=tmp_path, check=True)

    def ask(headers: dict[str, str], body: bytes = BODY) -> "subprocess.CompletedProcess[str]":
        what = json.dumps({"secret": SECRET, "headers": headers, "body": body.decode()})
        asked = [node, "ask.mjs", what]
        return subprocess.run(asked, cwd=tmp_path, capture_output=True, text=True, check=False)

    assert json.loads(ask(signed()).stdout) == json.loads(BODY)
    assert "too old" in ask(signed(age=3_600)).stderr
    assert "not signed by us" in ask(signed(secret=new_secret())).stderr
    assert "not signed by us" in ask(signed(), BODY + b" ").stderr
