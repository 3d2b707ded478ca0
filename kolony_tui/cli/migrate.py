"""``kolony migrate``: the schema of a database."""

from __future__ import annotations

import argparse
import asyncio
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

    db = Database(target, APPLICATION)
    try:
        async with db.connection() as connection:
            if args.check:
                return await _check(args, connection)
            if args.plan:
                return await _plan(args, connection)
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


async def _apply(args: argparse.Namespace, connection: asyncpg.Connection) -> int:
    from kolony_tui.server.bootstrap import found_workspace
    from kolony_tui.server.migrations import migrate

    applied = await migrate(connection)
    admin = await found_workspace(connection)
    if args.json:
        print_json({"applied": [_words(each.version, each.name) for each in applied], "first_admin": admin})
    else:
        for each in applied:
            print_line(_words(each.version, each.name))
        if not applied:
            tell("nothing was to be done")
        if admin is not None:
            tell(f"the first workspace is main, and {admin} is its admin")
    return ExitCode.DONE


def _words(version: int, name: str) -> str:
    return f"{version:04d}_{name}"
