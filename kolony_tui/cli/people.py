"""``kolony user`` and ``kolony workspace``."""

from __future__ import annotations

import argparse
import sys

from kolony_tui.cli.listing import print_rows
from kolony_tui.cli.verbs import choice, done, group, in_session, tell, verb
from kolony_tui.models.errors import UsageError
from kolony_tui.models.secret import Secret
from kolony_tui.models.states import Role

TYPE_CHECKING = False  # typing.TYPE_CHECKING without typing: these modules are to load fast
if TYPE_CHECKING:
    from typing import Any

    from kolony_tui.core.session import PersonSession

ROLES = [role.value for role in Role]


def register_user(verbs: Any) -> None:
    """Declares ``kolony user`` and its verbs."""
    users = group(verbs, "user", "people of a workspace")
    adding = verb(users, "add", _add, "make a login with a role; its password is printed this once")
    adding.add_argument("name", help="the login: a-z, 0-9 and _, beginning with a letter")
    adding.add_argument("--role", choices=ROLES, required=True)
    adding.add_argument("--display-name", default="", help="how the person is called")
    verb(users, "list", _list, "the members of the workspace")
    changing = verb(users, "role", _role, "give a person another role in this workspace")
    changing.add_argument("name")
    changing.add_argument("role", choices=ROLES)
    for name, func, line in (
        ("disable", _disable, "take all rights from a person and end their sessions"),
        ("enable", _enable, "give a disabled person their rights back"),
    ):
        verb(users, name, func, line).add_argument("name")
    renewing = verb(users, "passwd", _passwd, "set a password: your own, or as an admin somebody else's")
    renewing.add_argument("name", nargs="?", help="whose; yours where left out")
    renewing.add_argument("--generate", action="store_true", help="make one and print it this once")


def register_workspace(verbs: Any) -> None:
    """Declares ``kolony workspace`` and its verbs."""
    workspaces = group(verbs, "workspace", "tenants")
    making = verb(workspaces, "create", _create_workspace, "make a workspace; you are its admin")
    making.add_argument("slug")
    making.add_argument("--name", default="", help="its name in words")
    verb(workspaces, "list", _list_workspaces, "the workspaces you are a member of")
    verb(workspaces, "use", _use_workspace, "work in this workspace from now on").add_argument("slug")


def _add(args: argparse.Namespace) -> int:
    from kolony_tui.cli.printing import print_json, print_line
    from kolony_tui.core import people

    password = people.new_password()
    role = Role(args.role)
    in_session(args, lambda session: people.add_person(session, args.name, role, password, args.display_name))
    if args.json:
        print_json({"login": args.name, "role": args.role, "password": password.reveal()})
    else:
        tell(f"{args.name} is {args.role} now; the password, shown this once:")
        print_line(password.reveal())
    return 0


def _list(args: argparse.Namespace) -> int:
    if args.json:
        return print_rows(args, lambda reader: reader.rows("people/people"))
    from kolony_tui.cli.printing import print_table
    from kolony_tui.core.people import people

    found = in_session(args, people)
    print_table(
        ["LOGIN", "NAME", "ROLE", "STATE", "GRANTED BY", "SINCE"],
        [
            (each.login, each.display_name, each.role.value, "disabled" if each.disabled else "active",
             each.granted_by, each.granted_at)
            for each in found
        ],
    )  # fmt: skip
    return 0


def _role(args: argparse.Namespace) -> int:
    from kolony_tui.core.people import set_role

    in_session(args, lambda session: set_role(session, args.name, Role(args.role)))
    return done(args, f"{args.name} is {args.role} now", login=args.name, role=args.role)


def _disable(args: argparse.Namespace) -> int:
    from kolony_tui.core.people import disable_person

    in_session(args, lambda session: disable_person(session, args.name))
    return done(args, f"{args.name} is disabled", login=args.name, disabled=True)


def _enable(args: argparse.Namespace) -> int:
    from kolony_tui.core.people import enable_person

    in_session(args, lambda session: enable_person(session, args.name))
    return done(args, f"{args.name} is enabled", login=args.name, disabled=False)


def _passwd(args: argparse.Namespace) -> int:
    from kolony_tui.cli.printing import print_line
    from kolony_tui.core import people

    password = people.new_password() if args.generate else _asked_password()

    async def work(session: PersonSession) -> str:
        login: str = args.name or session.me.login
        await people.set_password(session, login, password)
        return login

    login = in_session(args, work)
    shown = {"password": password.reveal()} if args.generate else {}
    if args.generate and not args.json:
        tell(f"the new password of {login}, shown this once:")
        print_line(password.reveal())
        return 0
    return done(args, f"{login} has a new password", login=login, **shown)


def _asked_password() -> Secret:
    if not sys.stdin.isatty():
        line = sys.stdin.readline().rstrip("\n")
        if not line:
            raise UsageError("no password came on standard input", "type one, or use --generate")
        return Secret(line)
    import getpass

    first = getpass.getpass("new password: ")
    if not first or first != getpass.getpass("again: "):
        raise UsageError("the two passwords differ, or are empty", "try again, or use --generate")
    return Secret(first)


def _create_workspace(args: argparse.Namespace) -> int:
    from kolony_tui.core.workspaces import create_workspace

    made = in_session(args, lambda session: create_workspace(session, args.slug, args.name))
    return done(args, f"workspace {args.slug} is there", workspace_id=made, slug=args.slug)


def _list_workspaces(args: argparse.Namespace) -> int:
    from kolony_tui.cli.printing import print_json, print_table

    async def work(session: PersonSession) -> PersonSession:
        return session

    session = in_session(args, work)
    if args.json:
        keys = ("workspace_id", "slug", "name", "role")
        print_json([
            {**{key: getattr(each, key) for key in keys}, "current": each == session.workspace}
            for each in session.me.workspaces
        ])  # fmt: skip
    else:
        print_table(
            ["SLUG", "NAME", "YOUR ROLE", ""],
            [
                (each.slug, each.name, each.role.value, "current" if each == session.workspace else "")
                for each in session.me.workspaces
            ],
        )
    return 0


def _use_workspace(args: argparse.Namespace) -> int:
    import asyncio

    from kolony_tui.cli.verbs import APPLICATION
    from kolony_tui.core.connection import find_destination, remember_workspace
    from kolony_tui.core.session import log_in

    destination = find_destination(choice(args))

    async def enter() -> None:
        session = await log_in(destination.target, APPLICATION, args.slug)
        await session.db.close()

    asyncio.run(enter())
    remember_workspace(destination, args.slug)
    return done(args, f"you work in {args.slug} now", slug=args.slug)


