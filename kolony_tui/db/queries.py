"""The SQL that we send: one statement a file below ``sql/queries``, loaded by name."""

from __future__ import annotations

from functools import cache
from pathlib import Path


def sql_folder() -> Path:
    """The folder ``sql/``: inside the installed package, or beside it in a checkout."""
    package = Path(__file__).resolve().parent.parent
    shipped = package / "sql"
    return shipped if shipped.is_dir() else package.parent / "sql"


@cache
def query(name: str) -> str:
    """The statement of ``sql/queries/<name>.sql``, for example ``query("fleet/agents")``.

    Its name stands in front as a comment, so that it can be recognised in server logs and pg_stat_activity.
    """
    text = (sql_folder() / "queries" / f"{name}.sql").read_text(encoding="utf-8")
    return f"/* kolony:{name} */ {text.strip()}"
