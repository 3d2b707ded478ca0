"""From a backup file to a database that replaces the one that is there, in one step at the end."""

from __future__ import annotations

import json
import re
import secrets
import subprocess
import tempfile
import zipfile
import zlib
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kolony_tui.models.errors import KolonyError, WorkFailed, WrongState
from kolony_tui.models.secret import Secret
from kolony_tui.server.address import DATABASE, SUPERUSER
from kolony_tui.server.backup import DATABASE_SQL, DUMP, FORMAT, MANIFEST, PIECE, ROLES, Progress, database_exists
from kolony_tui.server.binaries import installed
from kolony_tui.server.embedded import EmbeddedServer
from kolony_tui.server.scram import verifier
from kolony_tui.server.sessions import described
from kolony_tui.server.superuser import Superuser, reason

NEW, OLD = f"{DATABASE}_restoring", f"{DATABASE}_replaced"
CREATE_ROLE = re.compile(r"""^CREATE ROLE (?:[a-z0-9_]+|"[^"'\\]+");\n""", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Contents:
    """The small parts of a backup, read and checked; the dump itself stays in ``archive``."""

    archive: zipfile.ZipFile
    manifest: dict[str, Any]
    roles: str
    database: str

    @property
    def first_admin(self) -> str | None:
        login = self.manifest.get("first_admin")
        return login if isinstance(login, str) and login in self.manifest["roles"] else None


def restore(server: EmbeddedServer, file: Path, *, replace: bool = False, progress: Progress | None = None) -> None:
    """Put the database of ``file`` in the place of the embedded one. Until the last step the old one stays as it is.

    The server is started, or made, if need be. The first admin of the backup can log in on this machine afterwards.
    Raises WrongState where a database is there or is in use (unless ``replace``: its sessions are then ended), and
    WorkFailed for a file that is no backup, is damaged or does not go in.
    """
    try:
        with zipfile.ZipFile(file) as archive:
            contents = _checked(archive, file)
            superuser = Superuser(server.ensure(), server.superuser_password())
            _refuse_to_replace(server, superuser, replace)
            _restore(contents, superuser, server, progress)
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError) as error:
        raise _no_backup(file) from error
    except OSError as error:
        raise WorkFailed(f"cannot read {file}: {error.strerror or error}", "give the path of a backup") from error


def _checked(archive: zipfile.ZipFile, file: Path) -> Contents:
    try:
        manifest = json.loads(archive.read(MANIFEST))
        form, major = int(manifest["format"]), int(manifest["postgres"].partition(".")[0])
        if form > FORMAT or major > int(installed().version().partition(".")[0]):
            raise WorkFailed(
                f"{file} was made by a newer Kolony ({manifest['kolony']}, PostgreSQL {manifest['postgres']})",
                "restore it with that version or a later one",
            )
        if archive.testzip() is not None or not all(isinstance(name, str) for name in manifest["roles"]):
            raise _no_backup(file)
        roles, database = archive.read(ROLES).decode(), archive.read(DATABASE_SQL).decode()
        archive.getinfo(DUMP)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise _no_backup(file) from error
    return Contents(archive, manifest, roles, database)


def _no_backup(file: Path) -> KolonyError:
    return WorkFailed(f"{file} is not a backup of Kolony, or is damaged", "take another backup; nothing was changed")


def _refuse_to_replace(server: EmbeddedServer, superuser: Superuser, replace: bool) -> None:
    if replace:
        return
    users = server.in_use()
    if users:
        raise WrongState(f"the server is in use by {described(users)}", "end them first, or restore with --force")
    if database_exists(superuser):
        raise WrongState("the embedded server holds a database already", "replace it with --force; back it up before")


def _restore(contents: Contents, superuser: Superuser, server: EmbeddedServer, progress: Progress | None) -> None:
    _drop(superuser, NEW)
    made_roles: list[str] = []
    try:
        made_roles = _make_missing_roles(superuser, contents.manifest["roles"])
        superuser.ask('CREATE DATABASE :"name" TEMPLATE template0;', name=NEW)
        _load(contents.archive, superuser, progress)
        superuser.ask(
            # The same logins have other oids on this server, and a profile knows its person by both.
            "SELECT to_regprocedure('kolony.relink_profiles()') IS NOT NULL AS known \\gset\n"
            "\\if :known\nSELECT kolony.relink_profiles();\n\\endif\nANALYZE;",
            database=NEW,
        )
        _swap(contents, superuser, server)
    except BaseException:
        _drop(superuser, NEW)
        for name in made_roles:
            superuser.ask('DROP ROLE IF EXISTS :"name";', name=name)
        raise
    _drop(superuser, OLD)


