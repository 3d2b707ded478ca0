"""The SQL that we send: one statement a file below ``sql/queries``, loaded by name."""

from __future__ import annotations

import os
from functools import cache

TYPE_CHECKING = False  # typing.TYPE_CHECKING without typing: these modules are to load fast
if TYPE_CHECKING:
    from pathlib import Path


@cache
def sql_path() -> str:
    """The path of the folder ``sql/``: inside the installed package, or beside it in a checkout."""
    package = os.path.dirname(os.path.dirname(os.path.realpath(__file__)))
    shipped = os.path.join(package, "sql")
    return shipped if os.path.isdir(shipped) else os.path.join(os.path.dirname(package), "sql")


def sql_folder() -> Path:
    """``sql_path`` as a Path."""
    from pathlib import Path

    return Path(sql_path())


@cache
def query(name: str) -> str:
    """The statement of ``sql/queries/<name>.sql``, for example ``query("fleet/agents")``.

    Its name stands in front as a comment, so that it can be recognised in server logs and pg_stat_activity.
    """
    with open(os.path.join(sql_path(), "queries", f"{name}.sql"), encoding="utf-8") as file:
        return f"/* kolony:{name} */ {file.read().strip()}"


NO_FILTER = "/* filter */ true"
"""What stands in a statement where a condition may come in."""


def filtered_query(name: str, condition: str) -> str:
    """The same, with ``condition`` (SQL by ``core.selecting``, no text of a person) where it may come in."""
    statement = query(name)
    assert NO_FILTER in statement, f"{name} takes no filter"
    return statement.replace(NO_FILTER, f"({condition})")


def ordered_query(name: str, condition: str, order: str = "", group: str = "", about: str = "") -> str:
    """The same, with an order before the statement's own, what it groups by and what it is about.

    All of them are SQL of ours, no text of a person.
    """
    statement = filtered_query(name, condition)
    marks = (("/* order */", order and f"{order},"), ("/* group */ NULL", group), ("/* about */ true", about))
    for mark, said in marks:
        if said:
            assert mark in statement, f"{name} takes no {mark}"
            statement = statement.replace(mark, said)
    return statement


@cache
def json_query(name: str) -> str:
    """The same, with each row as one JSON object (text), in the same order."""
    return f"SELECT row_to_json(r)::text FROM (\n{query(name)}\n) r"  # noqa: S608  (statements of ours)
