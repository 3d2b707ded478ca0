"""The data folder of the embedded server: made by initdb in one piece or not at all."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path

from kolony_tui.models.errors import CannotConnect
from kolony_tui.models.secret import Secret
from kolony_tui.server.address import SUPERUSER
from kolony_tui.server.binaries import Binaries, plain_environment, reason_of
from kolony_tui.server.home import Home
from kolony_tui.server.os_user import ServerUser
from kolony_tui.server.private_files import said_plainly, sync_folder

FORM = [
    f"--username={SUPERUSER}",
    "--auth=scram-sha-256",
    "--encoding=UTF8",
    "--locale-provider=builtin",
    "--builtin-locale=C.UTF-8",
    "--locale=C",
    "--no-instructions",
]


def data_version(data: Path) -> str | None:
    """The major version that the data folder was made by ("18"), or None where there is no data folder.

    Raises CannotConnect for a folder that is something else.
    """
    try:
        return (data / "PG_VERSION").read_text("ascii").strip()
    except FileNotFoundError:
        pass
    except OSError as error:
        raise said_plainly(error, data) from error
    if data.exists() and any(data.iterdir()):
        raise CannotConnect(f"{data} is not a PostgreSQL data folder", "move it away, or set KOLONY_HOME elsewhere")
    return None


def check_version(data: Path, program_version: str) -> None:
    """CannotConnect if the data folder is of another major version than the programs ("18.6")."""
    made_by, major = data_version(data), program_version.partition(".")[0]
    if made_by is not None and made_by != major:
        raise CannotConnect(
            f"{data} was made by PostgreSQL {made_by}, and this Kolony brings PostgreSQL {major}",
            f"back it up with the Kolony that made it and restore it here, or run pg_upgrade from {made_by} to {major}",
        )


def make_cluster(
    home: Home,
    user: ServerUser,
    binaries: Binaries,
    password: Secret,
    *,
    durable: bool,
    server_lock: int,
    before_naming: Callable[[], object],
) -> None:
    """Make the data folder in ``postgres.new``; give it its name when it is on the disk and ``before_naming`` is done.

    ``server_lock`` is handed to initdb, so that the lock stays held should this process be killed before initdb ends.
    Raises CannotConnect and leaves nothing behind where it cannot be made.
    """
    unfinished = home.path / "postgres.new"
    _remove(unfinished)
    try:
        unfinished.mkdir(mode=0o700)
        if user.separate:
            os.chown(unfinished, user.uid, user.gid)
        _run_initdb(unfinished, home, user, binaries, password, durable=durable, server_lock=server_lock)
        before_naming()
        unfinished.rename(home.data)
        if durable:
            sync_folder(home.path)
    except OSError as error:
        raise said_plainly(error, home.path) from error
    finally:
        _remove(unfinished)


def _run_initdb(
    folder: Path, home: Home, user: ServerUser, binaries: Binaries, password: Secret, *, durable: bool, server_lock: int
) -> None:
    descriptor, password_file = tempfile.mkstemp(prefix=".initdb-", dir=home.path)
    try:
        with os.fdopen(descriptor, "w") as file:
            file.write(password.reveal())
            file.flush()
            if user.separate:
                os.fchown(file.fileno(), user.uid, user.gid)
        ended = subprocess.run(
            [
                binaries.program("initdb"),
                f"--pgdata={folder}",
                f"--pwfile={password_file}",
                *FORM,
                *([] if durable else ["--no-sync"]),
            ],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            check=False,
            cwd="/",
            env=plain_environment(),
            start_new_session=True,
            pass_fds=(server_lock,),
            umask=0o077,
            **user.as_child,
        )
    finally:
        Path(password_file).unlink(missing_ok=True)
    if ended.returncode != 0:
        raise reason_of(ended.stderr, f"the data folder could not be made in {home.path}", home.path)


def _remove(folder: Path) -> None:
    try:
        shutil.rmtree(folder)
    except FileNotFoundError:
        pass
    except OSError as error:
        raise said_plainly(error, folder) from error
