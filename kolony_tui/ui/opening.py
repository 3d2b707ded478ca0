"""How the app gets to its server, and how it looks and behaves at first."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from kolony_tui.core.connection import Destination


def wall_clock() -> datetime:
    """This machine's time."""
    return datetime.now(UTC)


@dataclass(frozen=True)
class Opening:
    """What an app is started with.

    ``find`` resolves where to connect and may start a server: it blocks, so the app calls it in a thread, and it tells
    what it is doing by the function it gets. ``remembered`` is what the last app left, ``keymap`` what the person set.
    ``frozen`` stops the clock, for pictures. ``told`` is what a person should hear once the server is there.
    ``begun`` is called once, when all of the app is there. ``replay``: the app looks at this moment and has no present.
    What goes to more agents than ``confirm_above`` is confirmed by typing their number.
    """

    find: Callable[[Callable[[str], None]], Destination]
    remembered: Mapping[str, Any] = field(default_factory=dict)
    keymap: Mapping[str, str] = field(default_factory=dict)
    theme: str | None = None
    ascii_only: bool = False
    frozen: datetime | None = None
    local_runner: bool = False
    begun: Callable[[], object] = lambda: None
    replay: datetime | None = None
    debug: bool = False
    told: Sequence[str] = ()
    confirm_above: int = 10
