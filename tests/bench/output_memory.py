"""A run of 1,000,000 lines on the Run screen: until its last screenful is there, and what it adds to the app.

The app as it is for a person (headless, in a process of its own for each round) on a server of the benchmark's. Memory
is what is resident, and what Python counts itself in a second process, before the screen is opened and after its end,
12 places all over it and a search through all of it were shown.
"""

from __future__ import annotations

import asyncio
import gc
import json
import subprocess
import sys
import time
import tracemalloc
from collections.abc import Callable
from uuid import UUID

import asyncpg
import psutil

from kolony_tui.core.connection import Destination
from kolony_tui.db.connect import connect
from kolony_tui.db.target import Target
from kolony_tui.garbage import look_seldom, spare_what_is_there
from kolony_tui.ui.app import KolonyApp
from kolony_tui.ui.opening import Opening
from kolony_tui.ui.screens.work.run import RunScreen
from tests.bench.figures import Figure, rounds
from tests.bench.workplace import Workplace, workplace

LINES, LINES_A_PIECE = 1_000_000, 300
PLACES = 12
_PIECES = """
INSERT INTO kolony.output_chunks (workspace_id, run_id, attempt, seq, day, stream, at, first_line, line_count, data)
SELECT t.workspace_id, t.run_id, 1, p.seq, t.output_day, 'stdout', now(), p.seq * $2::int, $2,
       convert_to((SELECT string_agg(E'\\x1b[32mINFO\\x1b[0m 2026-01-01 12:00:00 worker line ' || lpad(n::text, 9, '0')
                                     || repeat(' payload', 8) || E'\\n', '' ORDER BY n)
                   FROM generate_series(p.seq * $2 + 1, (p.seq + 1) * $2) n), 'UTF8')
FROM kolony.attempts t, generate_series(0, $3::int - 1) AS p (seq)
WHERE t.run_id = $1
"""


async def printed(place: Workplace) -> UUID:
    """A run that has printed all the lines, and goes on."""
    person, runner = await connect(place.person(), "bench"), await connect(place.runner(0), "bench")
    owner = await asyncpg.connect(place.superuser)
    try:
        run = await person.fetchrow(
            "SELECT * FROM kolony.send_command($1, $2, 'print much', 50)", place.workspace_id, [place.agents[0]]
        )
        session = await runner.fetchrow("SELECT * FROM kolony.open_session('bench', 1, '1.0', 'process', 1)")
        assert run is not None
        assert session is not None
        await runner.execute("SELECT * FROM kolony.beat($1, '{}', '{}')", session["session_id"])
        claim = await runner.fetchrow("SELECT * FROM kolony.claim_runs($1, 1)", session["session_id"])
        assert claim is not None
        await runner.execute("SELECT kolony.start_attempt($1)", claim["attempt_id"])
        await owner.execute(_PIECES, run["run_id"], LINES_A_PIECE, LINES // LINES_A_PIECE)
        run_id: UUID = run["run_id"]
        return run_id
    finally:
        for connection in (person, runner, owner):
            await connection.close()


async def _until(true: Callable[[], bool]) -> None:
    end = time.monotonic() + 60
    while not true():
        if time.monotonic() > end:
            raise RuntimeError("the app did not show it in a minute")
        await asyncio.sleep(0.002)


def _is_there(app: KolonyApp) -> bool:
    screen = app.screen
    return isinstance(screen, RunScreen) and screen.is_mounted and screen.output.view.is_mounted


async def child(dsn: str, login: str, password: str, run_id: UUID, counted: bool) -> dict[str, float]:
    """Milliseconds until the last screenful, and MB that were added."""
    from kolony_tui.models.secret import Secret

    target = Target(dsn=dsn, origin="the benchmark").as_login(login, Secret(password))
    look_seldom()
    destination = Destination(target, "main", embedded=False, key="bench")
    app = KolonyApp(Opening(find=lambda say: destination, begun=spare_what_is_there))
    async with app.run_test(size=(140, 40)) as pilot:
        await _until(lambda: app.pulse is not None)
        await pilot.pause(1)
        gc.collect()
        if counted:
            tracemalloc.start()
        before = tracemalloc.get_traced_memory()[0] if counted else psutil.Process().memory_info().rss
        app.open_run(run_id)
        await _until(lambda: _is_there(app))
        began = time.perf_counter()
        screen = app.screen
        assert isinstance(screen, RunScreen)
        view = screen.output.view
        await _until(lambda: view.window.rows > LINES // 2 and view.is_mounted)
        await pilot.pause()
        shown = (time.perf_counter() - began) * 1000
        last = LINES // LINES_A_PIECE * LINES_A_PIECE
        for at in range(PLACES):
            line = at * 7919 * 131 % last
            view.go_to_line(line, 0.0)
            await _until(lambda line=line: view.window.with_number(line) is not None)  # type: ignore[misc]
        searching = screen.output.searching
        assert searching is not None
        view.search("line 000500000")
        await _until(lambda: searching.count == 1 and not searching.busy)
        view.action_follow_end()
        await _until(lambda: view.window.is_read(view.window.rows - 2, view.window.rows - 1))
        await pilot.pause()
        gc.collect()
        after = tracemalloc.get_traced_memory()[0] if counted else psutil.Process().memory_info().rss
        return {"shown": shown, "added": (after - before) / 1e6}


async def main() -> list[Figure]:
    """The last screenful, and memory in two ways."""
    shown, resident, counted = [], [], []
    async with workplace(1) as place:
        run_id = await printed(place)
        for _ in range(rounds(3)):
            first = await asyncio.to_thread(_round, place, run_id, "")
            shown.append(first["shown"])
            resident.append(first["added"])
        counted.append((await asyncio.to_thread(_round, place, run_id, "counted"))["added"])
    return [
        Figure(
            "last screenful of a run of 1,000,000 lines, once its screen is open", "ms", shown,
            reach="100 ms or less", limit=100,
        ),
        Figure("memory that such a run adds to the app", "MB", resident, reach="30 MB or less", limit=30,
               note=f"resident; {counted[0]:.1f} MB of it counted by Python"),
    ]  # fmt: skip


def _round(place: Workplace, run_id: UUID, counted: str) -> dict[str, float]:
    target = place.person()
    assert target.login is not None
    assert target.password is not None
    words = [target.dsn or "", target.login, target.password.reveal(), str(run_id), counted]
    done = subprocess.run(
        [sys.executable, "-m", "tests.bench.output_memory", *words], stdin=subprocess.DEVNULL, capture_output=True,
        text=True, check=False, timeout=300,
    )  # fmt: skip
    if done.returncode:
        raise RuntimeError(done.stderr[-2000:])
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return found


if __name__ == "__main__":
    print(json.dumps(asyncio.run(child(sys.argv[1], sys.argv[2], sys.argv[3], UUID(sys.argv[4]), bool(sys.argv[5])))))
