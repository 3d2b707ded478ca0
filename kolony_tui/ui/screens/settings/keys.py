"""Settings > Keys: every command with its keys, where they work, and how to give it others."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

from textual.binding import BindingType

from kolony_tui.core.session import PersonSession
from kolony_tui.ui.draw import Part, cell, part
from kolony_tui.ui.looks import Drawing
from kolony_tui.ui.registry import Command, Place, bindings, commands, key_words
from kolony_tui.ui.screens.settings.section import Section
from kolony_tui.ui.widgets.rows import Column, RowList


class KeyList(RowList[Command]):
    """Commands, by id."""

    place: ClassVar[Place] = "list"
    BINDINGS: ClassVar[list[BindingType]] = [*bindings("list")]

    def __init__(self, drawing: Callable[[], Drawing], keys: Callable[[Command], str]) -> None:
        columns: list[Column[Command]] = [
            Column("keys", "KEYS", 10, lambda each, _: cell(keys(each), "accent"), keys),
            Column("title", "WHAT", 22, lambda each, _: cell(each.title), lambda each: each.title, flexible=True),
            Column(
                "where",
                "WHERE",
                14,
                lambda each, _: cell(_where(each), "dim"),
                _where,
                rank=2,
            ),
            Column("line", "LINE", 12, lambda each, _: cell(_line(each), "dim"), _line, rank=3),
            Column("id", "ID", 18, lambda each, _: cell(each.id, "dim"), lambda each: each.id, rank=1),
        ]
        super().__init__(columns, lambda each: each.id, drawing, id="keys")


class KeysSection(Section):
    """Keys."""

    slug: ClassVar[str] = "keys"

    def __init__(self) -> None:
        super().__init__(KeyList(self.kolony.drawing, self._keys))

    def wants(self, kind: str, identity: str) -> bool:
        """They stay as they are until the next start."""
        return False

    async def read(self, session: PersonSession) -> list[Command]:
        """From the registry."""
        return list(commands().values())

    def show(self, found: list[Command]) -> None:
        """Shows them."""
        self.rows.show(found)

    def explanation(self) -> list[list[Part]]:
        """How the command under the cursor gets another key."""
        pointed = self.rows.pointed
        if pointed is None:
            return []
        own = pointed.id in self.kolony.opening.keymap
        return [
            [part(pointed.help, "dim")],
            [
                part("your own: " if own else "another key: ", "dim"),
                part(f'"{pointed.id}" = "{", ".join(self.kolony.keys[pointed.id]) if own else "KEY"}"', "accent"),
                part(" below [keys] in config.toml", "dim"),
            ],
        ]

    def _keys(self, command: Command) -> str:
        return " ".join(key_words(key) for key in self.kolony.keys[command.id])


def _where(command: Command) -> str:
    return "everywhere" if "app" in command.places else ", ".join(command.places)


def _line(command: Command) -> str:
    return f":{command.name}" if command.name else ""
