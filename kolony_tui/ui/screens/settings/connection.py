"""Settings > Connection: which server this is, what proves it, where the password came from."""

from __future__ import annotations

from typing import ClassVar

from kolony_tui import __version__
from kolony_tui.core.connection import ConnectionFacts, connection_facts
from kolony_tui.core.session import PersonSession
from kolony_tui.ui.draw import Part, cell, part
from kolony_tui.ui.screens.settings.section import Section
from kolony_tui.ui.widgets.setting_list import Setting, SettingList


class ConnectionSection(Section):
    """Connection."""

    slug: ClassVar[str] = "connection"

    def __init__(self) -> None:
        super().__init__(SettingList(self.kolony.drawing, id="connection"))

    def wants(self, kind: str, identity: str) -> bool:
        """No hint tells of it."""
        return False

    async def read(self, session: PersonSession) -> ConnectionFacts:
        """The facts."""
        assert self.kolony.destination is not None
        return await connection_facts(self.kolony.destination, session)

    def show(self, found: ConnectionFacts) -> None:
        """A row for each."""
        self.rows.show(self._settings(found))

    def _settings(self, facts: ConnectionFacts) -> list[Setting]:
        live = self.kolony.live
        latency = "?" if live.link.latency is None else f"{live.link.latency * 1000:.1f} ms"
        ahead = live.ahead.total_seconds()
        profile = f", profile {facts.profile}" if facts.profile else ""
        return [
            Setting("server", "Server", cell(facts.server), "where it is"),
            Setting("database", "Database", cell(facts.database)),
            Setting("login", "Login", cell(facts.login), ":login asks for its password again"),
            Setting("origin", "Chosen by", cell(f"{facts.origin}{profile}"), "the rule that named this server"),
            Setting(
                "tls", "Protected by", cell(facts.tls, "bad" if facts.insecure else "good"), "SCRAM-SHA-256 always"
            ),
            Setting("secret", "Password from", cell(facts.secret), ":password changes it"),
            Setting("latency", "Round trip", cell(latency), "measured every few seconds"),
            Setting("clock", "Clock", cell(f"{ahead:+.1f} s"), "the server's, ahead of this machine's"),
            Setting("version", "PostgreSQL", cell(facts.server_version)),
            Setting("schema", "Schema", cell(str(facts.schema_version)), f"Kolony {__version__}"),
            Setting("doctor", "Doctor", cell("enter examines all of it", "accent"), "", "connection.examine"),
        ]

    def on_the_right(self) -> list[Part]:
        """Whether it holds."""
        link = self.kolony.live.link
        return [part(link.state, "bad" if link.lost else "good")]
