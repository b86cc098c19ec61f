"""Mistakes in a playbook's choice of models."""

from collections.abc import Iterator

from app.core.playbook.shape import Mistake
from app.domain.playbook import Playbook

_NEEDED = ("interview", "small")
_OPTIONAL = ("strong", "judge")


def model_mistakes(playbook: Playbook) -> Iterator[Mistake]:
    """Yield every job without a model and every model without a name."""
    for job in (*_NEEDED, *_OPTIONAL):
        chosen: dict[str, str] = getattr(playbook.models, job)
        if job in _NEEDED and not chosen:
            yield ("models", job), "empty; expected a model for openai, anthropic or both"
        for provider, model in chosen.items():
            if not model.strip():
                yield ("models", job, provider), "empty; expected the name of a model"
