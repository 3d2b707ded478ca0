"""Long lists: first paint and re-sort with 50,000 and 500,000 rows, beside Textual's DataTable with 50,000.

Run with ``python -m tests.bench rows``; it takes less than three minutes, most of them to make the workspaces. Ours is
the app on a real server, read under row security: the list of all runs, the queue, as nine of ten wait, and the fleet
with 10,000 agents.

First paint is from the key that shows a screen, which is made anew each time, until its rows have come from the server
and are drawn, less what an empty screen takes. Re-sort is from the order until its rows are drawn: of the queue and the
past the first 5,000, which is what a person sees; how long all of a past take by a column without an index is noted.
The table has its rows in memory, in the same ten columns. Its first paint is from then until it is painted, its re-sort
from the order to the next paint. It is so slow that one round is taken of it, and none of more than ``PEER_SECONDS``:
what it has not done by then took longer. 100 times better than it is asked of the first paint, where it takes 25 s.
"""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from textual.app import App, ComposeResult
from textual.widgets import DataTable

from kolony_tui.core.connection import Destination
from kolony_tui.db.target import Target
from kolony_tui.garbage import look_seldom, spare_what_is_there
from kolony_tui.ui.app import KolonyApp
from kolony_tui.ui.opening import Opening
from kolony_tui.ui.screens.framed import FramedScreen
from kolony_tui.ui.widgets.run_list import COLUMNS
from tests.bench import figures
from tests.bench.figures import Figure, rounds
from tests.bench.large_fleet import large_fleet
from tests.bench.lists import shown, until

SIZES = (50_000, 500_000)
AGENTS = 10_000
PEER_ROWS = 50_000
PEER_SECONDS = 80.0
ROUNDS = 7
PAINT, SORT = 100.0, 300.0
TIMES = 100
WAITING_ORDERS = ("priority", "age", "agent", "command", "state")
RUN_ORDERS = ("priority", "agent", "command", "tries", "by", "state", "run")


