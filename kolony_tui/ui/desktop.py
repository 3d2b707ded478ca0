"""Ways to a person who looks elsewhere: the terminal's own notifications, and those of the desktop."""

from __future__ import annotations

import asyncio
import contextlib
import html
import shutil
from collections.abc import Mapping
from typing import Literal

from kolony_tui.text import SafeText

Way = Literal["osc9", "osc777", "notify-send"]
_PATIENCE = 5.0
_OSC9 = ("iTerm.app", "WezTerm", "ghostty", "WarpTerminal", "rio")
_OSC777 = ("foot", "rxvt", "urxvt", "contour")


def way_to_desktop(setting: str, environment: Mapping[str, str]) -> Way | None:
    """How this terminal's person is reached; None: not at all.

    ``auto`` takes notify-send where there is a desktop on this machine, and otherwise the sequence that the terminal is
    known for. Within tmux and screen there is none: they would print it, or swallow it.

    >>> way_to_desktop("auto", {"TERM_PROGRAM": "WezTerm"}), way_to_desktop("auto", {"TERM": "foot"})
    ('osc9', 'osc777')
    >>> way_to_desktop("auto", {"TERM": "xterm"}), way_to_desktop("off", {"TERM": "foot"})
    (None, None)
    """
    match setting:
        case "osc9" | "osc777" | "notify-send":
            return setting
        case "auto":
            return _found(environment)
        case _:
            return None


def _found(environment: Mapping[str, str]) -> Way | None:
    here = not environment.get("SSH_CONNECTION")
    if here and environment.get("DBUS_SESSION_BUS_ADDRESS") and shutil.which("notify-send"):
        return "notify-send"
    if environment.get("TMUX") or environment.get("STY"):
        return None
    if environment.get("TERM_PROGRAM") in _OSC9 or environment.get("KITTY_WINDOW_ID"):
        return "osc9"
    if environment.get("TERM", "").split("-")[0] in _OSC777 or environment.get("VTE_VERSION"):
        return "osc777"
    return None


def sequence(way: Way, title: SafeText, words: SafeText) -> str:
    """What a terminal is sent. Safe text holds nothing that ends a sequence early; semicolons part fields in OSC 777.

    >>> from kolony_tui.text import safe
    >>> sequence("osc777", safe("a;b"), safe("c"))
    '\\x1b]777;notify;a,b;c\\x1b\\\\'
    """
    if way == "osc9":
        return f"\x1b]9;{_joined(title.plain, words.plain)}\x1b\\"
    return f"\x1b]777;notify;{title.plain.replace(';', ',')};{words.plain.replace(';', ',')}\x1b\\"


def _joined(title: str, words: str) -> str:
    # "4;" at the beginning of OSC 9 is no message but a bar that shows progress.
    said = f"{title}: {words}" if words else title
    return f"Kolony: {said}"


async def notify_send(title: SafeText, words: SafeText, *, urgent: bool) -> None:
    """Has the desktop show it; whatever goes wrong with that is not worth telling."""
    arguments = ["--app-name=Kolony", f"--urgency={'critical' if urgent else 'normal'}", "--"]
    # Its text is read as markup.
    shown = [title.plain, html.escape(words.plain, quote=False)]
    with contextlib.suppress(OSError, TimeoutError):
        process = await asyncio.create_subprocess_exec(
            "notify-send", *arguments, *shown,
            stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.DEVNULL,
        )  # fmt: skip
        try:
            async with asyncio.timeout(_PATIENCE):
                await process.wait()
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
