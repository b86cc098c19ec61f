"""How a request's body is read: as strict JSON, or not at all.

The framework lets two kinds of bad input through to a 500: nesting that exhausts the stack, and
bytes that are no text. And where a name comes twice it keeps the last value, while whatever stands
in front of us may have judged the first.
"""

import json
from collections.abc import Iterable
from typing import Any

import msgspec
from litestar import Request
from litestar.datastructures import State
from litestar.exceptions import InternalServerException

from app.domain.errors import InvalidInput

_decode = msgspec.json.Decoder().decode
_WORDS = {
    "Input data was truncated": "it ends too early, or half of a character is escaped",
    "JSON is malformed: ": "",
}


class JsonRequest(Request[None, None, State]):
    """A request whose body is strict JSON."""

    async def body(self) -> bytes:
        """Return the body's bytes.

        Raises:
            InvalidInput: if the client left before it was complete, which is no fault of ours.
        """
        try:
            return await super().body()
        except InternalServerException:
            raise InvalidInput("the body is not complete") from None

    async def json(self) -> Any:
        """Return the body's value.

        Raises:
            InvalidInput: if it is not strict JSON.
        """
        return read_json(await self.body())


def read_json(body: bytes) -> Any:
    """Read strict JSON in UTF-8.

    Raises:
        InvalidInput: where it is none, is nested too deep, or names a field twice.
    """
    try:
        value = _decode(body)
        # The fast decoder keeps the last of equal names and cannot say so; bodies are small.
        json.loads(body, object_pairs_hook=_once)
    except RecursionError:
        raise InvalidInput("the body is nested too deep") from None
    except UnicodeDecodeError:
        raise InvalidInput("the body is not text in UTF-8") from None
    except msgspec.MsgspecError as error:
        raise InvalidInput(f"the body is not valid JSON: {_plain(str(error))}") from None
    return value


def _once(pairs: Iterable[tuple[str, Any]]) -> None:
    seen: set[str] = set()
    for name, _ in pairs:
        if name in seen:
            raise InvalidInput(f"the body has the field {_quoted(name)} twice")
        seen.add(name)


def _quoted(name: str) -> str:
    return json.dumps(name[:40])


def _plain(message: str) -> str:
    if "out of range" in message:
        return "a number is too large"
    for found, said in _WORDS.items():
        message = message.replace(found, said)
    return message
