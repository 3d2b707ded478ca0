"""``kolony run list --json`` against ``psql -c`` of the same query, under the same login.

Run with ``python -m tests.bench list_runs``; it takes about a minute, half of it for an installation of its own.
"""

from __future__ import annotations

import subprocess
import time
from pathlib import Path
from statistics import median

from kolony_tui.db.queries import query
from tests.bench.figures import Figure, rounds
from tests.bench.measuring import Installation, installation, interleaved, milliseconds, program_time

RUNS = 500
LISTED = 200
"""What ``run list`` lists unless told otherwise."""
ROUNDS = 21
BOUND = 3.0


def main() -> list[Figure]:
    """The figure for a workspace with a past, and for one with a single run."""
    figures = []
    with installation() as installed, installed.home() as home:
        many = _workspace(installed, home, "main", RUNS)
        few = _workspace(installed, home, "few", 1)
        for slug, statement, runs in (("main", many, LISTED), ("few", few, 1)):
            environment = installed.environment(home)
            psql = [installed.postgres / "psql", _url(installed, home), "-XAtc", statement]
            kolony = [installed.program("kolony"), "run", "list", "--json", "--workspace", slug]
            python = [installed.program("python"), "-c", "import argparse, ctypes, json"]
            taken = interleaved(
                {
                    "kolony": lambda kolony=kolony, env=environment: program_time(kolony, env),  # type: ignore[misc]
                    "psql": lambda psql=psql, env=environment: program_time(psql, env),  # type: ignore[misc]
                    "python": lambda python=python, env=environment: program_time(python, env),  # type: ignore[misc]
                },
                rounds(ROUNDS),
            )
            ours, psql_ms, python_ms = (milliseconds(taken[name]) for name in ("kolony", "psql", "python"))
            what = f"`kolony run list --json`, {runs} run{'s' if runs > 1 else ''}"
            reach = f"at most {BOUND:.0f} times"
            figures.append(Figure(what, "ms", ours, "`psql -c` of the same query", psql_ms, reach, limit=BOUND))
            print(f"of which Python itself with argparse, ctypes and json: {median(python_ms):.0f} ms")
    return figures


def _url(installed: Installation, home: Path) -> str:
    return installed.kolony(home, "db", "url").strip()


def _workspace(installed: Installation, home: Path, slug: str, runs: int) -> str:
    """Has an agent finish ``runs`` runs in a workspace; answers with the statement that lists them, for psql."""
    if slug != "main":
        installed.kolony(home, "workspace", "create", slug)
    installed.kolony(home, "agent", "create", "worker", "--workspace", slug)
    found = f"(SELECT workspace_id FROM kolony.workspaces WHERE slug = '{slug}')"
    agent = f"(SELECT agent_id FROM kolony.agents WHERE workspace_id = {found})"
    sending = f"SELECT kolony.send_command({found}, ARRAY[{agent}], 'true # ' || n) FROM generate_series(1, {runs}) n"
    _psql(installed, home, sending)
    token = installed.kolony(home, "token", "issue", "worker", "--workspace", slug).strip()
    with subprocess.Popen(
        [installed.program("kolony"), "agent", "run", "worker", "--concurrency", "8"],
        env={**installed.environment(home), "KOLONY_AGENT_TOKEN": token},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ) as runner:
        open_runs = f"SELECT count(*) FROM kolony.runs WHERE workspace_id = {found} AND outcome IS NULL"
        while _psql(installed, home, open_runs) != "0":
            if runner.poll() is not None:
                raise RuntimeError(f"the runner ended with {runner.returncode}")
            time.sleep(0.5)
        runner.terminate()
    workspace = _psql(installed, home, f"SELECT workspace_id FROM kolony.workspaces WHERE slug = '{slug}'")
    statement = query("work/runs")
    for place, value in (("$1", f"'{workspace}'"), ("$2", "NULL"), ("$3", "NULL"), ("$4", str(LISTED))):
        statement = statement.replace(place, value)
    return statement


def _psql(installed: Installation, home: Path, statement: str) -> str:
    done = subprocess.run(
        [installed.postgres / "psql", _url(installed, home), "-XAtqc", statement],
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.strip()
