"""Kolony with another wall clock: ``python shifted.py FILE WORDS``; the file says by how many seconds, at any time.

The wall clock comes into a program by two functions of Python only; what is measured (leases, limits) is not by it.
"""

from __future__ import annotations

import datetime
import runpy
import sys
import time
from pathlib import Path

_FILE = Path(sys.argv.pop(1))
_real_time = time.time


def _shifted_time() -> float:
    return _real_time() + float(_FILE.read_text())


class _Shifted(datetime.datetime):
    @classmethod
    def now(cls, tz: datetime.tzinfo | None = None) -> _Shifted:
        """The moment on the shifted clock."""
        return cls.fromtimestamp(_shifted_time(), tz)


if __name__ == "__main__":
    sys.path[0] = str(Path.cwd())  # as python -m has it
    time.time = _shifted_time
    datetime.datetime = _Shifted  # type: ignore[misc]
    runpy.run_module("kolony_tui", run_name="__main__", alter_sys=True)
