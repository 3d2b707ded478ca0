"""``kolony migrate``: the schema of a database."""

from __future__ import annotations

import argparse
import asyncio
import sys
from typing import TYPE_CHECKING, Any

from kolony_tui.cli.printing import print_json, print_line
from kolony_tui.cli.verbs import APPLICATION, choice, tell, verb
from kolony_tui.models.errors import ExitCode

if TYPE_CHECKING:
    import asyncpg

    from kolony_tui.db.target import Target


def register_migrate(verbs: Any) -> None:
    """Declares the verb."""
    parser = verb(
        verbs, "migrate", _migrate, "apply the migrations of this program to a database",
        epilog="Run it as the role that owns the database and has CREATEROLE; it needs no superuser and may run twice.",
    )  # fmt: skip
    what = parser.add_mutually_exclusive_group()
    what.add_argument("--plan", action="store_true", help="show what would be applied, change nothing")
    what.add_argument("--check", action="store_true", help="compare the live schema with the expected one")
    what.add_argument(
        "--roles", action="store_true", help="print the SQL for whoever runs the server, where you lack CREATEROLE"
    )
    parser.add_argument(
        "--user-admin", choices=("auto", "on", "off"), default="auto",
        help="whether Kolony makes logins; auto (at first): on, but not on PostgreSQL 15 beside others",
    )  # fmt: skip


def _migrate(args: argparse.Namespace) -> int:
    target = _target(args)
    return asyncio.run(_on(args, target))


def _target(args: argparse.Namespace) -> Target:
    from kolony_tui.core.connection import find_destination

    destination = find_destination(choice(args))
    if not destination.embedded:
        return destination.target
    # The embedded server was brought up to date by being found; to look at its schema takes its superuser.
    from kolony_tui.db.target import Target
    from kolony_tui.server.address import DATABASE
    from kolony_tui.server.embedded import EmbeddedServer
    from kolony_tui.server.home import kolony_home

    return Target(dsn=EmbeddedServer(kolony_home()).superuser_dsn(DATABASE), origin="the embedded server")


async def _on(args: argparse.Namespace, target: Target) -> int:
    from kolony_tui.db.connect import Database

    db = Database(target, APPLICATION, pooled=False)
    try:
        async with db.connection() as connection:
            if args.check:
                return await _check(args, connection)
            if args.plan:
                return await _plan(args, connection)
            if args.roles:
                return await _roles(args, connection)
            return await _apply(args, connection)
    finally:
        await db.close()


async def _check(args: argparse.Namespace, connection: asyncpg.Connection) -> int:
    from kolony_tui.server.schema import differences

    found = await differences(connection)
    if args.json:
        print_json({"differences": found})
    else:
        for line in found:
            print_line(line)
        if not found:
            tell("the live schema is the expected one")
    return ExitCode.WORK_FAILED if found else ExitCode.DONE


async def _plan(args: argparse.Namespace, connection: asyncpg.Connection) -> int:
    from kolony_tui.server.migrations import plan

    found = await plan(connection)
    if args.json:
        print_json({
            "applied": [_words(each.version, each.name) for each in found.applied],
            "pending": [_words(each.version, each.name) for each in found.pending],
        })  # fmt: skip
    else:
        for each in found.pending:
            print_line(_words(each.version, each.name))
        if not found.pending:
            tell("nothing is to be done")
    return ExitCode.DONE


async def _roles(args: argparse.Namespace, connection: asyncpg.Connection) -> int:
    from kolony_tui.server.user_admin import role_script

    script = await role_script(connection)
    if args.json:
        print_json({"sql": script})
    else:
        # As it is, not made safe for a screen: it is to be executed. The one name in it is quoted by the server.
        sys.stdout.write(script + "\n")
    return ExitCode.DONE


async def _apply(args: argparse.Namespace, connection: asyncpg.Connection) -> int:
    from kolony_tui.server.bootstrap import found_workspace
    from kolony_tui.server.user_admin import UserAdmin, install

    installed = await install(connection, UserAdmin(args.user_admin))
    admin = await found_workspace(connection)
    if args.json:
        print_json({
            "applied": [_words(each.version, each.name) for each in installed.applied],
            "first_admin": admin,
            "user_admin": "on" if installed.makes_logins else "off",
        })  # fmt: skip
    else:
        for each in installed.applied:
            print_line(_words(each.version, each.name))
        if args.user_admin != "auto":
            tell(f"Kolony makes logins here: {'yes' if installed.makes_logins else 'no'}")
        elif not installed.applied:
            tell("nothing was to be done")
        if admin is not None:
            tell(f"the first workspace is main, and {admin} is its admin")
    if installed.why_not:
        tell(installed.why_not)
    return ExitCode.DONE


def _words(version: int, name: str) -> str:
    return f"{version:04d}_{name}"
