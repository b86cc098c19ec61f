"""Fixtures of the models' tests."""

from tests.support.llmock import llmock_process, providers

__all__ = ["llmock_process", "providers"]
