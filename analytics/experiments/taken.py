"""Who was taken into an experiment, and what was asked to find out."""

import datetime as dt
from collections.abc import Mapping
from typing import Any

from msgspec import Struct


class Taken(Struct, frozen=True, kw_only=True):
    """Who was taken into an experiment."""

    persons: Mapping[str, int]
    """Persons by their first variation, whatever they saw later and however short a time ago."""
    several: int
    """Persons who were exposed to several variations."""
    first: dt.datetime | None
    """The first exposure, UTC."""
    last: dt.datetime | None
    by_day: Mapping[str, Mapping[str, int]]
    """Of these persons, those who came on each day, by arm; in order of days."""
    flags: tuple[str, ...]
    """The hashes of the flags by which people were assigned."""


class Question(Struct, frozen=True, kw_only=True):
    """A statement that was asked of the warehouse."""

    title: str
    sql: str
    parameters: tuple[Any, ...]
