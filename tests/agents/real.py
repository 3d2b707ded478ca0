"""Runs real agent programs through the command line, each with the same cases, and prints what worked.

``python -m tests.agents.real --stub SERVER.py [TYPE...]``: the programs that are on the PATH (or the types named), in a
home of their own, against SERVER.py, a model server that listens on 127.0.0.1 (``--port N``, ``--workdir DIR``) and
answers by the marker in the prompt ([[say]], [[touch]], [[slow]], [[err401]], ...). No test of the suite needs them.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.agents.programs import PROGRAMS, Program

PATIENCE = 150.0
"""Seconds for a turn: some of them take ten to start."""


class Missed(Exception):
    """A case that did not go as it should; its words say what was seen."""


class Colony:
    """An embedded server of its own, and one agent with its runner."""

    def __init__(self, place: Path) -> None:
        self.home = place / "kolony"
        self.log = place / "runner.log"

    def kolony(self, *words: str, fails: bool = False) -> str:
        """What a verb prints."""
        command = [sys.executable, "-m", "kolony_tui", *words]
        told = subprocess.run(command, capture_output=True, text=True, env=self._env(), timeout=PATIENCE, check=False)
        if told.returncode and not fails:
            raise Missed(f"kolony {' '.join(words[:3])}: exit {told.returncode}: {told.stderr.strip()[-300:]}")
        return told.stdout

    def json(self, *words: str) -> Any:
        """The same, read."""
        at = words.index("--") if "--" in words else len(words)
        return json.loads(self.kolony(*words[:at], "--json", *words[at:]))

    def _env(self, **more: str) -> dict[str, str]:
        return {**os.environ, "KOLONY_HOME": str(self.home), **more}

    @contextmanager
    def runner(self, name: str, program: Program, settings: dict[str, str], home: Path) -> Iterator[None]:
        """The runner of an agent, for as long as the block lasts."""
        token = self.json("token", "issue", name)["token"]
        passed = [word for variable in settings for word in ("--env", variable)]
        command = [sys.executable, "-m", "kolony_tui", "agent", "run", name, "--adapter", program.adapter,
                   "--type", program.agent_type, *passed, *program.options]  # fmt: skip
        env = self._env(KOLONY_AGENT_TOKEN=token, HOME=str(home), **settings)
        with self.log.open("ab") as log:
            running = subprocess.Popen(command, env=env, stdout=log, stderr=log)
        try:
            yield
        finally:
            running.terminate()
            try:
                running.wait(30)
            except subprocess.TimeoutExpired:
                running.kill()

    def run(self, name: str, text: str) -> str:
        """Sends a command and answers with its run."""
        return str(self.json("send", name, "--", text)["runs"][0]["run_id"])

    def until(self, run: str, wanted: Callable[[dict[str, Any]], bool], what: str) -> dict[str, Any]:
        """The run, as soon as it is as wanted."""
        end = time.monotonic() + PATIENCE
        while not wanted(shown := self.json("run", "show", run)):
            if time.monotonic() > end or (shown["status"] in ("completed", "failed", "cancelled")):
                why = f"{shown.get('reason') or ''} {shown.get('error') or ''}"
                raise Missed(f"not {what}: {shown['status']} {why}"[:200])
            time.sleep(0.2)
        return dict(shown)

    def ended(self, run: str, status: str) -> dict[str, Any]:
        """The run, once it has ended so."""
        return self.until(run, lambda shown: bool(shown["status"] == status), status)

    def question(self, run: str) -> dict[str, Any]:
        """What a run waits on in the inbox."""
        end = time.monotonic() + PATIENCE
        while True:
            asked = [item for item in self.json("inbox") if item["run_id"] == run and item["kind"] == "permission"]
            if asked:
                return dict(asked[0])
            shown = self.json("run", "show", run)
            if time.monotonic() > end or shown["status"] in ("completed", "failed", "cancelled"):
                raise Missed(f"it never asked: {shown['status']} {shown.get('error') or ''}"[:200])
            time.sleep(0.2)

    def printing(self, run: str, words: str) -> None:
        """Waits until the run has printed these words."""
        end = time.monotonic() + PATIENCE
        while words not in self.kolony("tail", run):
            if time.monotonic() > end:
                raise Missed(f"it never printed {words!r}")
            time.sleep(0.2)


def check(holds: bool, what: str) -> None:
    """Raises Missed with what was seen instead."""
    if not holds:
        raise Missed(what)


Case = Callable[[Colony, str, Program], str]


def says(colony: Colony, name: str, program: Program) -> str:
    """An answer on stdout, with usage."""
    run = colony.run(name, "Say hello [[say]]")
    shown = colony.ended(run, "completed")
    answer = colony.kolony("tail", run, "--stream", "stdout")
    check("Hello from the stub model." in answer, f"the answer was {answer!r}"[:120])
    return f"{shown['usage'].get('total_tokens')} tokens"


def thinks(colony: Colony, name: str, program: Program) -> str:
    """A thought in the trace."""
    run = colony.run(name, "Think first [[think]]")
    colony.ended(run, "completed")
    types = [entry["type"] for entry in colony.json("run", "trace", run)]
    check("response" in types, f"the trace has {types}")
    return "thought" if "thought" in types else "no thought told"


def allowed(colony: Colony, name: str, program: Program) -> str:
    """A permission, allowed; the tool's call stands in the trace with its exact command."""
    run = colony.run(name, f"Make a file [[{program.asks}]]")
    asked = colony.question(run)
    check("touch" in asked["detail"] or "touch" in asked["title"], f"it asked {asked['detail']!r}"[:120])
    colony.kolony("approve", asked["id"])
    colony.ended(run, "completed")
    calls = [entry for entry in colony.json("run", "trace", run) if entry["type"] == "tool_call"]
    check(any(entry["status"] == "completed" for entry in calls), f"tool calls: {[e['status'] for e in calls]}")
    return "exact command" if "touch" in asked["detail"] else "title only"