async def main() -> list[Figure]:
    """First paints and re-sorts, of both sizes."""
    painted, sorted_again = await _peer(5_000 if figures.QUICK else PEER_ROWS)
    found = []
    for size in SIZES[:1] if figures.QUICK else SIZES:
        async with large_fleet(agents=AGENTS, ended=size // 10, ready=size - size // 10) as (target, _):
            found += await _measure(target, size, painted, sorted_again)
    return found


# Textual's table


@dataclass(frozen=True)
class _Peer:
    """How many milliseconds it took, and what it is called then."""

    took: float
    name: str


class _Table(App[None]):
    """A table of runs, all of them in memory."""

    def compose(self) -> ComposeResult:
        yield DataTable(cursor_type="row")


def _cells(number: int) -> list[Any]:
    """A run in ten columns."""
    what = f"review src/part_{number % 977}/file_{number % 89}.py and say what is wrong with it"
    return [f"#{number}", number % 11 * 10, "2h", f"agent-{number * 7919 % AGENTS:05}", what, "", "1/3", "0:09",
            "bench_person", "completed"]  # fmt: skip


async def _table(rows: int) -> None:
    """Prints the milliseconds from its rows to their first paint, and from the order to sort to the next paint."""
    app = _Table()
    async with app.run_test(size=(140, 40)) as pilot:
        table = app.query_one(DataTable)
        table.add_columns(*(column.id for column in COLUMNS))
        await pilot.pause()
        made = [_cells(number) for number in range(rows)]
        began = time.perf_counter()
        table.add_rows(made)
        await _until_painted(app, table)
        print(1000 * (time.perf_counter() - began), flush=True)
        keys = list(table.columns)
        began = time.perf_counter()
        table.sort(keys[1])
        await _until_painted(app, table)
        print(1000 * (time.perf_counter() - began), flush=True)


async def _peer(rows: int) -> tuple[_Peer, _Peer]:
    """Both figures of the table, in a program of its own, as nothing inside one could end it."""
    program = await asyncio.create_subprocess_exec(
        sys.executable, "-m", __name__, str(rows), stdout=asyncio.subprocess.PIPE
    )
    assert program.stdout is not None
    end = time.perf_counter() + PEER_SECONDS
    found = []
    for _ in range(2):
        began = time.perf_counter()
        try:
            line = await asyncio.wait_for(program.stdout.readline(), max(end - began, 0.001))
            found.append(_Peer(float(line), f"DataTable with {rows:,}"))
        except TimeoutError:
            found.append(_Peer(1000 * max(end - began, 0.001), f"DataTable with {rows:,}, not done after"))
    if program.returncode is None:
        program.kill()
    await program.wait()
    return found[0], found[1]


async def _until_painted(app: App[None], table: DataTable[Any]) -> None:
    painted = asyncio.Event()
    # It measures its rows when it is idle, and is painted after that.
    table.call_after_refresh(lambda: table.call_after_refresh(painted.set))
    await painted.wait()


# Ours


async def _measure(target: Target, size: int, painted: _Peer, sorted_again: _Peer) -> list[Figure]:
    look_seldom()
    destination = Destination(target, "main", embedded=False, key="bench")
    app = KolonyApp(Opening(find=lambda say: destination, begun=spare_what_is_there))
    async with app.run_test(size=(140, 40), notifications=False):
        await until(lambda: app.live.link.state == "live" and app.pulse is not None, "the app is live")
        app.add_mode("empty", FramedScreen)
        lists = (("queue", "runs", f"{size:,} runs"), ("dashboard", "queue", f"{size - size // 10:,} waiting runs"),
                 ("fleet", "agents", f"{AGENTS:,} agents"))  # fmt: skip
        first: dict[str, list[float]] = {what: [] for _, _, what in lists}
        for turn in range(rounds(ROUNDS) + 1):
            for mode, of, what in lists:
                blank = await shown(app, "empty", None)
                taken = await shown(app, mode, of)
                if turn:
                    first[what].append(1000 * max(taken - blank, 0.001))
        again = await _resorts(app, "queue", "runs", RUN_ORDERS)
        whole = await _whole(app)
        queue = await _resorts(app, "dashboard", "queue", WAITING_ORDERS)
        fleet = await _resorts(app, "fleet", "agents", ("name", "type", "category"))
        app.exit()
    found = [_figure(f"{what}: first paint", taken, painted, PAINT, TIMES) for what, taken in first.items()]
    note = f"the newest 5,000 at once; all of them by priority after {whole:.1f} s" if size > 5_000 else ""
    found.append(_figure(f"{size:,} runs: re-sort", again, sorted_again, SORT, note=note))
    found.append(
        _figure(f"{size - size // 10:,} waiting runs: re-sort", queue, sorted_again, SORT, note="the first 5,000")
    )
    found.append(_figure(f"{AGENTS:,} agents: re-sort", fleet, sorted_again, SORT))
    return found


def _figure(name: str, ours: Sequence[float], peer: _Peer, bound: float, times: int = 0, note: str = "") -> Figure:
    def reached(figure: Figure) -> bool:
        return figure.middle <= bound and figure.peer_middle >= times * figure.middle

    reach = f"at most {bound:.0f} ms" + (f", and {times} times better" if times else "")
    return Figure(name, "ms", ours, peer.name, [peer.took], reach, limit=reached, note=note)


async def _resorts(app: KolonyApp, mode: str, of: str, orders: Sequence[str]) -> list[float]:
    """Milliseconds from each order to its rows, drawn; forwards and backwards."""
    await shown(app, mode, of)
    rows: Any = app.screen.query_one(f"#{of}")
    taken = []
    for backwards in (False, True)[: rounds(2)]:
        for order in orders:
            taken.append(1000 * await _answered(rows, order, backwards))
    rows.sort(None)
    return taken


async def _answered(rows: Any, order: str, backwards: bool) -> float:
    """Seconds until the list has the answer, drawn."""
    show, answered = rows.show_page, []

    def noting(page: Any) -> None:
        if rows.answers(page.wish):
            answered.append(page)
        show(page)

    rows.show_page = noting
    began = time.perf_counter()
    rows.sort(order, backwards=backwards)
    await until(lambda: answered, "an answer")
    painted = asyncio.Event()
    rows.call_after_refresh(painted.set)
    await painted.wait()
    rows.show_page = show
    return time.perf_counter() - began


async def _whole(app: KolonyApp) -> float:
    """Seconds until all of the past is in order by a column that has no index; its screen is in front."""
    rows: Any = app.screen.query_one("#runs")
    began = time.perf_counter()
    rows.sort("priority")
    await until(lambda: rows.sorted_by == "priority" and rows.rest.startswith("first"), "all of them in order")
    taken = time.perf_counter() - began
    rows.sort(None)
    return taken


if __name__ == "__main__":
    asyncio.run(_table(int(sys.argv[1])))
