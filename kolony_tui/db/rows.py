"""From a database row to one of the domain's types; text that others wrote becomes ``Untrusted`` here."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping
from dataclasses import fields
from enum import StrEnum
from functools import cache
from types import UnionType
from typing import Any, TypeVar, cast, get_args, get_origin, get_type_hints

import asyncpg

from kolony_tui.models.untrusted import Untrusted

_Row = TypeVar("_Row")


def read(kind: type[_Row], record: Mapping[str, Any] | asyncpg.Record) -> _Row:
    """Makes a ``kind`` (a dataclass) from the columns of the same names."""
    return kind(**{name: convert(record[name]) for name, convert in _conversions(cast("Hashable", kind))})


@cache
def _conversions(kind: Any) -> tuple[tuple[str, Callable[[Any], Any]], ...]:
    hints = get_type_hints(kind)
    return tuple((each.name, _conversion(hints[each.name])) for each in fields(kind))


def _conversion(hint: Any) -> Callable[[Any], Any]:
    options = get_args(hint) if get_origin(hint) is UnionType else (hint,)
    for option in options:
        if option is Untrusted or (isinstance(option, type) and issubclass(option, StrEnum)):
            wrap: Callable[[Any], Any] = option
            return lambda value: None if value is None else wrap(value)
        if get_origin(option) is tuple and get_args(option) == (Untrusted, ...):
            return lambda value: tuple(map(Untrusted, value))
    return lambda value: value
