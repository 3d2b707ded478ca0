"""One file that holds a Kolony database, its people and its agents' logins, and how it is written.

The file is a ZIP archive, so that each part carries a checksum and can be used without Kolony:
``kolony.dump`` (pg_dump's custom format), ``roles.sql`` (pg_dumpall: logins with their SCRAM verifiers, memberships),
``database.sql`` (owner, rights and settings of the database itself), ``kolony-backup.json`` (what this is).
"""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
import zipfile
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import IO

from kolony_tui import __version__
from kolony_tui.models.errors import KolonyError, WorkFailed, WrongState
from kolony_tui.server.address import DATABASE
from kolony_tui.server.binaries import installed
from kolony_tui.server.cluster import data_version
from kolony_tui.server.embedded import EmbeddedServer
from kolony_tui.server.private_files import said_plainly, sync_folder
from kolony_tui.server.superuser import Superuser, reason

FORMAT = 1
MANIFEST, DUMP, ROLES, DATABASE_SQL = "kolony-backup.json", "kolony.dump", "roles.sql", "database.sql"
PIECE = 1 << 20
Progress = Callable[[int], None]
"""Told how many bytes are done so far."""

DATABASE_FACTS = """
    SELECT format('ALTER DATABASE %1$I OWNER TO %2$I;', datname, pg_get_userbyid(datdba))
      FROM pg_database WHERE datname = :'name';
    SELECT format('REVOKE ALL ON DATABASE %I FROM PUBLIC;', :'name');
    SELECT format('GRANT %s ON DATABASE %I TO %s%s;', a.privilege_type, datname,
                  CASE a.grantee WHEN 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(a.grantee)) END,
                  CASE WHEN a.is_grantable THEN ' WITH GRANT OPTION' ELSE '' END)
      FROM pg_database, aclexplode(coalesce(datacl, acldefault('d', datdba))) a
     WHERE datname = :'name';
    -- A list is quoted item by item, as its owner may have put anything into it.
    SELECT format('ALTER %s SET %I TO %s;',
                  CASE s.setrole WHEN 0 THEN format('DATABASE %I', d.datname)
                  ELSE format('ROLE %I IN DATABASE %I', pg_get_userbyid(s.setrole), d.datname) END,
                  split_part(c, '=', 1),
                  CASE WHEN split_part(c, '=', 1) IN ('search_path', 'temp_tablespaces', 'local_preload_libraries',
                                                      'session_preload_libraries')
                  THEN (SELECT string_agg(quote_literal(btrim(item, ' "')), ', ')
                          FROM unnest(string_to_array(substr(c, strpos(c, '=') + 1), ',')) item)
                  ELSE quote_literal(substr(c, strpos(c, '=') + 1)) END)
      FROM pg_db_role_setting s JOIN pg_database d ON d.oid = s.setdatabase, unnest(s.setconfig) c
     WHERE d.datname = :'name';
    """
ROLE_NAMES = "SELECT json_agg(rolname ORDER BY rolname) FROM pg_roles WHERE NOT starts_with(rolname, 'pg_');"


def back_up(server: EmbeddedServer, file: Path, *, overwrite: bool = False, progress: Progress | None = None) -> int:
    """Write the backup to ``file`` (mode 0600), whole or not at all, and return its size in bytes.

    The server is started if need be. Raises WrongState where the file is there already (unless ``overwrite``) or there
    is nothing to back up, WorkFailed where it cannot be made.
    """
    if file.exists() and not overwrite:
        raise WrongState(f"{file} exists already", "choose another name, or overwrite it with --force")
    if data_version(server.home.data) is None:
        raise WrongState(f"there is no database in {server.home.path} yet", "set KOLONY_HOME to the one you mean")
    superuser = Superuser(server.ensure(), server.superuser_password())
    if not database_exists(superuser):
        raise WrongState(f"there is no database {DATABASE!r} on the embedded server yet", "open kolony once")
    partial = file.with_name(f".{file.name}.partial-{os.getpid()}")
    try:
        with os.fdopen(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as raw:
            _write(raw, server, superuser, progress)
            raw.flush()
            os.fsync(raw.fileno())
        partial.rename(file)
        sync_folder(file.parent)
        return file.stat().st_size
    except OSError as error:
        raise _unwritable(error, file) from error
    finally:
        with suppress(OSError):
            partial.unlink(missing_ok=True)


def database_exists(superuser: Superuser, name: str = DATABASE) -> bool:
    """Whether the embedded server has that database."""
    return superuser.ask("SELECT count(*) FROM pg_database WHERE datname = :'name';", name=name) == "1"


def _write(raw: IO[bytes], server: EmbeddedServer, superuser: Superuser, progress: Progress | None) -> None:
    with zipfile.ZipFile(raw, "w", zipfile.ZIP_STORED) as archive:
        # Roles after rows: whoever owns a row in the dump is then among the roles.
        with archive.open(DUMP, "w", force_zip64=True) as member:
            options = ["--format=custom", "--no-toast-compression", "--lock-wait-timeout=60s"]
            _pump("pg_dump", options, superuser, member, progress)
        with archive.open(ROLES, "w", force_zip64=True) as member:
            _pump("pg_dumpall", ["--roles-only", "--no-comments"], superuser, member, None)
        archive.writestr(DATABASE_SQL, superuser.ask(DATABASE_FACTS, name=DATABASE) + "\n")
        manifest = {
            "format": FORMAT,
            "kolony": __version__,
            "postgres": installed().version(),
            "made_at": datetime.now(UTC).isoformat(timespec="seconds"),
            "first_admin": server.home.read_state().get("first_admin"),
            "roles": json.loads(superuser.ask(ROLE_NAMES)),
        }
        archive.writestr(MANIFEST, json.dumps(manifest, indent=2) + "\n")


def _pump(program: str, arguments: list[str], superuser: Superuser, to: IO[bytes], progress: Progress | None) -> None:
    done = 0
    with tempfile.TemporaryFile() as complaints:
        with subprocess.Popen(
            [installed().program(program), *arguments],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=complaints,
            env=superuser.environment(DATABASE),
        ) as child:
            assert child.stdout is not None
            try:
                while piece := child.stdout.read(PIECE):
                    to.write(piece)
                    done += len(piece)
                    if progress is not None:
                        progress(done)
            except BaseException:
                child.kill()
                raise
        if child.returncode != 0:
            complaints.seek(0)
            raise WorkFailed(f"{program} failed: {reason(complaints.read().decode(errors='replace'))}")


def _unwritable(error: OSError, file: Path) -> KolonyError:
    plain = said_plainly(error, file.parent, WorkFailed)
    return WorkFailed(plain.message, "give a file in a folder that has room and can be written")
