"""One step of an analysis: a question to models, and its answer as it is kept.

The record of a step is all that is known of it afterwards, so that an analysis that begins anew
with kept steps finds exactly what it found before, and pays for none of it again.
"""

from collections.abc import Callable, Mapping
from contextlib import aclosing
from typing import Generic, TypeVar

import msgspec
from msgspec import Struct

from app.core.analysis.memo import Steps
from app.domain.job import StepRecord
from app.domain.usage import Attempt, Provider
from app.llm.errors import NoModelLeft
from app.llm.failover import Answered, FailoverModel
from app.llm.model import ModelRequest

T = TypeVar("T")

UNAVAILABLE = "unavailable"
"""The error of a step for which no model could even be asked."""
OUTDATED = "outdated"
"""The error of a kept document that is none any more: the playbook has changed since."""


class Said(Struct, Generic[T], frozen=True, kw_only=True):
    """What a step came to."""

    value: T | None
    """The decoded document; None where there is none."""
    record: StepRecord
    denied: NoModelLeft | None = None
    """A budget did not let anybody be asked; then the step is not kept and may be taken later."""


async def ask(
    model: FailoverModel,
    steps: Steps,
    name: str,
    request: ModelRequest,
    names: Mapping[Provider, str],
    read: Callable[[bytes], T],
) -> Said[T]:
    """Take a step: ask the models by these names for a document, unless the step is kept.

    Args:
        model: The models, each with its breaker; invalid output is asked for once more.
        steps: Where steps are kept.
        name: The step's name.
        request: The question.
        names: The model to ask of each provider.
        read: Reads the document and checks it.
    """

    async def work() -> StepRecord:
        attempts: list[Attempt] = []
        document = None
        try:
            async with aclosing(model.stream(request, names, attempts.append, read)) as events:
                async for event in events:
                    if isinstance(event, Answered):
                        document = event.raw
        except NoModelLeft as left:
            if left.denied_for:
                raise
            error = attempts[-1].error if attempts else UNAVAILABLE
            return StepRecord(error=error, attempts=tuple(attempts))
        return StepRecord(document=document, attempts=tuple(attempts))

    try:
        record = await steps.once(name, work)
    except NoModelLeft as left:
        record = StepRecord(error=left.denied_for, attempts=left.attempts)
        return Said(value=None, record=record, denied=left)
    if record.document is None:
        return Said(value=None, record=record)
    try:
        return Said(value=read(record.document), record=record)
    except (msgspec.MsgspecError, ValueError):
        return Said(
            value=None,
            record=StepRecord(error=OUTDATED, attempts=record.attempts),
        )


def blame(*records: StepRecord) -> str:
    """Return who failed and how, in closed words: `openai timeout, anthropic refused`."""
    words = [
        f"{one.provider} {one.error or one.outcome}"
        for record in records
        for one in record.attempts
        if one.outcome != "completed"
    ]
    return ", ".join(words) or next((one.error for one in records if one.error), UNAVAILABLE)
