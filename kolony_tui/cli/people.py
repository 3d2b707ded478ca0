"""``kolony user``."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Awaitable, Callable

from kolony_tui.cli.listing import print_rows
from kolony_tui.cli.verbs import choice, done, group, in_session, tell, verb
from kolony_tui.models.errors import ExitCode, UsageError, WorkFailed
from kolony_tui.models.secret import Secret
from kolony_tui.models.states import Role

TYPE_CHECKING = False  # typing.TYPE_CHECKING without typing: these modules are to load fast
if TYPE_CHECKING:
    from typing import Any

    from kolony_tui.core.session import PersonSession

    Facts = dict[str, object]
    """What a step on a person answers, as JSON."""
    Step = Callable[[PersonSession, str], Awaitable[Facts]]

ROLES = [role.value for role in Role]


def register_user(verbs: Any) -> None:
    """Declares ``kolony user`` and its verbs."""
    users = group(verbs, "user", "people of a workspace")
    adding = verb(users, "add", _add, "make a login with a role; its password is printed this once")
    adding.add_argument("name", help="the login: a-z, 0-9 and _, beginning with a letter")
    adding.add_argument("--role", choices=ROLES, required=True)
    adding.add_argument("--display-name", default="", help="how the person is called")
    adding.add_argument(
        "--existing", action="store_true", help="let in a login that the server has already, also one removed before"
    )
    verb(users, "list", _list, "the members of the workspace")
    changing = verb(users, "role", _role, "give people another role in this workspace")
    changing.add_argument("name", nargs="+")
    changing.add_argument("role", choices=ROLES)
    for name, func, line in (
        ("disable", _disable, "take all rights from people and end their sessions"),
        ("enable", _enable, "give disabled people their rights back"),
        ("remove", _remove, "end people's membership; they come back by user add --existing only"),
        ("kick", _kick, "end people's sessions; they may log in again"),
    ):
        verb(users, name, func, line).add_argument("name", nargs="+")
    verb(users, "sessions", _sessions, "who is connected now, with what and from where")
    renewing = verb(users, "passwd", _passwd, "set a password: your own, or as an admin somebody else's")
    renewing.add_argument("name", nargs="?", help="whose; yours where left out")
    renewing.add_argument("--generate", action="store_true", help="make one and print it this once")


def _add(args: argparse.Namespace) -> int:
    from kolony_tui.cli.printing import print_json, print_line
    from kolony_tui.core import people

    role = Role(args.role)
    if args.existing:
        in_session(args, lambda session: people.admit_person(session, args.name, role, args.display_name))
        return done(args, f"{args.name} is {args.role} now, with the password of that login",
                    login=args.name, role=args.role)  # fmt: skip
    password = people.new_password()
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

    async def step(session: PersonSession, login: str) -> Facts:
        await set_role(session, login, Role(args.role))
        return {"role": args.role}

    return _for_each(args, step, lambda login, _: f"{login} is {args.role} now")


def _disable(args: argparse.Namespace) -> int:
    from kolony_tui.core.people import disable_person

    async def step(session: PersonSession, login: str) -> Facts:
        await disable_person(session, login)
        return {"disabled": True}

    return _for_each(args, step, lambda login, _: f"{login} is disabled")


def _enable(args: argparse.Namespace) -> int:
    from kolony_tui.core.people import enable_person

    async def step(session: PersonSession, login: str) -> Facts:
        await enable_person(session, login)
        return {"disabled": False}

    return _for_each(args, step, lambda login, _: f"{login} is enabled")


def _remove(args: argparse.Namespace) -> int:
    from kolony_tui.core.people import remove_person

    async def step(session: PersonSession, login: str) -> Facts:
        await remove_person(session, login)
        return {"removed": True}

    return _for_each(args, step, lambda login, _: f"{login} is no member any more")


def _kick(args: argparse.Namespace) -> int:
    from kolony_tui.core.people import force_out

    async def step(session: PersonSession, login: str) -> Facts:
        return {"ended": await force_out(session, login)}

    return _for_each(args, step, lambda login, facts: f"{login}: {facts['ended']} sessions ended")


def _for_each(args: argparse.Namespace, step: Step, words: Callable[[str, Facts], str]) -> int:
    """Takes a step with each person named; who is refused does not hold up the others.

    One name is answered with one object or its error, several with a list and exit code 4 where any was refused.
    """
    from kolony_tui.models.errors import Refused

    names: list[str] = list(dict.fromkeys(args.name))
    answers: list[Facts] = []

    async def work(session: PersonSession) -> None:
        for login in names:
            try:
                facts = await step(session, login)
            except Refused as error:
                if len(names) == 1:
                    raise
                tell(f"{login}: {error.line}")
                answers.append({"login": login, "error": error.line})
            else:
                answers.append({"login": login, **facts})
                if not args.json:
                    tell(words(login, facts))

    in_session(args, work)
    if args.json:
        from kolony_tui.cli.printing import print_json

        print_json(answers[0] if len(names) == 1 else answers)
    return ExitCode.REFUSED if any("error" in answer for answer in answers) else ExitCode.DONE


def _sessions(args: argparse.Namespace) -> int:
    if args.json:
        return print_rows(args, lambda reader: reader.rows("people/connected"))
    from kolony_tui.cli.printing import print_table
    from kolony_tui.core.people import connected_people

    found = in_session(args, connected_people)
    print_table(
        ["LOGIN", "PROGRAM SAYS", "FROM", "SINCE", "STATE", "IDLE"],
        [
            (each.login, each.application, each.client, each.since, each.state,
             None if each.idle_seconds is None else f"{each.idle_seconds}s")
            for each in found
        ],
    )  # fmt: skip
    return 0


def _passwd(args: argparse.Namespace) -> int:
    from kolony_tui.cli.printing import print_line
    from kolony_tui.core import people

    password = people.new_password() if args.generate else _asked_password()

    async def work(session: PersonSession) -> tuple[str, bool]:
        login: str = args.name or session.me.login
        await people.set_password(session, login, password)
        return login, login == session.me.login

    login, own = in_session(args, work)
    if own:
        _keep_new(args, password)
    shown = {"password": password.reveal()} if args.generate else {}
    if args.generate and not args.json:
        tell(f"the new password of {login}, shown this once:")
        print_line(password.reveal())
        return 0
    return done(args, f"{login} has a new password", login=login, **shown)


def _keep_new(args: argparse.Namespace, password: Secret) -> None:
    """Where one's old password was kept, the new one is from now on."""
    from kolony_tui.core.connection import find_destination, renew_password

    try:
        renew_password(find_destination(choice(args), for_person=False), password)
    except WorkFailed as error:
        tell(f"the new password is not kept: {error.line}")


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
