"""`VersionsScreen`: everything that a preset ever said, what each version changed, and going back to one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar, cast

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical, VerticalScroll
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Static

from kolony_tui.core import presets
from kolony_tui.models.presets import Preset, PresetVersion
from kolony_tui.ui.draw import Tone, cell, content, part
from kolony_tui.ui.widgets.rows import Column, RowList

if TYPE_CHECKING:
    from kolony_tui.ui.app import KolonyApp

_LINES = 400


class VersionsScreen(ModalScreen[int | None]):
    """Answers with the version to go back to, or None."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q", "leave", "Close"),
        Binding("r", "restore", "Go back to this version"),
    ]
    AUTO_FOCUS = "#versions"

    def __init__(self, preset: Preset, versions: Sequence[PresetVersion], *, may_change: bool) -> None:
        super().__init__()
        self._preset, self._versions, self._may_change = preset, list(versions), may_change
        columns: list[Column[PresetVersion]] = [
            Column("version", "VER", 4, lambda each, _: cell(str(each.version), "accent"), right=True),
            Column("changed", "CHANGED", 9, lambda each, drawing: cell(f"{drawing.age(each.changed_at)} ago", "dim")),
            Column("by", "BY", 10, lambda each, _: cell(each.changed_by_login, "dim"), rank=1),
            Column("text", "TEXT", 16, lambda each, _: cell(each.content), flexible=True),
        ]
        self._rows: RowList[PresetVersion] = RowList(
            columns, lambda each: each.version, cast("KolonyApp", self.app).drawing, id="versions"
        )

    def compose(self) -> ComposeResult:
        """The versions, and below them what the one under the cursor changed."""
        with Vertical(id="box"):
            yield self._rows
            yield VerticalScroll(Static("", id="difference", markup=False), id="difference-scroll")
            how = "r goes back to this version  " if self._may_change else ""
            yield Static(content(part(f"{how}esc closes", "dim")))

    def on_mount(self) -> None:
        """Shows them."""
        box = self.query_one("#box", Vertical)
        box.border_title = content(part("Versions of "), part(self._preset.name, "strong", limit=100))
        self._rows.show(self._versions)
        self._draw()

    def on_row_list_pointed(self, event: RowList.Pointed) -> None:
        """The difference follows."""
        event.stop()
        self._draw()

    def _draw(self) -> None:
        chosen = self._rows.pointed
        if chosen is None:
            return
        before = next((each for each in self._versions if each.version == chosen.version - 1), None)
        if before is None:
            lines = [content(part(line)) for line in chosen.content.raw.splitlines()[:_LINES]]
        else:
            lines = [
                content(part(line, _tone(line), limit=2000)) for line in presets.difference(before, chosen)[:_LINES]
            ]
        self.query_one("#difference", Static).update(Content("\n").join(lines))

    def action_leave(self) -> None:
        """Nothing changes."""
        self.dismiss(None)

    def action_restore(self) -> None:
        """Goes back to the one under the cursor."""
        chosen = self._rows.pointed
        if chosen is not None and self._may_change and chosen.version != self._preset.version:
            self.dismiss(chosen.version)


def _tone(line: str) -> Tone:
    return "good" if line.startswith("+") else "bad" if line.startswith("-") else "plain"
