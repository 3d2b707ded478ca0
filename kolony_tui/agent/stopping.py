"""When a runner is asked to stop: signals, or the end of the process that it belongs to; and who may look into it."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
from collections.abc import Callable

_PR_SET_DUMPABLE = 4

STAY = b"stay\n"
"""What a parent writes to let its runner outlive it."""


def stop_on_signals(stop: Callable[[str], None]) -> None:
    """SIGTERM, SIGINT and SIGHUP call ``stop``; one that was ignored at the start (nohup) stays ignored."""
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        if signal.getsignal(number) is not signal.SIG_IGN:
            loop.add_signal_handler(number, stop, number.name)
        else:
            # By a handler, which ends with exec: programs would inherit the ignoring, and could not be interrupted.
            signal.signal(number, lambda *_: None)


def stop_on_end_of_input(stop: Callable[[str], None]) -> None:
    """The end of standard input calls ``stop``: whoever held its other end is gone. Not after ``STAY``."""
    loop = asyncio.get_running_loop()
    heard = bytearray()

    def readable() -> None:
        with contextlib.suppress(BlockingIOError):
            if piece := os.read(0, 4096):
                heard.extend(piece)
                return
            loop.remove_reader(0)
            if heard != STAY:
                stop("the program that started this runner has ended")

    os.set_blocking(0, False)
    loop.add_reader(0, readable)


def close_memory() -> None:
    """Keeps programs under the same user from reading the token out of the runner (Linux; see prctl(2))."""
    if sys.platform == "linux":
        import ctypes

        with contextlib.suppress(OSError, AttributeError):
            ctypes.CDLL(None).prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)
