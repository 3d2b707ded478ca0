"""What is left of a fault of Kolony itself: one line for the person, the traceback in a file."""

from __future__ import annotations

import sys
import traceback
from datetime import UTC, datetime

from kolony_tui.server.home import kolony_home
from kolony_tui.text import safe

_KEPT_BYTES = 256 * 1024


def record_fault(error: BaseException | None = None) -> str:
    """Writes the traceback to ``<KOLONY_HOME>/faults.log`` and returns the line that a person gets."""
    error = error if error is not None else sys.exc_info()[1]
    name = type(error).__name__ if error is not None else "unknown"
    line = f"kolony: a fault of Kolony itself: {name}: {safe(str(error), limit=200).plain}"
    try:
        home = kolony_home()
        home.make()
        log = home.path / "faults.log"
        said = "".join(traceback.format_exception(error)) if error is not None else ""
        mode = "w" if log.exists() and log.stat().st_size > _KEPT_BYTES else "a"
        with log.open(mode, encoding="utf-8", errors="backslashreplace") as file:
            file.write(f"{datetime.now(UTC).isoformat()}\n{said}\n")
        return f"{line}; details are in {log}"
    except Exception:
        return line
