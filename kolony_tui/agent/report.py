"""What the runner says to the person who started it: a line for each change, or JSON objects for a script."""

from __future__ import annotations

import json
import sys
from datetime import UTC, datetime

from kolony_tui.text import safe


class Report:
    """Lines on standard error, or with ``as_json`` one object a line on standard output."""

    def __init__(self, *, as_json: bool) -> None:
        self._as_json = as_json

    def say(self, event: str, words: str, **facts: object) -> None:
        """Something happened: ``event`` and ``facts`` for a script, ``words`` for a person."""
        try:
            if self._as_json:
                stamped = {"event": event, "at": datetime.now(UTC).isoformat(), **facts}
                print(json.dumps(stamped, default=str), flush=True)
            else:
                print(safe(words, limit=500).plain, file=sys.stderr, flush=True)
        except (BrokenPipeError, ValueError):
            # Nobody reads any more; the work goes on.
            return
