"""Which models the settings allow."""

import pytest

from app.llm.anthropic_messages import AnthropicMessages
from app.llm.factory import build_models, model_names
from app.llm.openai_chat import OpenAIChat
from app.llm.openai_responses import OpenAIResponses
from app.settings import Settings

LOCAL = "http://127.0.0.1:9/v1"


@pytest.mark.parametrize(
    ("settings", "kinds"),
    [
        (Settings(), []),
        (Settings(openai_api_key="k"), [OpenAIResponses]),
        (Settings(openai_api_key="k", openai_api="chat"), [OpenAIChat]),
        (Settings(openai_base_url=LOCAL, openai_api="chat"), [OpenAIChat]),
        (Settings(anthropic_api_key="k"), [AnthropicMessages]),
        (Settings(anthropic_base_url=LOCAL), [AnthropicMessages]),
        (
            Settings(anthropic_api_key="k", openai_api_key="k"),
            [OpenAIResponses, AnthropicMessages],
        ),
    ],
)
async def test_models_follow_the_settings(settings: Settings, kinds: list[type]) -> None:
    """A key or a base URL makes a model; OpenAI's comes first; nothing makes none."""
    models = build_models(settings)
    assert [type(model) for model in models] == kinds
    for model in models:
        await model.aclose()


def test_a_setting_overrides_the_playbooks_choice() -> None:
    """Names are kept for each provider apart."""
    chosen = {"openai": "small", "anthropic": "little"}
    assert model_names(Settings(), {"openai": "small", "anthropic": "little"}) == chosen
    settings = Settings(openai_model="local", anthropic_model="far")
    assert model_names(settings, {"openai": "small"}) == {"openai": "local", "anthropic": "far"}
