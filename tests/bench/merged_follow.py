"""60 runs merged into one stream while they print: keys and processor time, beside Textual's RichLog.

60 runs print 100 lines a second each, as five pieces with a hint for each, and the app follows all of them on its
merged screen (key ``M``). RichLog, in an app of its own, gets 6,000 lines a second of the same kind, which somebody
else has merged already and which are in its memory: no database, no order to be found, nothing to be counted. Both on
a pseudo-terminal of 140x40. A key goes up from the end, the next one back to it; it is done when the title, which says
that, was written to the terminal.
"""

from __future__ import annotations

import asyncio
import re
import sys
import time

from rich.text import Text
from textual.app import App, ComposeResult
from textual.binding import Binding
from textual.widgets import RichLog, Static

from tests.bench.dashboard import LINES_A_SECOND, STREAMING, SYNCHRONIZED, Feed, Taken, last, press
from tests.bench.figures import Figure, rounds
from tests.bench.keys import LINES
from tests.bench.large_fleet import PASSWORD, PERSON, large_fleet
from tests.bench.workplace import app_of, as_login
from tests.terminal import Terminal, running

AGENTS, TAKEN = 100, STREAMING * 5 // 4
"""Four of five agents are there, and with them as many of the runs that were taken."""
RATE = STREAMING * LINES_A_SECOND
KEEPS = 20_000
"""Lines that both keep."""
UP, END = "\x1b[A", "G"
_STATE = re.compile(rb"following|reading")


async def main() -> list[Figure]:
    """Keys and processor time."""
    ours, peer = list[Taken](), list[Taken]()
    async with large_fleet(agents=AGENTS, ended=100, executing=TAKEN, ready=0, scheduled=0) as (_, superuser):
        feed = await Feed.of(superuser)
        with app_of(as_login(superuser, PERSON, PASSWORD)) as terminal:
            terminal.press(SYNCHRONIZED)
            await asyncio.to_thread(terminal.until, lambda: f"/{AGENTS} online" in terminal.shown, "the dashboard")
            terminal.press("M")
            await asyncio.to_thread(terminal.until, lambda: f"{STREAMING} runs" in terminal.shown, "all runs")
            for turn in range(rounds(5) + 1):
                async with feed.going(events=False):
                    mine = await asyncio.to_thread(_pressed, terminal)
                theirs = await asyncio.to_thread(_of_rich_log)
                if turn:  # the first one warms up
                    ours.append(mine)
                    peer.append(theirs)
        await feed.close()
    told = f"{STREAMING} runs merged, {LINES_A_SECOND} lines/s each"
    return [
        Figure(f"key to painted, p95, {told}", "ms", [each.key_p95 for each in ours], "RichLog, merged lines",
               [each.key_p95 for each in peer], "no bound"),
        Figure(f"processor time, {told}", "% of a core", [each.busy for each in ours], "RichLog, merged lines",
               [each.busy for each in peer], "no bound"),
    ]  # fmt: skip


def _pressed(terminal: Terminal) -> Taken:
    return press(terminal, (UP, END), lambda terminal, since: last(_STATE, terminal, since))


def _of_rich_log() -> Taken:
    with running([sys.executable, "-m", "tests.bench.merged_follow"], {"PATH": ""}, columns=140, rows=40) as terminal:
        terminal.press(SYNCHRONIZED)
        terminal.until(lambda: b"following" in terminal.seen, "RichLog")
        return _pressed(terminal)


class Peer(App[None]):
    """RichLog with a title, and lines at a rate."""

    BINDINGS = [Binding("up", "leave", priority=True), Binding("G", "end", priority=True)]  # noqa: RUF012

    def compose(self) -> ComposeResult:
        self.title_line, self.log_lines = Static("following"), RichLog(max_lines=KEEPS)
        yield self.title_line
        yield self.log_lines

    def on_mount(self) -> None:
        self.run_worker(self._stream())

    async def _stream(self) -> None:
        batch = RATE // 100
        began, number = time.perf_counter(), 0
        while True:
            if (time.perf_counter() - began) * RATE - number < batch:
                await asyncio.sleep(0.002)
                continue
            for at in range(number, number + batch):
                named = f"\x1b[36magent-{at % STREAMING:05} \x1b[0m#{at % STREAMING:<6} {LINES[at % len(LINES)]}"
                self.log_lines.write(Text.from_ansi(named))
            number += batch
            await asyncio.sleep(0)

    def action_leave(self) -> None:
        self.log_lines.auto_scroll = False
        self.log_lines.scroll_up(animate=False)
        self.title_line.update("reading")

    def action_end(self) -> None:
        self.log_lines.auto_scroll = True
        self.log_lines.scroll_end(animate=False)
        self.title_line.update("following")


if __name__ == "__main__":
    Peer().run()