def denied(colony: Colony, name: str, program: Program) -> str:
    """A permission, denied: the tool is not run, and the trace says so."""
    run = colony.run(name, f"Make a file [[{program.asks}]]")
    colony.kolony("deny", colony.question(run)["id"], "--note", "not here")
    shown = colony.until(run, lambda seen: seen["status"] in ("completed", "failed", "cancelled"), "ended")
    calls = [entry["status"] for entry in colony.json("run", "trace", run) if entry["type"] == "tool_call"]
    check("denied" in calls, f"tool calls: {calls}")
    return f"{shown['status']} {shown.get('reason') or ''}".strip()


def cancelled(colony: Colony, name: str, program: Program) -> str:
    """Cancelled while it streams."""
    run = colony.run(name, "Count slowly [[slow]]")
    colony.printing(run, "word3")
    colony.kolony("run", "cancel", run)
    shown = colony.ended(run, "cancelled")
    return str(shown.get("reason") or "")


def cancelled_asking(colony: Colony, name: str, program: Program) -> str:
    """Cancelled while it waits for a permission."""
    run = colony.run(name, f"Make a file [[{program.asks}]]")
    asked = colony.question(run)
    colony.kolony("run", "cancel", run)
    colony.ended(run, "cancelled")
    check(all(item["id"] != asked["id"] for item in colony.json("inbox")), "the question is still open")
    return ""


def cancelled_in_tool(colony: Colony, name: str, program: Program) -> str:
    """Cancelled while a tool runs: ``timeout 47 tail -f /dev/null``."""
    run = colony.run(name, "Sleep a while [[sleep]]")
    end = time.monotonic() + PATIENCE
    while "timeout" not in processes(name):
        for asked in colony.json("inbox"):
            if asked["run_id"] == run:
                colony.kolony("approve", asked["id"], fails=True)
        if time.monotonic() > end:
            raise Missed("its tool never ran")
        time.sleep(0.2)
    colony.kolony("run", "cancel", run)
    colony.ended(run, "cancelled")
    check("timeout" not in processes(name), "its tool still runs")
    return ""


def stopped(colony: Colony, name: str, program: Program) -> str:
    """An emergency stop in the middle of a turn."""
    run = colony.run(name, "Count slowly [[slow]]")
    colony.printing(run, "word3")
    began = time.monotonic()
    colony.kolony("stop", name, "--reason", "a try", "--wait")
    while processes(name):
        if time.monotonic() > began + PATIENCE:
            raise Missed(f"left: {processes(name)}")
        time.sleep(0.05)
    took = time.monotonic() - began
    colony.kolony("lift", name)
    colony.ended(run, "cancelled")
    return f"nothing left after {took:.1f} s"


