"""In a real terminal: whatever others write stays text, and the terminal is given back on every way out."""

from __future__ import annotations

import asyncio
import re
import signal
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from kolony_tui.ui.screens.framed import CRUMB
from tests.terminal import Terminal
from tests.ui.stage import Stage
from tests.ui.terminal import opened

RESTORED = (b"\x1b[?1049l", b"\x1b[?25h", b"\x1b[?1000l")
"""Normal screen, cursor, no mouse."""

EVIL = "\x1b]52;c;SE9TVElMRQ==\x07\x1b]0;HOSTILE\x07\x1b[999;999H\x1bPq#0\x1b\\\x9b31m\u202eevil\x1b[c"
COLOURS = {str(code).encode() for code in (*range(30, 39), *range(40, 49), *range(90, 98), *range(100, 108))}
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
    for program in (*[("-m", "kolony_tui")] * 3, ("-c", DEAF)):
        # Writing to a terminal that is gone hung the app about once in four times.
        with opened(tmp_path, dsn, program=program) as terminal:
            await asyncio.to_thread(start, terminal)
            terminal.hang_up()
            await asyncio.to_thread(_until_gone, terminal)


async def test_next_start_is_where_one_was(stage: Stage, tmp_path: Path) -> None:
    await stage.send("work")
    dsn = stage.workspace.database.dsn("ada")
    with opened(tmp_path, dsn) as terminal:
        await asyncio.to_thread(start, terminal)
        await asyncio.to_thread(terminal.insist, "0", lambda: f"{CRUMB} Me" in terminal.shown, "settings")
        terminal.press(":settings people\r")
        await asyncio.to_thread(terminal.until, lambda: f"{CRUMB} People" in terminal.shown, "a section")
        terminal.press("\x11")
        await asyncio.to_thread(terminal.until, terminal.ended, "its end")
    with opened(tmp_path, dsn) as terminal:
        await asyncio.to_thread(terminal.until, lambda: f"{CRUMB} People" in terminal.shown, "there again")


DEAF = """
import signal, sys
signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGHUP])
from kolony_tui.__main__ import main
sys.exit(main())
"""
"""Nobody tells it that its terminal is gone, as where it leads no session."""

STUCK = """
import asyncio, sys
from kolony_tui.ui import driver
from kolony_tui.ui.companion import Companion
driver.PATIENCE = 0.5
async def never(companion):
    await asyncio.Event().wait()
Companion.end = never
from kolony_tui.__main__ import main
sys.exit(main())
"""


async def test_whatever_hangs_does_not_keep_it(stage: Stage, tmp_path: Path) -> None:
    with opened(tmp_path, stage.workspace.database.dsn("bob"), program=("-c", STUCK)) as terminal:
        await asyncio.to_thread(start, terminal)
        seen = len(terminal.seen)
        terminal.press("\x11")
        await asyncio.to_thread(terminal.until, terminal.ended, "its end")
        terminal.read(0.2)
        assert given_back(terminal)
        assert terminal.code == 0
        assert terminal.seen.count(b"\x1b[?1049l", seen) == 2, "by Textual, and once more at the very end"


SPARED = """
import gc, os, sys, threading, time
from kolony_tui.__main__ import main
often = gc.get_threshold()[0]
def watch():
    while not gc.get_freeze_count():
        time.sleep(0.01)
    assert gc.get_threshold()[0] > often
    os.mkdir(os.path.join(os.environ["KOLONY_HOME"], "spared"))
threading.Thread(target=watch, daemon=True).start()
sys.exit(main())
"""


async def test_what_it_is_made_of_is_not_looked_through_for_garbage(stage: Stage, tmp_path: Path) -> None:
    with opened(tmp_path, stage.workspace.database.dsn("bob"), program=("-c", SPARED)) as terminal:
        await asyncio.to_thread(terminal.until, (tmp_path / "spared").exists, "its objects are spared")


def _until_gone(terminal: Terminal) -> None:
    end = time.monotonic() + 15
    while not terminal.ended():
        assert time.monotonic() < end, "a closed window leaves a process behind"
        time.sleep(0.02)


async def test_no_color_means_none(stage: Stage, tmp_path: Path) -> None:
    await stage.send("work")
    runner = await stage.runner()
    await runner.write(await runner.take(), b"\x1b[31mred\x1b[0m line\n")
    with opened(tmp_path, stage.workspace.database.dsn("bob"), NO_COLOR="1") as terminal:
        await asyncio.to_thread(start, terminal)
        await asyncio.to_thread(terminal.until, lambda: "red line" in terminal.shown, "the output")
        for keys, sign in (("?", "Keys of this"), ("\x1b", "!Keys of this"), ("n", "Priority")):
            await asyncio.to_thread(
                terminal.insist, keys, _showing(terminal, sign.removeprefix("!"), not sign.startswith("!")), sign
            )
        codes = {code for found in re.findall(rb"\x1b\[([0-9;:]*)m", terminal.seen) for code in found.split(b";")}
        assert b"1" in codes, "bold stays"
        assert not codes & COLOURS, codes & COLOURS


BROKEN = """
import sys
from kolony_tui.ui.app import KolonyApp
def broken(app, name, part):
    password = "local s3cret"
    raise RuntimeError("cannot reach postgresql://ada:s3cret@db/x with kol_0123456789abcdef")
KolonyApp.go_to = broken
from kolony_tui.__main__ import main
sys.exit(main())
"""


@pytest.mark.parametrize("debug", [False, True])
async def test_fault_of_ours_gives_the_terminal_back(stage: Stage, tmp_path: Path, debug: bool) -> None:
    await stage.send("work")
    options = ["--debug"] * debug
    with opened(tmp_path, stage.workspace.database.dsn("bob"), *options, program=("-c", BROKEN)) as terminal:
        await asyncio.to_thread(start, terminal)
        terminal.press("3")
        await asyncio.to_thread(terminal.until, terminal.ended, "its end")
        terminal.read(0.2)
        assert given_back(terminal)
        assert terminal.code == 1
        after = terminal.seen[terminal.seen.rfind(b"\x1b[?1049l") :].decode()
        assert "RuntimeError: cannot reach" in after
        assert ("Traceback" in after, "kolony: a fault of Kolony itself" in after) == (debug, not debug)
        log = after if debug else (tmp_path / "faults.log").read_text()
        assert "in broken" in log, "the details are kept"
        for secret in ("s3cret", "0123456789abcdef"):
            assert secret not in log + terminal.seen.decode()


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
                ("4", "r retry"), ("\r", "asked by"), ("C", "Cancel run"),
                ("\x1b", "!Cancel run"), ("\x1b", "!asked by"),
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
