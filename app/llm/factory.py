"""Builds the models that the settings allow, in the order in which they are asked."""

from collections.abc import Callable, Mapping

from app.domain.usage import Provider
from app.llm.model import Model
from app.llm.timeouts import Timeouts
from app.settings import Settings

_NO_KEY = "none"
"""Sent to a server that needs no key; the SDKs insist on one."""


def build_models(settings: Settings, timeouts: Timeouts | None = None) -> tuple[Model, ...]:
    """Return OpenAI's model and then Anthropic's, each where a key or a base URL is set."""
    limits = timeouts or Timeouts(
        first_token=settings.first_token_seconds,
        read=settings.read_seconds,
        gather=settings.coalesce_ms / 1_000,
    )
    makers: Mapping[Provider, Callable[[Settings, Timeouts], Model]] = {
        "openai": _openai,
        "anthropic": _anthropic,
    }
    return tuple(makers[one](settings, limits) for one in configured(settings))


def configured(settings: Settings) -> tuple[Provider, ...]:
    """Return the providers that may be asked, in the order in which they are.

    >>> configured(Settings(anthropic_api_key="k")), configured(Settings())
    (('anthropic',), ())
    """
    reachable: Mapping[Provider, str | None] = {
        "openai": settings.openai_api_key or settings.openai_base_url,
        "anthropic": settings.anthropic_api_key or settings.anthropic_base_url,
    }
    return tuple(one for one, where in reachable.items() if where)


# The SDKs take a second to import: only those that are used are, at start, not when a person waits.


def _openai(settings: Settings, limits: Timeouts) -> Model:
    from openai import AsyncOpenAI  # noqa: PLC0415

    from app.llm.drafts import nowhere  # noqa: PLC0415
    from app.llm.openai_chat import OpenAIChat  # noqa: PLC0415
    from app.llm.openai_responses import OpenAIResponses  # noqa: PLC0415

    client = AsyncOpenAI(
        api_key=settings.openai_api_key or _NO_KEY,
        base_url=settings.openai_base_url,
        max_retries=0,
        http_client=nowhere(),
    )
    chat = settings.openai_api == "chat"
    return OpenAIChat(client, limits) if chat else OpenAIResponses(client, limits)


def _anthropic(settings: Settings, limits: Timeouts) -> Model:
    from anthropic import AsyncAnthropic  # noqa: PLC0415

    from app.llm.anthropic_messages import AnthropicMessages  # noqa: PLC0415
    from app.llm.drafts import nowhere  # noqa: PLC0415

    client = AsyncAnthropic(
        api_key=settings.anthropic_api_key or _NO_KEY,
        base_url=settings.anthropic_base_url,
        max_retries=0,
        http_client=nowhere(),
    )
    return AnthropicMessages(client, limits)


def model_names(settings: Settings, chosen: Mapping[Provider, str]) -> dict[Provider, str]:
    """Return the model to ask of each provider: the playbook's choice unless a setting overrides.

    >>> model_names(Settings(openai_model="local"), {"openai": "a", "anthropic": "b"})
    {'openai': 'local', 'anthropic': 'b'}
    """
    names = dict(chosen)
    if settings.openai_model:
        names["openai"] = settings.openai_model
    if settings.anthropic_model:
        names["anthropic"] = settings.anthropic_model
    return names