def _make_missing_roles(superuser: Superuser, names: list[str]) -> list[str]:
    """Roles that rows and rights of the dump name must be there first; they cannot log in until the end."""
    there = set(json.loads(superuser.ask("SELECT json_agg(rolname) FROM pg_roles;")))
    missing = [name for name in names if name not in there]
    superuser.ask("BEGIN;\n" + "".join(f"CREATE ROLE {_quoted(name)} NOLOGIN;\n" for name in missing) + "COMMIT;")
    return missing


def _load(archive: zipfile.ZipFile, superuser: Superuser, progress: Progress | None) -> None:
    done = 0
    with tempfile.TemporaryFile() as complaints, archive.open(DUMP) as dump:
        child = subprocess.Popen(
            [installed().program("pg_restore"), "--single-transaction", "--exit-on-error", f"--dbname={NEW}"],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=complaints,
            env=superuser.environment(NEW),
        )
        assert child.stdin is not None
        with suppress(BrokenPipeError), child:  # when it closes its input, it says why on its standard error
            try:
                while piece := dump.read(PIECE):
                    child.stdin.write(piece)
                    done += len(piece)
                    if progress is not None:
                        progress(done)
            except BrokenPipeError:
                raise
            except BaseException:
                child.kill()
                raise
        if child.returncode != 0:
            complaints.seek(0)
            raise WorkFailed(f"the backup does not go in: {reason(complaints.read().decode(errors='replace'))}")


def _swap(contents: Contents, superuser: Superuser, server: EmbeddedServer) -> None:
    """The new database gets the name, the logins get their passwords and rights: all in one transaction."""
    own = superuser.ask("SELECT rolpassword FROM pg_authid WHERE rolname = :'me';", me=SUPERUSER)
    steps = ["BEGIN;\n"]
    if database_exists(superuser):
        _drop(superuser, OLD)
        steps += [
            "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE datname = :'kept';\n",
            'ALTER DATABASE :"kept" RENAME TO :"old";\n',
        ]
    steps += [
        'ALTER DATABASE :"new" RENAME TO :"kept";\n',
        _without_creation(contents.roles),
        contents.database,
        "REVOKE CONNECT, TEMPORARY ON DATABASE postgres, template1 FROM PUBLIC;\n",
        # The file brings the password of another superuser of the same name.
        "ALTER ROLE :\"me\" PASSWORD :'own';\n",
    ]
    admin = contents.first_admin
    known = server.secrets.get(f"person:{admin}") if admin else None
    password = known or Secret(secrets.token_urlsafe(32))
    if admin:
        steps += ["ALTER ROLE :\"admin\" PASSWORD :'admins';\n"]
        server.secrets.set(f"person:{admin}", password)
    try:
        names = {"kept": DATABASE, "new": NEW, "old": OLD, "me": SUPERUSER, "admin": admin or ""}
        superuser.ask("".join([*steps, "COMMIT;\n"]), own=own, admins=verifier(password), **names)
    except BaseException:
        if admin and not known:
            server.secrets.delete(f"person:{admin}")
        raise
    # Without a known schema the next start looks what the database has, and brings it up to this program.
    server.home.update_state(first_admin=admin, schema=None)


def _without_creation(roles: str) -> str:
    """What pg_dumpall wrote without its ``CREATE ROLE``: all roles are there by now.

    People's own settings come after a heading and may hold lines that look like anything; those stay as they are.
    """
    attributes, heading, rest = roles.partition("\n-- User Configurations\n")
    return CREATE_ROLE.sub("", attributes) + heading + rest


def _drop(superuser: Superuser, database: str) -> None:
    superuser.ask('DROP DATABASE IF EXISTS :"name" WITH (FORCE);', name=database)


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
