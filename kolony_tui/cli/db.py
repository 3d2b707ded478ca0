"""``kolony db``: the embedded server by hand."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kolony_tui.cli.printing import print_json
from kolony_tui.cli.verbs import group, tell, verb
from kolony_tui.models.errors import ExitCode, WrongState

if TYPE_CHECKING:
    from kolony_tui.server.backup import Progress
    from kolony_tui.server.embedded import EmbeddedServer, Status

MEGABYTE = 1_000_000


def register_db(verbs: Any) -> None:
    """Declares the verbs."""
    steps = group(verbs, "db", "the embedded Postgres: start, stop, status, url, backup, restore")
    verb(steps, "start", start, "start the server, making its data folder on first use")
    stopping = verb(steps, "stop", stop, "stop the server; refused while the app, a runner or anything else uses it")
    stopping.add_argument("--force", action="store_true", help="stop it under those who use it")
    verb(steps, "status", status, "show whether the server runs, where, and who uses it")
    verb(steps, "url", url, "print the URL of the first admin, password included, for psql on this machine")
    backing = verb(steps, "backup", backup, "write database, people and agents' logins to one file")
    backing.add_argument("file", metavar="FILE", type=Path, help="the file to write; it gets mode 0600")
    backing.add_argument("--force", action="store_true", help="overwrite FILE")
    restoring = verb(steps, "restore", restore, "put a backup in the place of the embedded database")
    restoring.add_argument("file", metavar="FILE", type=Path, help="a file of kolony db backup that you trust")
    restoring.add_argument("--force", action="store_true", help="replace the database there is, ending who uses it")


def start(args: argparse.Namespace) -> int:
    """``kolony db start``: one line that says where the server is."""
    from kolony_tui.server.bootstrap import prepare

    server = _server()
    prepared = prepare(server)
    if prepared.told:
        tell(prepared.told)
    now = server.status()
    _answer(args, _facts(now), _place(now))
    return ExitCode.DONE


def stop(args: argparse.Namespace) -> int:
    """``kolony db stop``: fine where none runs."""
    tell("the server is stopped" if _server().stop(force=args.force) else "the server does not run")
    return ExitCode.DONE


def status(args: argparse.Namespace) -> int:
    """``kolony db status``: exit code 0 whether it runs or not; the answer says which."""
    from kolony_tui.text import safe

    now = _server().status()
    lines = [_place(now) if now.running else f"stopped: PostgreSQL {now.version}", f"data    {now.data}"]
    lines += [
        f"used by {safe(user.application).plain or 'a program'}, login {safe(user.login).plain}, "
        f"{len(user.pids)} connection{'s' if len(user.pids) > 1 else ''}"
        for user in now.users
    ]
    _answer(args, _facts(now), "\n".join(lines))
    return ExitCode.DONE


def url(args: argparse.Namespace) -> int:
    """``kolony db url``: the DSN of the first admin; starts the server if need be."""
    from kolony_tui.server.bootstrap import prepare

    server = _server()
    prepared = prepare(server)
    if prepared.told:
        tell(prepared.told)
    password = server.secrets.get(f"person:{prepared.first_admin}")
    if password is None:
        raise WrongState(
            f"the password of {prepared.first_admin} is not kept on this machine",
            f"put it in yourself: postgresql://{prepared.first_admin}@/?host={prepared.address.host}",
        )
    dsn = prepared.address.dsn(prepared.first_admin, password)
    _answer(args, {"url": dsn, "login": prepared.first_admin}, dsn)
    return ExitCode.DONE


def backup(args: argparse.Namespace) -> int:
    """``kolony db backup FILE``."""
    from kolony_tui.server.backup import back_up

    size = back_up(_server(), args.file, overwrite=args.force, progress=_progress("read"))
    _end_progress()
    _answer(args, {"file": str(args.file), "bytes": size}, f"{args.file}: {size / MEGABYTE:.1f} MB")
    return ExitCode.DONE


def restore(args: argparse.Namespace) -> int:
    """``kolony db restore FILE``; on a terminal it asks before it replaces a database."""
    from kolony_tui.server.bootstrap import prepare
    from kolony_tui.server.restore import restore as put_back

    server = _server()
    replace: bool = args.force
    if not replace and sys.stdin.isatty() and sys.stderr.isatty() and server.home.data.exists() and not server.in_use():
        sys.stderr.write(f"Replace the database in {server.home.path} by the one in {args.file}? [y/N] ")
        sys.stderr.flush()
        if sys.stdin.readline().strip().lower() not in ("y", "yes"):
            tell("nothing was changed")
            return ExitCode.WORK_FAILED
        replace = True
    put_back(server, args.file, replace=replace, progress=_progress("written"))
    _end_progress()
    prepare(server)
    tell(f"the embedded database is now the one of {args.file}")
    return ExitCode.DONE


def _server() -> EmbeddedServer:
    from kolony_tui.server.embedded import EmbeddedServer
    from kolony_tui.server.home import kolony_home

    return EmbeddedServer(kolony_home())


def _facts(now: Status) -> dict[str, Any]:
    return {
        "running": now.running,
        "version": now.version,
        "data": str(now.data),
        "socket": now.address.host if now.address else None,
        "port": now.address.port if now.address else None,
        "pid": now.pid,
        "users": [
            {"application": user.application.raw, "login": user.login.raw, "pids": list(user.pids)}
            for user in now.users
        ],
    }


def _place(now: Status) -> str:
    assert now.address is not None
    return f"running: PostgreSQL {now.version}, pid {now.pid}, socket {now.address.socket}"


def _answer(args: argparse.Namespace, facts: dict[str, Any], words: str) -> None:
    if args.json:
        print_json(facts)
    else:
        print(words)


def _progress(verb: str) -> Progress | None:
    if not sys.stderr.isatty():
        return None

    def show(done: int) -> None:
        sys.stderr.write(f"\r{done / MEGABYTE:.1f} MB {verb}")
        sys.stderr.flush()

    return show


def _end_progress() -> None:
    if sys.stderr.isatty():
        sys.stderr.write("\r\x1b[K")