def goes_on(colony: Colony, name: str, program: Program) -> str:
    """A second message in a conversation."""
    started = colony.json("conversation", "start", name, "--wait", "--", "Say hello [[say]]")
    thread = str(started["conversation_id"])
    colony.kolony("conversation", "send", thread, "--wait", "--", "Again, please [[say]]")
    shown = json.dumps(colony.json("conversation", "show", thread))
    lost = "lost" in shown
    check(lost is not program.resumes, "context " + ("lost" if lost else "kept"))
    return "new session" if lost else "same session"


def refused_key(colony: Colony, name: str, program: Program) -> str:
    """A key that the model server refuses."""
    run = colony.run(name, "Say hello [[err401]]")
    shown = colony.ended(run, "failed")
    return f"{shown.get('reason') or ''}: {shown['error']}"[:60]


def processes(name: str) -> list[str]:
    """The names of the processes that work for an agent."""
    mark = b"KOLONY_AGENT=" + name.encode()
    found = []
    for place in Path("/proc").glob("[0-9]*"):
        try:
            if mark in (place / "environ").read_bytes().split(b"\0"):
                found.append((place / "comm").read_text().strip())
        except OSError:
            continue
    return found


def nothing_left(colony: Colony, name: str, program: Program) -> str:
    """Nothing of any run is left."""
    check(not (left := processes(name)), f"left: {left}")
    return ""


CASES: tuple[tuple[str, Case], ...] = (
    ("says", says), ("thinks", thinks), ("allowed", allowed), ("denied", denied), ("cancelled", cancelled),
    ("cancelled asking", cancelled_asking), ("cancelled in a tool", cancelled_in_tool), ("stopped", stopped),
    ("goes on", goes_on), ("key refused", refused_key), ("nothing left", nothing_left),
)  # fmt: skip


def tried(colony: Colony, program: Program, url: str, place: Path, only: re.Pattern[str]) -> list[tuple[str, str, str]]:
    """Each case of a program: its name, ``ok`` or ``-``, and what was seen."""
    home = place / f"home-{program.agent_type}"
    home.mkdir()
    settings = program.prepare(home, url)
    name = f"real-{program.agent_type}"
    colony.kolony("agent", "create", name, "--type", program.agent_type)
    found = []
    with colony.runner(name, program, settings, home):
        for title, case in CASES:
            if not only.search(title):
                continue
            began = time.monotonic()
            try:
                seen, mark = case(colony, name, program), "ok"
            except (Missed, subprocess.TimeoutExpired) as missed:
                seen, mark = str(missed), "-"
            found.append((title, mark, f"{seen} ({time.monotonic() - began:.1f} s)"))
            print(f"{program.agent_type:12} {title:18} {mark:3} {found[-1][2]}", flush=True)
    return found


@contextmanager
def model_server(stub: Path, place: Path) -> Iterator[str]:
    """The scripted model server; its address."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, str(stub), "--port", str(port), "--workdir", str(place)]
    server = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    try:
        assert server.stdout is not None
        server.stdout.readline()
        yield f"http://127.0.0.1:{port}"
    finally:
        server.kill()
        server.wait()


def main() -> int:
    """0 where every case of every program that is there went well."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("types", nargs="*", help="agent types (default: those whose program is on the PATH)")
    parser.add_argument("--stub", type=Path, required=True, help="the model server, a Python program")
    parser.add_argument("--only", default="", help="cases whose name matches")
    parser.add_argument("--keep", action="store_true", help="keep the folder with everything")
    args = parser.parse_args()
    chosen = [each for each in PROGRAMS if (each.agent_type in args.types if args.types else each.installed)]
    if missing := [each.executable for each in chosen if not each.installed]:
        parser.error(f"not on the PATH: {', '.join(missing)}")
    place = Path(tempfile.mkdtemp(prefix="kr-"))
    colony, good = Colony(place), True
    colony.kolony("db", "start")
    try:
        with model_server(args.stub, place) as url:
            for program in chosen:
                good &= all(mark == "ok" for _, mark, _ in tried(colony, program, url, place, re.compile(args.only)))
    finally:
        colony.kolony("db", "stop", fails=True)
        print(f"log: {colony.log}" if args.keep or not good else "", flush=True)
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
