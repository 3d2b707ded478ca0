"""Reading ``report.json``: JSON of a sane size and depth, and text that the database can hold."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, NoReturn

from kolony_tui.agent.attempt.left_file import Unreadable, read_bounded

NAME = "report.json"
REPORT_BYTES = 2 * 1024 * 1024

_DEPTH = 40


def read_report(run_dir: Path) -> Any | None:
    """What the file holds; None where there is none. Raises Unreadable, whose message names the file."""
    content = read_bounded(run_dir / NAME, REPORT_BYTES)
    if content is None:
        return None
    try:
        document = json.loads(content, parse_constant=_no_number)
    except RecursionError as error:
        raise Unreadable(f"{NAME} is nested too deep") from error
    except ValueError as error:
        place = f" (line {error.lineno})" if isinstance(error, json.JSONDecodeError) else ""
        raise Unreadable(f"{NAME} is no JSON{place}") from error
    try:
        return sound(document)
    except ValueError as error:
        raise Unreadable(f"{NAME} {error}") from error


def sound(value: Any, depth: int = 0) -> Any:
    """The same with U+FFFD for what no text of the database can hold. Raises ValueError for what is nested too deep.

    >>> sound({"a": ["x\\0", 1]})
    {'a': ['x�', 1]}
    """
    if depth > _DEPTH:
        raise ValueError("is nested too deep")
    if isinstance(value, str):
        return value.replace("\0", "\ufffd").encode("utf-8", "replace").decode()
    if isinstance(value, dict):
        return {sound(key): sound(item, depth + 1) for key, item in value.items()}
    if isinstance(value, list):
        return [sound(item, depth + 1) for item in value]
    if isinstance(value, float) and value in (float("inf"), float("-inf")):
        raise ValueError("has a number that is too large")
    return value


def _no_number(name: str) -> NoReturn:
    raise ValueError(f"{name} is no number")
