"""The embedded server's configuration, written anew at each start so that an upgrade reaches old data folders."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping
from pathlib import Path

from kolony_tui.server.address import PORT
from kolony_tui.server.binaries import plain_environment, reason_of
from kolony_tui.server.home import Home
from kolony_tui.server.os_user import ServerUser

WRITTEN = "# Written by Kolony at each start. For settings of your own use ALTER SYSTEM.\n"
ACCESS = WRITTEN + "local all all scram-sha-256\n"
"""The whole of pg_hba.conf: the socket only, a password for everyone, no replication."""

MIB = 1 << 20


def server_settings(home: Home) -> dict[str, str]:
    """Settings for a small machine with one command center on it (`transaction_timeout` is set by role, not here)."""
    return {
        "max_connections": "200",
        "shared_buffers": f"{_shared_buffers() // MIB}MB",
        "max_wal_size": "2GB",
        "max_locks_per_transaction": "128",
        "jit": "off",
        # Files of the data folder: /dev/shm is 64 MB in a container, and systemd empties it when the user logs out.
        "dynamic_shared_memory_type": "mmap",
        "wal_level": "minimal",
        "max_wal_senders": "0",
        "password_encryption": "scram-sha-256",
        "idle_in_transaction_session_timeout": "15s",
        "logging_collector": "on",
        "log_directory": str(home.log),
        "log_filename": "postgres-%a.log",
        "log_truncate_on_rotation": "on",
        "log_rotation_age": "1d",
        "log_rotation_size": "0",
        "log_line_prefix": "%m [%p] %q%u@%d ",
        "log_lock_waits": "on",
        "log_checkpoints": "off",
        "log_statement": "none",
        # A failing statement may hold a password or a token, as text or as a parameter: neither is logged.
        "log_min_error_statement": "panic",
        "log_parameter_max_length": "0",
        "log_parameter_max_length_on_error": "0",
        "lc_messages": "C",
        "lc_monetary": "C",
        "lc_numeric": "C",
        "lc_time": "C",
        "datestyle": "iso, ymd",
        "default_text_search_config": "pg_catalog.english",
        "timezone": "UTC",
        "log_timezone": "UTC",
    }


def guarded_settings(home: Home, socket_folder: Path) -> dict[str, str]:
    """What keeps strangers out. Given on the command line, where no file and no ALTER SYSTEM can change it."""
    return {
        "listen_addresses": "",
        "port": str(PORT),
        "unix_socket_directories": str(socket_folder),
        "unix_socket_permissions": "0700",
        "hba_file": str(home.data / "pg_hba.conf"),
    }


def write_settings(data: Path, user: ServerUser, settings: Mapping[str, str]) -> None:
    """Write postgresql.conf and pg_hba.conf in the data folder ``data``, as the server's user; raises CannotConnect."""
    lines = [f"{name} = {quoted(value)}\n" for name, value in settings.items()]
    _write_as(user, data / "postgresql.conf", WRITTEN + "".join(lines))
    _write_as(user, data / "pg_hba.conf", ACCESS)


def quoted(value: str) -> str:
    """A value as postgresql.conf takes it."""
    return "'" + value.replace("\\", "\\\\").replace("'", "''") + "'"


def _write_as(user: ServerUser, path: Path, content: str) -> None:
    # A child of the server's user writes, not root: in a folder of that user root could be led elsewhere by a link.
    script = 'umask 077 && cat >"$1.new" && mv -f "$1.new" "$1"'
    written = subprocess.run(
        ["/bin/sh", "-c", script, "sh", str(path)],
        input=content.encode(),
        capture_output=True,
        cwd="/",
        env=plain_environment(),
        check=False,
        **user.as_child,
    )
    if written.returncode != 0:
        raise reason_of(written.stderr.decode(errors="replace"), f"cannot write {path}", path.parent)


def _shared_buffers() -> int:
    try:
        memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (ValueError, OSError):
        memory = 1024 * MIB
    return min(max(memory // 8, 64 * MIB), 512 * MIB)
