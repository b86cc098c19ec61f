"""Builds the models that the settings allow, in the order in which they are asked."""

from collections.abc import Mapping

from anthropic import AsyncAnthropic
from openai import AsyncOpenAI

from app.domain.usage import Provider
from app.llm.anthropic_messages import AnthropicMessages
from app.llm.model import Model
from app.llm.openai_chat import OpenAIChat
from app.llm.openai_responses import OpenAIResponses
from app.llm.streaming import Timeouts
from app.settings import Settings

_NO_KEY = "none"
"""Sent to a server that needs no key; the SDKs insist on one."""


def build_models(settings: Settings, timeouts: Timeouts | None = None) -> tuple[Model, ...]:
    """Return OpenAI's model and then Anthropic's, each where a key or a base URL is set."""
    limits = timeouts or Timeouts()
    models: list[Model] = []
    if settings.openai_api_key or settings.openai_base_url:
        client = AsyncOpenAI(
            api_key=settings.openai_api_key or _NO_KEY,
            base_url=settings.openai_base_url,
            max_retries=0,
            timeout=limits.for_sdk(),
        )
        chat = settings.openai_api == "chat"
        models.append(OpenAIChat(client, limits) if chat else OpenAIResponses(client, limits))
    if settings.anthropic_api_key or settings.anthropic_base_url:
        models.append(
            AnthropicMessages(
                AsyncAnthropic(
                    api_key=settings.anthropic_api_key or _NO_KEY,
                    base_url=settings.anthropic_base_url,
                    max_retries=0,
                    timeout=limits.for_sdk(),
                ),
                limits,
            )
        )
    return tuple(models)


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
