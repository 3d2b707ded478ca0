"""What an agent has from one run to the next: setting and taking away variables, editing and deleting notes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING
from uuid import UUID

from kolony_tui.core import memory, variables
from kolony_tui.models.errors import UsageError
from kolony_tui.models.people import Role
from kolony_tui.models.secret import Secret
from kolony_tui.models.variables import Note, Variable
from kolony_tui.text import safe
from kolony_tui.ui.commands.each import for_each
from kolony_tui.ui.commands.work import session_of
from kolony_tui.ui.registry import Command
from kolony_tui.ui.subject import chosen_agents, nearest

if TYPE_CHECKING:
    from kolony_tui.ui.app import KolonyApp

_KINDS = ("plain", "secret")


def _one_agent(app: KolonyApp) -> str | None:
    return None if chosen_agents(app) else "no agent is chosen here"


def _show(app: KolonyApp, _: str) -> None:
    from kolony_tui.ui.screens.fleet.kept import KeptScreen

    app.push_screen(KeptScreen(chosen_agents(app)[0]))


def _agent(app: KolonyApp) -> UUID:
    return chosen_agents(app)[0].agent_id


def _variables(app: KolonyApp) -> list[Variable]:
    from kolony_tui.ui.widgets.kept_lists import VariableList

    rows = nearest(app, VariableList)
    return rows.chosen if rows is not None else []


def _notes(app: KolonyApp) -> list[Note]:
    from kolony_tui.ui.widgets.kept_lists import NoteList

    rows = nearest(app, NoteList)
    return rows.chosen if rows is not None else []


def _no_variable(app: KolonyApp) -> str | None:
    return None if _variables(app) else "no variable is chosen here"


def _no_note(app: KolonyApp) -> str | None:
    return None if _notes(app) else "no note is chosen here"


async def _set_variable(app: KolonyApp, name: str, known: Variable | None) -> None:
    from kolony_tui.ui.screens.form import Field, Form

    agent = _agent(app)
    given = known.value.raw if known is not None and known.value is not None else ""
    shown = safe(given, limit=500).plain
    lost = given != shown
    about = safe(known.description, limit=500).plain if known is not None else ""

    async def deliver(values: Mapping[str, str]) -> None:
        secret = values["kind"] == _KINDS[1]
        if values["value"] and values["secret"]:
            raise UsageError("there are two values", "a secret has its own field; empty the other one")
        if secret and values["value"]:
            raise UsageError("what is typed in the open is no secret any more", "type it into the field below")
        value = values["secret"] if secret else values["value"]
        if secret and not value:
            raise UsageError("a secret needs its value", "it cannot be read, only set anew")
        if lost and not secret and value == shown:
            raise UsageError("the value cannot be shown as it is", "type the whole of it")
        await variables.set_variable(
            session_of(app), agent, values["name"], Secret(value), secret=secret, description=values["about"]
        )
        app.say(f"{values['name']} is set; runs that begin from now on have it")

    fields = [
        Field("name", "Name", name, hint="API_URL"),
        Field("kind", "Kind", _KINDS[int(known is not None and known.secret)], "choice", _KINDS),
        Field("value", "Value", shown, hint="of a plain one"),
        Field("secret", "Secret value", kind="secret", hint="of a secret; nobody can read it again"),
        Field("about", "About", about, hint="what it is for (optional)"),
    ]
    said = "Programs of the agent find it in their environment. A secret is masked in what its runs store."
    await app.push_screen_wait(Form("Set a variable", fields, deliver, said=said, yes="Set it"))


async def _add(app: KolonyApp, name: str) -> None:
    await _set_variable(app, name, None)


async def _change(app: KolonyApp, _: str) -> None:
    known = _variables(app)[0]
    await _set_variable(app, known.name, known)


async def _unset(app: KolonyApp, _: str) -> None:
    from kolony_tui.ui.screens.asking import Question

    session, agent, chosen = session_of(app), _agent(app), _variables(app)
    names = [each.name for each in chosen]
    what = names[0] if len(names) == 1 else f"{len(names)} variables"
    said = "A secret value is gone for good. Runs that have begun keep what they have."
    if await app.push_screen_wait(Question(f"Take away {what}?", said, names, yes="Take away")) is None:
        return

    async def unset(variable: Variable) -> None:
        await variables.unset_variable(session, agent, variable.name)

    await for_each(app, chosen, lambda each: each.name, unset, "gone")


async def _new_note(app: KolonyApp, name: str) -> None:
    from kolony_tui.ui.screens.fleet.note_editor import NoteEditor

    await app.push_screen_wait(NoteEditor(_agent(app), None, name))


async def _edit(app: KolonyApp, _: str) -> None:
    from kolony_tui.ui.screens.fleet.note_editor import NoteEditor

    agent = _agent(app)
    await app.push_screen_wait(NoteEditor(agent, await memory.note(session_of(app), agent, _notes(app)[0].name)))


async def _delete(app: KolonyApp, _: str) -> None:
    from kolony_tui.ui.screens.asking import Question

    session, agent, chosen = session_of(app), _agent(app), _notes(app)
    names = [each.name for each in chosen]
    what = f"the note {names[0]}" if len(names) == 1 else f"{len(names)} notes"
    if await app.push_screen_wait(Question(f"Delete {what}?", "It is gone for good.", names, yes="Delete")) is None:
        return

    async def delete(note: Note) -> None:
        await memory.delete_note(session, agent, note.name)

    await for_each(app, chosen, lambda each: each.name, delete, "deleted")


COMMANDS: tuple[Command, ...] = (
    Command("agent.keeps", "Variables and memory", "shows an agent's variables and the notes that it keeps", _show,
            ("agents", "agent"), ("v",), "keeps", unavailable=_one_agent, short="variables"),
    Command("variables.add", "Set a variable", "gives an agent a variable, which may be secret", _add,
            ("variables",), ("a",), "variable", Role.OPERATOR, unavailable=_one_agent, argument="NAME", short="add"),
    Command("variables.set", "Change a variable", "sets a variable anew; enter does the same", _change,
            ("variables",), ("e",), role=Role.OPERATOR, unavailable=_no_variable, short="change"),
    Command("variables.unset", "Take variables away", "takes variables away; for all that are marked", _unset,
            ("variables",), ("x",), role=Role.OPERATOR, destructive=True, unavailable=_no_variable, short="take away"),
    Command("memory.add", "Write a note", "writes a note into an agent's memory", _new_note,
            ("memory",), ("a",), "note", Role.OPERATOR, unavailable=_one_agent, argument="NAME", short="add"),
    Command("memory.edit", "Show or change a note", "shows a note in full; an operator can change it", _edit,
            ("memory",), ("e",), unavailable=_no_note, short="show"),
    Command("memory.delete", "Delete notes", "deletes notes; for all that are marked", _delete,
            ("memory",), ("x",), role=Role.OPERATOR, destructive=True, unavailable=_no_note, short="delete"),
)  # fmt: skip
