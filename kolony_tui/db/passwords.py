"""Passwords that PostgreSQL's own programs would find too: the password file and PGPASSWORD."""

from __future__ import annotations

import os
import re
import stat

from kolony_tui.db.place import Place
from kolony_tui.models.secret import Secret

_FIELD_END = re.compile(r"(?<!\\)(?:\\\\)*(:)")
_kept: list[Secret] = []


def take_environment_password() -> Secret | None:
    """PGPASSWORD, which leaves the environment: no child of ours inherits a person's password."""
    clear = os.environ.pop("PGPASSWORD", None)
    if clear is not None:
        _kept[:] = [Secret(clear)] if clear else []
    return _kept[0] if _kept else None


def password_file(place: Place) -> str:
    """The file that is meant: PGPASSFILE, or ``.pgpass`` in the home folder."""
    return place.words.get("passfile") or os.path.expanduser("~/.pgpass")


def in_password_file(place: Place) -> tuple[Secret | None, str]:
    """The first password that fits (libpq's rules), and why the file was not read, if there is a reason to tell."""
    file = password_file(place)
    try:
        with open(file, encoding="utf-8") as lines:
            found = os.fstat(lines.fileno())
            if not stat.S_ISREG(found.st_mode):
                return None, ""
            if found.st_mode & 0o077:
                return None, f"{file} is not used: others may read it (chmod 600)"
            for line in lines:
                if (password := _password_in(line.rstrip("\r\n"), place)) is not None:
                    return Secret(password), ""
    except FileNotFoundError:
        pass
    except (OSError, UnicodeDecodeError) as error:
        return None, f"{file} is not used: {getattr(error, 'strerror', None) or error}"
    return None, ""


def _password_in(line: str, place: Place) -> str | None:
    if not line or line.startswith("#"):
        return None
    fields, begin = [], 0
    for match in _FIELD_END.finditer(line):
        fields.append(line[begin : match.start(1)])
        begin = match.end()
        if len(fields) == 4:
            break
    if len(fields) != 4:
        return None
    host, port, database, login = (_plain(field) for field in fields)
    fits = any(
        host in ("*", "localhost" if address.startswith("/") else address) and port in ("*", str(number))
        for address, number in place.addresses
    )
    return _plain(line[begin:]) if fits and database in ("*", place.database) and login in ("*", place.login) else None


def _plain(field: str) -> str:
    return re.sub(r"\\(.)", r"\1", field)
