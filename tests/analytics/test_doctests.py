"""The examples in the documentation of every public function are true, and there is one in each."""

import doctest
import importlib
import inspect
import pkgutil
from types import ModuleType

import pytest

import analytics

MODULES = [one.name for one in pkgutil.iter_modules(analytics.__path__) if not one.ispkg]


def _module(name: str) -> ModuleType:
    return importlib.import_module(f"analytics.{name}")


@pytest.mark.parametrize("name", MODULES)
def test_every_example_is_true(name: str) -> None:
    """What an example shows is what comes out."""
    found = doctest.testmod(_module(name), raise_on_error=False)
    assert found.failed == 0


@pytest.mark.parametrize("name", MODULES)
def test_every_public_function_has_an_example(name: str) -> None:
    """Nobody has to guess how a function is called."""
    module = _module(name)
    bare = [
        key
        for key, one in inspect.getmembers(module, inspect.isfunction)
        if one.__module__ == module.__name__
        and not key.startswith("_")
        and ">>>" not in (one.__doc__ or "")
    ]
    assert bare == []
