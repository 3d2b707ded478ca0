"""Settings > Me: how one is called, the password, and how the app looks on this machine."""

from __future__ import annotations

from typing import ClassVar

from kolony_tui.core.session import PersonSession
from kolony_tui.server.home import kolony_home
from kolony_tui.ui.draw import Part, cell, part
from kolony_tui.ui.registry import commands
from kolony_tui.ui.screens.settings.section import Section
from kolony_tui.ui.widgets.setting_list import Setting, SettingList


class MeSection(Section):
    """Me."""

    slug: ClassVar[str] = "me"

    def __init__(self) -> None:
        super().__init__(SettingList(self.kolony.drawing, id="me"))

    async def read(self, session: PersonSession) -> PersonSession:
        """The app reads it already."""
        return session

    def show(self, found: PersonSession) -> None:
        """A row for each."""
        self.rows.show(self._settings(found))

    def _settings(self, session: PersonSession) -> list[Setting]:
        app, me = self.kolony, session.me
        own = len(app.opening.keymap)
        keys = sum(1 for command in commands().values() if app.keys[command.id])
        homes = ", ".join(f"{each.slug} ({each.role})" for each in me.workspaces)
        return [
            Setting(
                "name",
                "Name",
                cell(me.display_name or "none yet", "plain" if me.display_name else "dim"),
                "enter changes it",
                "me.profile",
            ),
            Setting(
                "avatar",
                "Initials",
                cell(me.avatar or "none yet", "plain" if me.avatar else "dim"),
                "enter changes them",
                "me.profile",
            ),
            Setting("login", "Login", cell(me.login), "the server knows you by it"),
            Setting("password", "Password", cell("***", "dim"), "enter changes it", "me.password"),
            Setting("homes", "Workspaces", cell(homes), "enter goes to another", "go.workspace"),
            Setting("theme", "Theme", cell(app.theme), "enter chooses another", "view.theme"),
            Setting(
                "glyphs",
                "Glyphs",
                cell("ascii" if app.opening.ascii_only else "unicode"),
                'glyphs = "ascii" or "unicode" below [ui] in config.toml',
            ),
            Setting(
                "keys",
                "Keys",
                cell(f"{keys} commands, {own} with a key of your own"),
                "enter shows them",
                "settings.keys",
            ),
            Setting("config", "config.toml", cell(str(kolony_home().config)), "read when the app starts"),
        ]

    def on_the_right(self) -> list[Part]:
        """Who."""
        session = self.kolony.session
        return [part(session.me.login, "strong")] if session is not None else []
