"""What may name a server from outside, and what every connection says at its start."""

from __future__ import annotations

LIBPQ_NAMES = ("PGHOST", "PGHOSTADDR", "PGPORT", "PGDATABASE", "PGSERVICE")
"""The environment variables that name a server to PostgreSQL's own programs."""

SETTINGS = {
    "role": "none",
    "search_path": "pg_catalog",
    "statement_timeout": "0",
    "lock_timeout": "0",
    "idle_in_transaction_session_timeout": "15s",
    "idle_session_timeout": "0",
    "default_transaction_isolation": "read committed",
    "default_transaction_read_only": "off",
    "default_transaction_deferrable": "off",
    "row_security": "on",
    "exit_on_error": "off",
    "standard_conforming_strings": "on",
    "transform_null_equals": "off",
    "array_nulls": "on",
    "client_min_messages": "warning",
    "DateStyle": "ISO, MDY",
    "IntervalStyle": "postgres",
    "TimeZone": "UTC",
    "extra_float_digits": "1",
    "bytea_output": "hex",
    "local_preload_libraries": "",
    "jit": "off",  # to compile a statement of ours takes longer than to answer it
}
"""Sent with every start-up, so that settings an administrator or an attacker put on the role do not apply."""

NEWER_SINCE = 17
NEWER_SETTINGS = {"transaction_timeout": "0"}
"""The same for settings that only exist since that major version: said right after the start-up, which would fail."""
