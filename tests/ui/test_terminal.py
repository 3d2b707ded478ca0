"""In a real terminal: whatever others write stays text, and the terminal is given back on every way out."""

from __future__ import annotations

import asyncio
import re
import signal
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.ui.stage import Stage
from tests.ui.terminal import Terminal, opened

RESTORED = (b"\x1b[?1049l", b"\x1b[?25h", b"\x1b[?1000l")
"""Normal screen, cursor, no mouse."""

EVIL = "\x1b]52;c;SE9TVElMRQ==\x07\x1b]0;HOSTILE\x07\x1b[999;999H\x1bPq#0\x1b\\\x9b31m\u202eevil\x1b[c"
MARKUP = "[/foo][@click=app.quit]click[/] [bold"
FORBIDDEN = re.compile(rb"\x1b\]52;c;SE9T|HOSTILE\x07|\x1b\[999|\x1bP|\xc2\x9b|\xe2\x80\xae|\x1b\[c")


def given_back(terminal: Terminal) -> bool:
    """Whether the terminal is as it was."""
    return all(terminal.seen.rfind(mode) > terminal.seen.rfind(b"\x1b[?1049h") for mode in RESTORED)


def start(terminal: Terminal) -> None:
    """Waits until there is something to see."""
    terminal.until(lambda: "online" in terminal.shown, "the dashboard")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT], ids=lambda number: number.name)
async def test_signals_give_the_terminal_back(stage: Stage, tmp_path: Path, number: signal.Signals) -> None:
    await stage.send("work")
    with opened(tmp_path, stage.workspace.database.dsn("bob")) as terminal:
        await asyncio.to_thread(start, terminal)
        terminal.signal(number)
        await asyncio.to_thread(terminal.until, terminal.ended, "its end")
        terminal.read(0.2)
        assert given_back(terminal)
        assert terminal.code == 128 + number
        assert b"Traceback" not in terminal.seen


async def test_keys_and_a_closed_window_end_it_too(stage: Stage, tmp_path: Path) -> None:
    await stage.send("work")
    dsn = stage.workspace.database.dsn("bob")
    for keys in ("\x11", "\x03\x03"):
        with opened(tmp_path, dsn) as terminal:
            await asyncio.to_thread(start, terminal)
            terminal.press(keys)
            await asyncio.to_thread(terminal.until, terminal.ended, "its end")
            terminal.read(0.2)
            assert given_back(terminal)
            assert terminal.code == 0
    for _ in range(4):  # writing to a terminal that is gone hung the app about once in four times
        with opened(tmp_path, dsn) as terminal:
            await asyncio.to_thread(start, terminal)
            terminal.hang_up()
            await asyncio.to_thread(_until_gone, terminal)


def _until_gone(terminal: Terminal) -> None:
    end = time.monotonic() + 15
    while not terminal.ended():
        assert time.monotonic() < end, "a closed window leaves a process behind"
        time.sleep(0.02)


async def test_refused_login_is_one_line_and_exit_3(stage: Stage, tmp_path: Path) -> None:
    from kolony_tui.models.secret import Secret

    with opened(tmp_path, stage.workspace.database.dsn("bob", Secret("wrong"))) as terminal:
        await asyncio.to_thread(terminal.until, terminal.ended, "its end")
        terminal.read(0.2)
        last = terminal.seen.decode().rstrip().splitlines()[-1]
        assert "kolony: password authentication failed" in last
        assert terminal.code == 3
        assert b"Traceback" not in terminal.seen


def _showing(terminal: Terminal, text: str, wanted: bool) -> Callable[[], bool]:
    return lambda: (text in terminal.shown) == wanted


async def test_nothing_that_others_write_commands_the_terminal(stage: Stage, tmp_path: Path) -> None:
    superuser = await stage.workspace.database.superuser()
    await superuser.execute("UPDATE kolony.agents SET name = $1, description = $2", f"{MARKUP} \u202e", EVIL + MARKUP)
    runner = await stage.runner(host=EVIL[:200])
    for _ in range(2):
        await stage.send(EVIL + MARKUP)
    first = await runner.take()
    await runner.write(first, EVIL.encode() + MARKUP.encode() + b"\nbottom line\n", ("stderr", EVIL.encode()))
    await superuser.execute("UPDATE kolony.profiles SET display_name = $1", EVIL[:60] + MARKUP[:30])
    with opened(tmp_path, stage.workspace.database.dsn("ada")) as terminal:

        def walk() -> None:
            start(terminal)
            terminal.until(lambda: "bottom line" in terminal.shown, "the output")
            for keys, sign in (
                ("?", "Keys of this"), ("\x1b", "!Keys of this"),
                ("3", "p pause"), ("\r", "session"), ("\x1b", "!session"),
                ("4", "r retry"), ("\r", "asked by"), ("x", "Cancel run"), ("n", "!Cancel run"), ("\x1b", "!asked by"),
                ("n", "Priority"), ("\x1b[A", "ctrl+j"),
                ("\x1b", "!ctrl+j"), ("\x10", "Go to Fleet"), ("evil", "  evil"), ("\x1b", "!  evil"),
            ):  # fmt: skip
                wanted, text = not sign.startswith("!"), sign.removeprefix("!")
                terminal.insist(keys, _showing(terminal, text, wanted), f"{sign!r} after {keys!r}")

        await asyncio.to_thread(walk)
        await runner.finish(first, "failed", error=EVIL + MARKUP, chunks=2)
        await asyncio.to_thread(terminal.until, lambda: "failed" in terminal.shown, "the failure")
        terminal.press("\x11")
        await asyncio.to_thread(terminal.until, terminal.ended, "its end")
        assert not FORBIDDEN.search(terminal.seen)
        assert terminal.code == 0, "no markup was clicked or crashed on"
