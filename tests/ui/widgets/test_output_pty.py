"""The bytes that really reach a terminal, from an app that shows hostile output."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import select
import struct
import subprocess
import sys
import termios
import time
from pathlib import Path

import pyte
import pytest

from tests.text.hostile import PAYLOADS, forbidden

ROOT = Path(__file__).parents[3]
COLUMNS, ROWS = 100, len(PAYLOADS) * 3 + 10

# What Textual itself writes: modes, cursor, colours, its own questions at the start, and the restoring at the end.
OURS = re.compile(
    r"\x1b\[\?(?:1049|1000|1002|1003|1004|1006|1015|1016|2004|2026|2048|25|7)(?:[hl]|\$p)"
    r"|\x1b\[[0-9;:]*m|\x1b\[[0-9;]*H|\x1b\[[<>=][0-9;]*u|\x1b\[>4;1m|\x1bP=[12]s\x1b\\|\x1b\]22;default\x07"
)


def run(*arguments: str) -> tuple[str, int]:
    """What the app wrote to its terminal, and its exit code; it is told to quit once it has drawn everything."""
    master, slave = pty.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", ROWS, COLUMNS, 0, 0))
    environment = {**os.environ, "TERM": "xterm-256color", "COLORTERM": "truecolor", "PYTHONPATH": str(ROOT)}
    program = [sys.executable, "-m", "tests.ui.widgets.hostile_screen", *arguments]
    process = subprocess.Popen(
        program, stdin=slave, stdout=slave, stderr=slave, cwd=ROOT, env=environment, start_new_session=True
    )
    os.close(slave)
    written = bytearray()
    told = False
    deadline = time.monotonic() + 60
    try:
        while time.monotonic() < deadline:
            if select.select([master], [], [], 0.1)[0]:
                try:
                    read = os.read(master, 65_536)
                except OSError:  # the other end is closed
                    break
                if not read:
                    break
                written += read
            if not told and b"THE END" in written:
                os.write(master, b"q")
                told = True
        return written.decode(), process.wait(10)
    finally:
        process.kill()
        process.wait()
        os.close(master)


@pytest.mark.parametrize("arguments", [(), ("wrap",)], ids=["unwrapped", "wrapped"])
def test_no_byte_of_a_hostile_sequence_reaches_the_terminal(arguments: tuple[str, ...]) -> None:
    written, code = run(*arguments)
    assert code == 0
    assert "THE END" in written
    shown = OURS.sub("", written)
    assert "\x1b" not in shown, ascii(shown[max(shown.index("\x1b") - 40, 0) :][:120])
    assert forbidden(shown, allowed="\r\n") == set()
    for asked in ("\x1b[c", "\x1b[6n", "\x1b]52", "\x1b]0;", "\x1b[?1049l\x1b[2J", "cGF5bG9hZA"):
        assert asked not in written


def test_a_terminal_shows_the_text_and_its_markup_as_it_is() -> None:
    written, _ = run()
    screen = pyte.Screen(COLUMNS, ROWS)
    before_leaving = written[: written.rindex("\x1b[?1049l")]
    pyte.Stream(screen).feed(OURS.sub(lambda match: match[0] if match[0][-1] in "Hm" else "", before_leaving))
    rows = [row.rstrip() for row in screen.display]
    assert "  [@click=app.bell]x[/]" in rows
    assert "┃ [/] [/foo] [link=javascript:1]x[/]" in rows
    assert "· [/] [/foo] [link=javascript:1]x[/]" in rows
