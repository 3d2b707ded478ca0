"""An installation with a runner and a file of build logs, and psql beside it: what benchmarks of output share."""

from __future__ import annotations

import json
import os
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from kolony_tui.server.embedded import EmbeddedServer
from kolony_tui.server.home import Home
from tests.bench.build_logs import write_logs
from tests.bench.measuring import Installation, installation
from tests.bench.peers import Server
from tests.bench.runner_overhead import runner

OUTPUT_BYTES = """SELECT coalesce(sum(pg_total_relation_size(i.inhrelid)), 0) FROM pg_inherits i
WHERE i.inhparent = 'kolony.output_chunks'::regclass"""


@dataclass(frozen=True)
class Printing:
    """``logs``: the file that runs print. The runner takes one run at a time."""

    made: Installation
    home: Path
    logs: Path

    def printed(self, program: str) -> dict[str, Any]:
        """Runs a program to its end: what ``run show`` says of it then."""
        sent = json.loads(self.made.kolony(self.home, "--json", "send", "worker", "--", program))
        while True:
            run: dict[str, Any] = json.loads(self.made.kolony(self.home, "--json", "run", "show", f"#{sent['number']}"))
            if run["status"] == "completed":
                return run
            if run["status"] in ("failed", "cancelled"):
                raise RuntimeError(f"{program}: {run['error']}")
            time.sleep(0.2)

    def psql(self, statement: str, database: str = "kolony", output: Path | None = None) -> str:
        """What psql answers as the superuser, or nothing where that goes to ``output``."""
        server = Server(EmbeddedServer(Home(self.home)).superuser_dsn("postgres"), self.made.postgres)
        environment = {**os.environ, **server.environment, "PGDATABASE": database}
        words: list[str | Path] = [self.made.postgres / "psql", "-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-c"]
        if output is not None:
            with output.open("wb") as file:
                subprocess.run([*words, statement], env=environment, check=True, stdout=file)
            return ""
        done = subprocess.run([*words, statement], env=environment, check=True, capture_output=True, text=True)
        return done.stdout.strip()


def seconds(run: dict[str, Any]) -> float:
    """From the moment at which the database knew of the attempt's beginning to that of its end."""
    [attempt] = run["attempts"]
    began, ended = (datetime.fromisoformat(attempt[name]) for name in ("started_at", "ended_at"))
    return (ended - began).total_seconds()


@contextmanager
def printing(size: int) -> Iterator[Printing]:
    """With so many bytes of logs."""
    with installation() as made, made.home() as home:
        for words in (("db", "start"), ("agent", "create", "worker")):
            made.kolony(home, *words)
        logs = home.parent / "build.log"
        write_logs(logs, size)
        with runner(made, home, 1):
            yield Printing(made, home, logs)
