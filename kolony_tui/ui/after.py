"""`after`: a short delay that surely ends."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from textual import events
from textual.message_pump import MessagePump


def after(pump: MessagePump, seconds: float, callback: Callable[[], Any]) -> None:
    """Calls back once, within ``pump``, so many seconds from now.

    Textual's own timers leave out a tick that is late: a timer of milliseconds on a busy machine never fires at all.
    """
    # Not by ``call_next``, which looks the signature of its callback up anew each time.
    told = events.Callback(callback=callback)
    asyncio.get_running_loop().call_later(seconds, pump.post_message, told)
