"""Windows of long lists: what part of a list is wanted, what came of it, and the numbers of a workspace."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Generic, TypeVar

from kolony_tui.models.untrusted import Untrusted

S = TypeVar("S")


@dataclass(frozen=True, slots=True)
class Wish:
    """The part of a list that is wanted: ``count`` rows from ``first`` (from 0) of those that the filter lets pass.

    ``sort`` and ``group`` are ids of columns, or empty for the list's own order and for no groups.
    """

    first: int
    count: int
    filter: str = ""
    sort: str = ""
    backwards: bool = False
    group: str = ""


@dataclass(frozen=True, slots=True)
class Group:
    """Rows that stand together under a heading, in the order of the list."""

    name: Untrusted
    count: int


@dataclass(frozen=True, slots=True)
class Page(Generic[S]):
    """Rows from the wish's ``first`` on; ``passed``: how many there are that pass, in all.

    ``rest`` says in words where the list is not whole ("newest 1000"), or nothing.
    """

    wish: Wish
    rows: tuple[S, ...]
    passed: int
    groups: tuple[Group, ...] = ()
    rest: str = ""


@dataclass(frozen=True, slots=True)
class Pulse:
    """How a workspace is: its agents that are not retired, who of them is there and at work, and the open runs.

    ``ended``: how many runs ended in a minute (of the Unix epoch).
    """

    agents: int
    online: int
    busy: int
    open_runs: int
    ended: Mapping[int, int]
