"""What may name a server from outside, and what every connection says at its start."""

from __future__ import annotations

LIBPQ_NAMES = ("PGHOST", "PGHOSTADDR", "PGPORT", "PGDATABASE", "PGSERVICE")
"""The environment variables that name a server to PostgreSQL's own programs."""

SETTINGS = {
    "search_path": "pg_catalog",
    "statement_timeout": "0",
    "lock_timeout": "0",
    "idle_in_transaction_session_timeout": "15s",
    "idle_session_timeout": "0",
    "default_transaction_isolation": "read committed",
    "default_transaction_read_only": "off",
    "row_security": "on",
    "client_min_messages": "warning",
    "TimeZone": "UTC",
    "bytea_output": "hex",
    "local_preload_libraries": "",
}
"""Sent with every start-up, so that settings an administrator or an attacker put on the role do not apply."""
