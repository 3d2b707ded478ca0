"""The app in a real terminal."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from tests.terminal import Terminal, running


@contextmanager
def opened(
    home: Path,
    dsn: str | None,
    *words: str,
    columns: int = 100,
    rows: int = 30,
    program: Sequence[str] = ("-m", "kolony_tui"),
    **environment: str,
) -> Iterator[Terminal]:
    """The app on a server (None: its embedded one), in a terminal of that size; ``program`` is for the interpreter."""
    given = {**os.environ, "KOLONY_HOME": str(home), **environment}
    if "NO_COLOR" not in environment:
        given.pop("NO_COLOR", None)
    if dsn is not None:
        given["KOLONY_DSN"] = dsn
    with running([sys.executable, *program, *words], given, columns=columns, rows=rows) as terminal:
        yield terminal
