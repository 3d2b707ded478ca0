"""Going places: screens, back, the ``:`` line, the palette, help, workspaces, quitting."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import TYPE_CHECKING
from uuid import UUID

from kolony_tui.models.errors import UsageError
from kolony_tui.models.records import Destination
from kolony_tui.ui.commands.fleet import agent_named, names_of_agents
from kolony_tui.ui.registry import SCREENS, Command, ScreenEntry
from kolony_tui.ui.subject import nearest

if TYPE_CHECKING:
    from kolony_tui.ui.app import KolonyApp


def _screen_command(entry: ScreenEntry) -> Command:
    return Command(
        id=f"go.{entry.name}",
        title=f"Go to {entry.title}",
        help=f"shows the screen {entry.title}, as it was left",
        handler=lambda app, part: app.go_to(entry.name, part),
        keys=(entry.key,) if entry.key else (),
        name=entry.name,
        arguments=lambda _: entry.parts(),
    )


def _back(app: KolonyApp, _: str) -> None:
    from kolony_tui.ui.widgets.output_panel import OutputPanel
    from kolony_tui.ui.widgets.rows import RowList

    rows = nearest(app, RowList)
    output = nearest(app, OutputPanel)
    if output is not None and output.leave_search():
        return
    if rows is not None and rows.filter:
        rows.narrow("")
    elif rows is not None and rows.marks:
        rows.unmark()
    elif len(app.screen_stack) > 1:
        app.pop_screen()
    elif app.ground is not None:
        app.ground.step_back()


def _line(app: KolonyApp, begun: str) -> None:
    from kolony_tui.ui.screens.line import GoLine

    app.push_screen(GoLine(begun))


def _palette(app: KolonyApp, _: str) -> None:
    from kolony_tui.ui.palette import Palette

    if not isinstance(app.screen, Palette):
        app.push_screen(Palette())


def _help(app: KolonyApp, _: str) -> None:
    from kolony_tui.ui.screens.help import HelpScreen

    app.push_screen(HelpScreen())


async def _workspace(app: KolonyApp, slug: str) -> None:
    from kolony_tui.ui.screens.people.workspaces import WorkspacesScreen

    if slug:
        await app.change_workspace(slug)
        return
    chosen = await app.push_screen_wait(WorkspacesScreen())
    if chosen is not None:
        await app.change_workspace(chosen)


def _no_workspaces(app: KolonyApp) -> str | None:
    return None if app.session is not None else "not logged in yet"


def _slugs(app: KolonyApp) -> Iterable[str]:
    return [] if app.session is None else [workspace.slug for workspace in app.session.me.workspaces]


def _login(app: KolonyApp, _: str) -> None:
    app.door.ask_again()


def _no_login(app: KolonyApp) -> str | None:
    return app.door.why_not_again


async def _agent(app: KolonyApp, name: str) -> None:
    app.open_agent((await agent_named(app, name)).agent_id)


async def _run(app: KolonyApp, reference: str) -> None:
    from kolony_tui.core import work

    if not re.match(r"#?\d|[0-9a-fA-F]{8}", reference) or app.session is None:
        raise UsageError("which run?", "for example :run 12")
    app.open_run(await work.find_run(app.session, reference))


def _jump(app: KolonyApp, begun: str) -> None:
    from kolony_tui.ui.screens.jump import JumpLine

    def go(chosen: Destination | None) -> None:
        if chosen is not None:
            open_subject(app, chosen.kind, chosen.id, chosen.label.raw)

    # At once: what one types after the key belongs to the line already.
    app.push_screen(JumpLine(begun), go)


def open_subject(app: KolonyApp, kind: str, identity: UUID, name: str = "") -> None:
    """Shows a run, command, agent or person (by the login ``name``) in full."""
    if kind == "run":
        app.open_run(identity)
    elif kind == "agent":
        app.open_agent(identity)
    elif kind == "command":
        from kolony_tui.ui.screens.work.command import CommandScreen

        app.push_screen(CommandScreen(identity))
    else:
        from kolony_tui.ui.screens.settings.person import PersonScreen

        app.push_screen(PersonScreen(name))


async def _quit(app: KolonyApp, _: str) -> None:
    await app.action_quit()


COMMANDS: tuple[Command, ...] = (
    *(_screen_command(entry) for entry in SCREENS),
    Command("go.back", "Go back", "clears the filter, then the marks, then leaves the screen", _back,
            keys=("escape", "backspace"), shown=False),
    Command("go.line", "Type a command", "goes to a screen or does a command by its name", _line, keys=("colon",),
            short="go to", shown=False),
    Command("go.palette", "Find anything", "finds screens, commands, agents and runs", _palette, keys=("ctrl+p",),
            short="find", shown=False),
    Command("go.help", "Keys of this place", "explains the keys that work where the focus is", _help,
            keys=("question_mark", "f1"), name="help", short="keys"),
    Command("go.jump", "Jump to anything", "goes to a run, command, agent or person by number, id or name", _jump,
            keys=("g", "ctrl+g"), name="jump", unavailable=_no_workspaces, short="jump"),
    Command("go.run", "Open a run", "opens a run by its number", _run, name="run", argument="NUMBER"),
    Command("go.agent", "Open an agent", "opens an agent by its name", _agent, name="open",
            argument="NAME", completes=names_of_agents),
    Command("go.workspace", "Change workspace", "works in another workspace", _workspace, keys=("ctrl+w",),
            name="workspace", unavailable=_no_workspaces, argument="", arguments=_slugs),
    Command("go.login", "Log in again", "asks for the password that the server takes now", _login, name="login",
            unavailable=_no_login),
    Command("go.quit", "Quit", "leaves Kolony", _quit, keys=("ctrl+q",), name="quit",
            everywhere=True),
)  # fmt: skip
