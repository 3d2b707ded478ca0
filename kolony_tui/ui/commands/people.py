"""People: adding them, their roles, letting them in and keeping them out."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import TYPE_CHECKING

from kolony_tui.core import people
from kolony_tui.models.errors import UsageError
from kolony_tui.models.people import Person, Role
from kolony_tui.models.secret import Secret
from kolony_tui.text import safe
from kolony_tui.ui.commands.each import for_each
from kolony_tui.ui.commands.work import session_of
from kolony_tui.ui.draw import part
from kolony_tui.ui.registry import Command, Reason
from kolony_tui.ui.subject import chosen_people

if TYPE_CHECKING:
    from kolony_tui.ui.app import KolonyApp

ROLES = [role.value for role in Role]
_NEW, _EXISTING = "new", "existing"


def _needs_person(fits: Callable[[Person], bool], otherwise: str) -> Reason:
    def reason(app: KolonyApp) -> str | None:
        chosen = chosen_people(app)
        if not chosen:
            return "no person is chosen here (0, then People)"
        return None if any(fits(person) for person in chosen) else otherwise

    return reason


def _called(person: Person) -> str:
    return safe(person.login).plain


def _preview(chosen: Sequence[Person]) -> list[str]:
    return [f"{_called(each)}  {each.role}  {safe(each.display_name, limit=40).plain}" for each in chosen]


def _who(chosen: Sequence[Person]) -> str:
    return _called(chosen[0]) if len(chosen) == 1 else f"{len(chosen)} people"


async def _show_passwords(app: KolonyApp, what: str, made: Sequence[tuple[str, Secret]]) -> None:
    from kolony_tui.ui.screens.shown_once import ShownOnce

    named = part(made[0][0], "accent") if len(made) == 1 else part(f"{len(made)} people", "accent")
    said = [(part("kolony login asks for it, and keeps it in the keyring.", "dim"),)]
    await app.push_screen_wait(
        ShownOnce((part(what), named, part(".")), [(safe(login), secret) for login, secret in made], said)
    )


async def _add(app: KolonyApp, login: str) -> None:
    from kolony_tui.ui.screens.form import Field, Form

    password = people.new_password()
    made: list[str] = []

    async def deliver(values: Mapping[str, str]) -> None:
        login, role = values["login"], Role(values["role"])
        if not login:
            raise UsageError("the person needs a login", "a-z, 0-9 and _, beginning with a letter")
        if values["kind"] == _EXISTING:
            await people.admit_person(session_of(app), login, role, values["name"])
            app.say(f"{login} is {role} now")
            return
        await people.add_person(session_of(app), login, role, password, values["name"])
        made.append(login)

    fields = [
        Field("login", "Login", login, hint="a-z, 0-9 and _, beginning with a letter"),
        Field("name", "Name", hint="how others see them (optional)"),
        Field("kind", "The login is", _NEW, "choice", (_NEW, _EXISTING)),
        Field("role", "Role", Role.VIEWER.value, "choice", ROLES),
    ]
    slug = session_of(app).workspace.slug
    said = (
        "A new login gets a password that is shown once. An existing one (removed before, or made by whoever runs"
        " the server) keeps its own."
    )
    if await app.push_screen_wait(Form(f"Add a person to {slug}", fields, deliver, said=said, yes="Add")) and made:
        app.live.look_again()
        await _show_passwords(app, "The password of ", [(made[0], password)])


async def _role(app: KolonyApp, _: str) -> None:
    from kolony_tui.ui.screens.form import Field, Form

    chosen = chosen_people(app)
    wanted: list[Role] = []

    async def deliver(values: Mapping[str, str]) -> None:
        wanted.append(Role(values["role"]))
        if len(chosen) == 1:
            await people.set_role(session_of(app), chosen[0].login, wanted[-1])

    field = Field("role", "Role", chosen[0].role.value, "choice", ROLES)
    said = "Who may less than before is logged out."
    form = Form(f"Role of {_who(chosen)}", [field], deliver, said=said, about=_preview(chosen), yes="Give it")
    if not await app.push_screen_wait(form):
        return
    role = wanted[-1]
    if len(chosen) == 1:
        app.say(f"{_called(chosen[0])} is {role} now")
        return
    session = session_of(app)
    await for_each(app, chosen, _called, lambda each: people.set_role(session, each.login, role), str(role))


def _asked(
    verb: str,
    said: str,
    done: str,
    fits: Callable[[Person], bool],
    step: Callable[[KolonyApp, Person], Awaitable[None]],
) -> Callable[[KolonyApp, str], Awaitable[None]]:
    """A step on people that asks once."""

    async def handler(app: KolonyApp, _: str) -> None:
        from kolony_tui.ui.screens.asking import Question

        chosen = [person for person in chosen_people(app) if fits(person)]
        asked = Question(f"{verb} {_who(chosen)}?", said, _preview(chosen), yes=verb)
        if await app.push_screen_wait(asked) is not None:
            await for_each(app, chosen, _called, lambda each: step(app, each), done)

    return handler


async def _disable(app: KolonyApp, person: Person) -> None:
    await people.disable_person(session_of(app), person.login)


async def _remove(app: KolonyApp, person: Person) -> None:
    await people.remove_person(session_of(app), person.login)


async def _force_out(app: KolonyApp, person: Person) -> None:
    await people.force_out(session_of(app), person.login)


async def _enable(app: KolonyApp, _: str) -> None:
    session, chosen = session_of(app), [person for person in chosen_people(app) if person.disabled]
    await for_each(app, chosen, _called, lambda each: people.enable_person(session, each.login), "active again")


async def _reset(app: KolonyApp, _: str) -> None:
    from kolony_tui.ui.screens.asking import Question

    session, chosen = session_of(app), chosen_people(app)
    made: dict[str, Secret] = {}

    async def reset(person: Person) -> None:
        if person.login == session.me.login:
            raise UsageError("that is you", "Settings, Me changes your own password")
        password = people.new_password()
        await people.set_password(session, person.login, password)
        made[person.login] = password

    said = (
        "They are logged out, and the new password is shown once."
        if len(chosen) == 1
        else ("They are logged out, and the new passwords are shown once.")
    )
    asked = Question(f"Reset the password of {_who(chosen)}?", said, _preview(chosen), yes="Reset")
    if await app.push_screen_wait(asked) is None:
        return
    await for_each(app, chosen, _called, reset, "given a new password")
    if made:
        await _show_passwords(app, "The new password of ", list(made.items()))


_ANY = _needs_person(lambda person: True, "")
_ACTIVE = _needs_person(lambda person: not person.disabled, "that person is disabled already")
_DISABLED = _needs_person(lambda person: person.disabled, "that person is not disabled")

COMMANDS: tuple[Command, ...] = (
    Command("people.add", "Add a person", "makes a login with a role here; its password is shown once", _add,
            ("people",), ("a",), "user", Role.ADMIN, argument="LOGIN", short="add"),
    Command("people.role", "Give a role", "makes people viewer, operator or admin; for all who are marked", _role,
            ("people",), ("r",), "role", Role.ADMIN, unavailable=_ANY, short="role"),
    Command("people.disable", "Disable people", "takes all their rights here and logs them out; for all who are marked",
            _asked("Disable", "They lose all rights here at once, and are logged out.", "disabled",
                   lambda person: not person.disabled, _disable),
            ("people",), ("d",), "disable", Role.ADMIN, destructive=True, unavailable=_ACTIVE, short="disable"),
    Command("people.enable", "Enable people", "gives disabled people their rights back; for all who are marked",
            _enable, ("people",), ("e",), "enable", Role.ADMIN, unavailable=_DISABLED, short="enable"),
    Command("people.reset", "Reset a password", "makes a new password, shown once; for all who are marked", _reset,
            ("people",), ("p",), "reset", Role.ADMIN, destructive=True, unavailable=_ANY, short="password"),
    Command("people.force_out", "Force people out", "ends all their sessions; they may log in again", _asked(
                "Force out", "Their sessions end at once, and what was not sent is lost. They may log in again.",
                "forced out", lambda person: True, _force_out),
            ("people",), ("f",), "kick", Role.ADMIN, destructive=True, unavailable=_ANY, short="force out"),
    Command("people.remove", "Remove people", "takes people out of the workspace; for all who are marked", _asked(
                "Remove", "They are no members any more; who has no other workspace cannot log in. What they did stays."
                " Only an admin lets them in again (a, existing login).", "removed", lambda person: True, _remove),
            ("people",), ("x",), "remove", Role.ADMIN, destructive=True, unavailable=_ANY, short="remove"),
)  # fmt: skip
