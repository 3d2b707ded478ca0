"""Waiting for something, for so long at most, in a way that a cancel always ends."""

from __future__ import annotations

import asyncio
import contextlib


async def set_within(event: asyncio.Event, seconds: float) -> bool:
    """Waits until the event is set, or for so many seconds; answers whether it is set.

    By ``asyncio.timeout``, as everywhere here: before Python 3.12 ``asyncio.wait_for`` loses a cancel that comes
    together with what it waits for.
    """
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await event.wait()
    return event.is_set()
