"""One registry of commands; keys, palette, ``:`` line, hints and help are all made from it. And the list of screens."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from functools import cache
from typing import TYPE_CHECKING, Literal

from textual.binding import Binding

from kolony_tui.models.errors import UsageError
from kolony_tui.models.people import Role

if TYPE_CHECKING:
    from textual.screen import Screen

    from kolony_tui.ui.app import KolonyApp

Place = Literal[
    "app", "list", "runs", "drafts", "agents", "output", "run", "agent", "composer",
    "usage", "budgets", "prices",
    "settings", "people", "sessions", "workspaces", "tokens", "audit", "notes", "notify", "presets", "constraints",
    "timeline",
    "approval_rules", "variables", "memory",
    "inbox", "stopped", "plan", "artifacts", "artifact", "reports", "report", "conversations", "thread",
    "merged",
]  # fmt: skip
"""Where a command's keys work: everywhere, in any list, in lists of runs, drafts or agents, on what a run prints, on
the screen of a run or an agent, in the composer; on the screen of usage, in lists of budgets and of prices; in the
settings, and there in the lists of people, of a person's sessions, of workspaces, of tokens, of constraint profiles, of
rules that answer agents; in the lists of an agent's variables and notes; in the audit log, in the list of one's
notifications, and in that of how one is told; in the list of presets; in the inbox, in the list of what is stopped, and
in that of a plan's items; in the list of conversations, and in the line in which one says something in one; in the list
of what a run left, in that of reports, and on the page of one."""

INSIDE: dict[Place, tuple[Place, ...]] = {
    "app": (),
    "list": ("app",),
    "runs": ("list", "app"),
    "drafts": ("list", "app"),
    "plan": ("list", "app"),
    "agents": ("list", "app"),
    "output": ("app",),
    "merged": ("app",),
    "run": ("output", "app"),
    "agent": ("runs", "list", "app"),
    "composer": (),
    "settings": ("app",),
    "people": ("list", "settings", "app"),
    "sessions": ("people", "list", "app"),
    "workspaces": ("list", "settings", "app"),
    "tokens": ("list", "settings", "app"),
    "timeline": ("list", "app"),
    "audit": ("list", "app"),
    "notes": ("list", "app"),
    "notify": ("list", "settings", "app"),
    "presets": ("list", "app"),
    "constraints": ("list", "settings", "app"),
    "approval_rules": ("list", "settings", "app"),
    "variables": ("list", "app"),
    "memory": ("list", "app"),
    "inbox": ("list", "app"),
    "stopped": ("list", "app"),
    "usage": ("list", "app"),
    "budgets": ("list", "settings", "app"),
    "prices": ("list", "settings", "app"),
    "artifacts": ("app",),
    "artifact": ("app",),
    "reports": ("list", "app"),
    "report": ("app",),
    "conversations": ("list", "app"),
    "thread": ("app",),
}
"""The places whose keys work too while one is in a place."""

Handler = Callable[["KolonyApp", str], Awaitable[None] | None]
Reason = Callable[["KolonyApp"], str | None]


def _always(app: KolonyApp) -> str | None:
    return None


def _nothing(app: KolonyApp) -> Iterable[str]:
    return ()


@dataclass(frozen=True, slots=True)
class Command:
    """Something that a person can ask for.

    ``role`` is the least role that may (None: it changes nothing). ``unavailable`` answers why it cannot be done
    now, or None. ``argument`` names what may follow on the ``:`` line, ``arguments`` the choices for it, and
    ``completes`` those that go on from what is typed, where there are too many to know. ``short`` is its word among
    the hints (empty: it is not one of them), ``shown`` whether palette and ``:`` line have it; ``everywhere``: its keys
    work in dialogs too.
    """

    id: str
    title: str
    help: str
    handler: Handler
    places: tuple[Place, ...] = ("app",)
    keys: tuple[str, ...] = ()
    name: str = ""
    role: Role | None = None
    destructive: bool = False
    unavailable: Reason = _always
    argument: str = ""
    arguments: Callable[[KolonyApp], Iterable[str]] = _nothing
    completes: Callable[[KolonyApp, str], Awaitable[Sequence[str]]] | None = None
    short: str = ""
    everywhere: bool = False
    shown: bool = True

    def why_disabled(self, app: KolonyApp) -> str | None:
        """Why it cannot be done now, in words for a person; None when it can."""
        if self.role is not None:
            if app.replay.why_not is not None:
                return app.replay.why_not
            if app.session is None or app.live.link.lost:
                return "there is no connection to the server"
            if not app.session.role.includes(self.role):
                article = "an" if app.session.role != Role.VIEWER else "a"
                return f"you are {article} {app.session.role} here; this takes {AN[self.role]}"
        return self.unavailable(app)


AN = {Role.VIEWER: "a viewer", Role.OPERATOR: "an operator", Role.ADMIN: "an admin"}


@dataclass(frozen=True, slots=True)
class ScreenEntry:
    """A screen that a number opens (the audit log: none): its ``key``, ``name`` (of its mode, and on the ``:`` line),
    and what makes it.

    ``parts`` names what of it can follow on the ``:`` line.
    """

    key: str
    name: str
    title: str
    make: Callable[[], Screen[None]]
    parts: Callable[[], Iterable[str]] = tuple


def _dashboard() -> Screen[None]:
    from kolony_tui.ui.screens.dashboard import DashboardScreen

    return DashboardScreen()


def _agents() -> Screen[None]:
    from kolony_tui.ui.screens.fleet.agents import AgentsScreen

    return AgentsScreen()


def _runs() -> Screen[None]:
    from kolony_tui.ui.screens.work.runs import RunsScreen

    return RunsScreen()


def _conversations() -> Screen[None]:
    from kolony_tui.ui.screens.conversations.screen import ConversationsScreen

    return ConversationsScreen()


def _playbooks() -> Screen[None]:
    from kolony_tui.ui.screens.playbooks.screen import PlaybooksScreen

    return PlaybooksScreen()


def _reports() -> Screen[None]:
    from kolony_tui.ui.screens.reports.screen import ReportsScreen

    return ReportsScreen()


def _timeline() -> Screen[None]:
    from kolony_tui.ui.screens.timeline.screen import TimelineScreen

    return TimelineScreen()


def _audit() -> Screen[None]:
    from kolony_tui.ui.screens.audit.log import AuditScreen

    return AuditScreen()


def _usage() -> Screen[None]:
    from kolony_tui.ui.screens.usage.screen import UsageScreen

    return UsageScreen()


def _inbox() -> Screen[None]:
    from kolony_tui.ui.screens.inbox.screen import InboxScreen

    return InboxScreen()


def _settings() -> Screen[None]:
    from kolony_tui.ui.screens.settings.screen import SettingsScreen

    return SettingsScreen()


def _sections() -> Iterable[str]:
    from kolony_tui.ui.screens.settings.sections import SLUGS

    return SLUGS


SCREENS: tuple[ScreenEntry, ...] = (
    ScreenEntry("1", "dashboard", "Dashboard", _dashboard),
    ScreenEntry("2", "inbox", "Inbox", _inbox),
    ScreenEntry("3", "fleet", "Fleet", _agents),
    ScreenEntry("4", "queue", "Queue", _runs),
    ScreenEntry("5", "conversations", "Conversations", _conversations),
    ScreenEntry("6", "playbooks", "Playbooks", _playbooks),
    ScreenEntry("7", "reports", "Reports", _reports),
    ScreenEntry("8", "timeline", "Timeline", _timeline),
    ScreenEntry("9", "usage", "Usage", _usage),
    ScreenEntry("0", "settings", "Settings", _settings, _sections),
    ScreenEntry("", "audit", "Audit", _audit),
)


@cache
def commands() -> Mapping[str, Command]:
    """Every command by its id, in the order in which help shows them."""
    from kolony_tui.ui.commands import (
        approval_rules,
        artifacts,
        audit,
        broadcast,
        constraints,
        conversations,
        drafts,
        fleet,
        going,
        inbox,
        keeping,
        lists,
        notifications,
        people,
        plan,
        presets,
        queue,
        replay,
        reports,
        retention,
        settings,
        stop,
        timeline,
        tokens,
        usage,
        view,
        work,
        workspaces,
    )

    every: tuple[Command, ...] = (
        *going.COMMANDS, *stop.COMMANDS, *inbox.COMMANDS, *queue.COMMANDS, *work.COMMANDS, *broadcast.COMMANDS,
        *usage.COMMANDS,
        *plan.COMMANDS, *drafts.COMMANDS, *fleet.COMMANDS, *people.COMMANDS, *tokens.COMMANDS, *workspaces.COMMANDS,
        *constraints.COMMANDS, *approval_rules.COMMANDS, *keeping.COMMANDS, *audit.COMMANDS, *settings.COMMANDS,
        *timeline.COMMANDS,
        *retention.COMMANDS,
        *notifications.COMMANDS, *presets.COMMANDS,
        *conversations.COMMANDS, *artifacts.COMMANDS, *reports.COMMANDS, *lists.COMMANDS, *view.COMMANDS,
        *replay.COMMANDS,
    )  # fmt: skip
    by_id = {command.id: command for command in every}
    assert len(by_id) == len(every), "two commands share an id"
    return by_id


def commands_of(place: Place) -> list[Command]:
    """The commands whose keys belong to a place itself."""
    return [command for command in commands().values() if place in command.places]


def bindings(place: Place) -> list[Binding]:
    """What a widget or screen that is this place has as ``BINDINGS``."""
    return [
        Binding(
            ",".join(command.keys),
            f"app.command('{command.id}')",
            command.title,
            id=command.id,
            show=False,
            priority=command.everywhere,
        )
        for command in commands_of(place)
        if command.keys
    ]


def named(word: str) -> Command:
    """The command that a person means on the ``:`` line. Raises UsageError with the nearest name."""
    known = {command.name: command for command in commands().values() if command.name}
    if word in known:
        return known[word]
    begun = sorted(name for name in known if name.startswith(word))
    if len(begun) == 1:
        return known[begun[0]]
    near = begun or get_close_matches(word, known, n=1)
    raise UsageError(f"there is no command {word!r}", f"did you mean {near[0]}?" if near else "ctrl+p shows them all")


def keys_after(keymap: Mapping[str, str]) -> dict[str, tuple[str, ...]]:
    """The keys of every command, those of ``keymap`` (command id = keys with commas between) replaced.

    Raises UsageError for an unknown id, and for a key that would belong to two commands at once, naming both.
    """
    known = commands()
    for name in keymap:
        if name not in known:
            near = get_close_matches(name, known, n=1)
            raise UsageError(f"[keys]: there is no command {name!r}", f"did you mean {near[0]}?" if near else "see ?")
    keys = {
        command.id: tuple(key.strip() for key in keymap[command.id].split(","))
        if command.id in keymap
        else command.keys
        for command in known.values()
    }
    _check_clashes(keys)
    return keys


def _check_clashes(keys: Mapping[str, Sequence[str]]) -> None:
    for place, outer in INSIDE.items():
        owner: dict[str, Command] = {}
        for command in commands().values():
            if place not in command.places and not set(command.places) & set(outer):
                continue
            for key in keys[command.id]:
                other = owner.setdefault(key, command)
                if other is not command:
                    raise UsageError(
                        f"[keys]: {key!r} is the key of both {other.id} and {command.id}", "give one another key"
                    )


_KEY_WORDS = {
    "question_mark": "?", "colon": ":", "slash": "/", "plus": "+", "minus": "-", "escape": "esc", "space": "space",
    "exclamation_mark": "!", "equals_sign": "=", "less_than_sign": "<", "greater_than_sign": ">", "underscore": "_",
    "left_square_bracket": "[", "right_square_bracket": "]", "comma": ",",
    "left_curly_bracket": "{", "right_curly_bracket": "}",
}  # fmt: skip


def key_words(key: str) -> str:
    """A key as people write it.

    >>> key_words("question_mark"), key_words("ctrl+p"), key_words("R")
    ('?', 'ctrl+p', 'R')
    """
    return _KEY_WORDS.get(key, key)
