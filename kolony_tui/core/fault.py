"""What is left of a fault of Kolony itself: one line for the person, the traceback in a file."""

from __future__ import annotations

import re
import sys
import traceback
from datetime import UTC, datetime

from kolony_tui.server.home import kolony_home
from kolony_tui.text import safe

_KEPT_BYTES = 256 * 1024
_SECRETS = re.compile(r"(://[^:/@\s]*:)[^@\s]+(?=@)|((?i:password)\s*[=:]\s*)[^\s,;)]+|(kol_)\w+")
"""Passwords in DSNs, beside their name, and tokens: what a library may quote in an error."""


def _without_secrets(text: str) -> str:
    """The text with stars for what nobody should read.

    >>> _without_secrets("no route to postgresql://ada:s3cret@db/x with password='pw' and kol_12345678")
    'no route to postgresql://ada:***@db/x with password=*** and kol_***'
    """
    return _SECRETS.sub(lambda match: f"{match[1] or match[2] or match[3]}***", text)


def traceback_of(error: BaseException) -> str:
    """Where an error arose, fit for a terminal. Without local variables: a driver's hold passwords in clear."""
    return safe(_without_secrets("".join(traceback.format_exception(error))), limit=100_000, newline="\n").plain


def record_fault(error: BaseException | None = None) -> str:
    """Writes the traceback to ``<KOLONY_HOME>/faults.log`` and returns the line that a person gets."""
    error = error if error is not None else sys.exc_info()[1]
    name = type(error).__name__ if error is not None else "unknown"
    line = f"kolony: a fault of Kolony itself: {name}: {safe(_without_secrets(str(error)), limit=200).plain}"
    try:
        home = kolony_home()
        home.make()
        log = home.path / "faults.log"
        said = _without_secrets("".join(traceback.format_exception(error))) if error is not None else ""
        mode = "w" if log.exists() and log.stat().st_size > _KEPT_BYTES else "a"
        with log.open(mode, encoding="utf-8", errors="backslashreplace") as file:
            file.write(f"{datetime.now(UTC).isoformat()}\n{said}\n")
        return f"{line}; details are in {log}"
    except Exception:
        return line
