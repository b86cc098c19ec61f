"""Ask each configured provider whether it would serve us, at no cost: it lists its models."""

from collections.abc import Callable

import anthropic
import openai
from msgspec import Struct

from app.domain.usage import Provider
from app.settings import Settings

_SECONDS = 6.0
_NO_KEY = "none"


class Reach(Struct, frozen=True, kw_only=True):
    """Whether a provider answers and takes our key."""

    provider: Provider
    ok: bool
    detail: str


def reach_providers(settings: Settings) -> list[Reach]:
    """Ask every provider that has a key or a base URL, in the order in which they serve."""
    found = []
    if settings.openai_api_key or settings.openai_base_url:
        found.append(_reach("openai", lambda: _list_openai(settings)))
    if settings.anthropic_api_key or settings.anthropic_base_url:
        found.append(_reach("anthropic", lambda: _list_anthropic(settings)))
    return found


def _list_openai(settings: Settings) -> None:
    with openai.OpenAI(
        api_key=settings.openai_api_key or _NO_KEY,
        base_url=settings.openai_base_url,
        max_retries=0,
        timeout=_SECONDS,
    ) as client:
        client.models.list()


def _list_anthropic(settings: Settings) -> None:
    with anthropic.Anthropic(
        api_key=settings.anthropic_api_key or _NO_KEY,
        base_url=settings.anthropic_base_url,
        max_retries=0,
        timeout=_SECONDS,
    ) as client:
        client.models.list(limit=1)


def _reach(provider: Provider, ask: Callable[[], None]) -> Reach:
    try:
        ask()
    except (openai.APIStatusError, anthropic.APIStatusError) as error:
        if error.status_code in {401, 403}:
            detail = f"it refuses the key (status {error.status_code})"
        else:
            detail = f"it answers with status {error.status_code}"
        return Reach(provider=provider, ok=False, detail=detail)
    except (openai.OpenAIError, anthropic.AnthropicError) as error:
        return Reach(provider=provider, ok=False, detail=f"it cannot be reached: {error}")
    return Reach(provider=provider, ok=True, detail="it answers and takes the key")
