"""The ``--json`` of verbs that list: the database's own JSON, printed on a path with few imports."""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Callable

from kolony_tui.cli.verbs import APPLICATION, tell
from kolony_tui.core.reading import open_reader
from kolony_tui.models.errors import UsageError

TYPE_CHECKING = False  # typing.TYPE_CHECKING without typing: these modules are to load fast
if TYPE_CHECKING:
    from kolony_tui.core.reading import Reader


def print_rows(args: argparse.Namespace, read: Callable[[Reader], list[str]]) -> int:
    """Logs in as the command line says and prints what ``read`` gives, as one JSON array on a line. Exit code 0."""
    connection = (args.dsn, args.profile, args.workspace, args.pin, args.insecure_tls)
    reader = open_reader(connection, APPLICATION, tell)
    try:
        rows = read(reader)
    finally:
        reader.close()
    sys.stdout.write("[" + ", ".join(ascii_only(row) for row in rows) + "]\n")
    sys.stdout.flush()
    return 0


def limit_of(args: argparse.Namespace) -> int:
    """What ``--limit`` says. Raises UsageError."""
    if not 1 <= args.limit <= 1_000_000:
        raise UsageError("--limit is 1 to 1000000")
    limit: int = args.limit
    return limit


def ascii_only(document: str) -> str:
    """The same JSON without a character that a terminal could obey; the database escapes only those below 32.

    >>> ascii_only('{"a": "\\x9b31m é 🙂"}')
    '{"a": "\\\\u009b31m \\\\u00e9 \\\\ud83d\\\\ude42"}'
    """
    return re.sub(r"[^ -~]", _escaped, document)


def _escaped(match: re.Match[str]) -> str:
    units = match[0].encode("utf-16-be").hex()
    return "".join(f"\\u{units[place : place + 4]}" for place in range(0, len(units), 4))
