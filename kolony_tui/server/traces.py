"""What KOLONY_HOME says of its server, read file by file with next to no imports.

``Home``, ``SecretStore`` and ``postmaster`` read through these functions too. Verbs that only read use nothing else of
this floor: what makes, starts and stops servers takes longer to load than their whole answer takes.
"""

from __future__ import annotations

import json
import os
import stat
from collections.abc import Mapping

from kolony_tui.models.errors import CannotConnect, UsageError, WorkFailed

ROOT_HOME = "/var/lib/kolony"
"""For uid 0: the server runs as a user of its own then, who may not enter root's home folder."""

_UNQUOTED = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-~")


def home_folder() -> str:
    """KOLONY_HOME, or by default the user's data folder (for uid 0 ``/var/lib/kolony``); nothing is made.

    Raises UsageError for a path that no server can live under.
    """
    named = os.environ.get("KOLONY_HOME", "")
    if named:
        if not named.isprintable():
            raise UsageError("KOLONY_HOME holds a character that cannot be printed", "set it to a plain path")
        return os.path.realpath(os.path.expanduser(named))
    if os.geteuid() == 0:
        return ROOT_HOME
    if os.uname().sysname == "Linux":
        # What platformdirs says too (the XDG Base Directory Specification), without the 10 ms that it takes to load.
        folder = os.environ.get("XDG_DATA_HOME", "").strip() or os.path.expanduser("~/.local/share")
        return os.path.join(folder, "kolony")
    from platformdirs import user_data_dir

    return user_data_dir("kolony", appauthor=False)


def read_state(file: str) -> dict[str, object]:
    """What ``state.json`` holds; empty where there is none. Raises WorkFailed where it cannot be read."""
    try:
        with open(file, "rb") as open_file:
            state = json.load(open_file)
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise WorkFailed(f"cannot read {file}: {error.strerror}") from error
    except ValueError:
        state = None
    if not isinstance(state, dict):
        raise WorkFailed(f"{file} is damaged", "move it away; Kolony makes a new one")
    return state


def last_workspace(state: Mapping[str, object], server: str) -> str | None:
    """The slug of the workspace that was last entered on a server, by its key in ``state.json``."""
    known = state.get("workspaces")
    slug = known.get(server) if isinstance(known, dict) else None
    return slug if isinstance(slug, str) else None


def secret_file(folder: str, name: str) -> str:
    """The file of a secret ("superuser", "person:ada") in the folder of secrets: its name, percent-encoded."""
    return os.path.join(folder, "".join(chr(byte) if byte in _UNQUOTED else f"%{byte:02X}" for byte in name.encode()))


def read_secret(file: str) -> str | None:
    """The content of a private file, or None where there is none. Raises CannotConnect where others could read it."""
    try:
        descriptor = os.open(file, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise CannotConnect(f"cannot read {file}: {error.strerror}", "check who owns it") from error
    with os.fdopen(descriptor, encoding="utf-8") as open_file:
        found = os.fstat(descriptor)
        if not stat.S_ISREG(found.st_mode) or found.st_uid != os.geteuid() or found.st_mode & 0o077:
            raise CannotConnect(
                f"{file} holds a secret and is not private (uid {found.st_uid}, {stat.filemode(found.st_mode)})",
                f"look who could read it, then: chmod 600 {file}",
            )
        return open_file.read()


def read_pid_lines(data: str) -> tuple[int, str, int, str] | None:
    """Process id, socket folder, port and state of the server on ``data``, from ``postmaster.pid``; None if not whole.

    The state is "starting", "ready" or "stopping". It may be that of a server that was killed since.
    """
    try:
        with open(os.path.join(data, "postmaster.pid"), encoding="utf-8", errors="surrogateescape") as file:
            lines = file.read().split("\n")
        return int(lines[0]), lines[4], int(lines[3]), lines[7].strip()
    except (OSError, IndexError, ValueError):
        return None
