"""Playbooks: the presets, the most used first, and what the one under the cursor says."""

from __future__ import annotations

from typing import Any

from textual.app import ComposeResult
from textual.containers import VerticalScroll
from textual.content import Content
from textual.widgets import Static

from kolony_tui.core import presets
from kolony_tui.models.presets import Preset
from kolony_tui.text import safe
from kolony_tui.ui.draw import Part, content, part
from kolony_tui.ui.live import LiveQuery
from kolony_tui.ui.screens.framed import FramedScreen
from kolony_tui.ui.screens.listing import list_title, recall, remember
from kolony_tui.ui.widgets.panel import Panel
from kolony_tui.ui.widgets.preset_list import PresetList
from kolony_tui.ui.widgets.rows import RowList

_SHOWN_TEXT = 20_000


class PlaybooksScreen(FramedScreen):
    """The presets that this person may use."""

    AUTO_FOCUS = "#presets"

    def __init__(self) -> None:
        super().__init__()
        self.presets = PresetList(self.kolony.drawing, id="presets")
        self.text = Static("", id="preset-text", markup=False)

    def body(self) -> ComposeResult:
        """The list, and below it what the preset under the cursor says."""
        yield Panel(self.presets, id="presets-panel")
        yield Panel(VerticalScroll(self.text, id="preset-scroll"), id="preset-panel")

    def crumbs(self) -> list[Part]:
        """Playbooks."""
        return [part("Playbooks")]

    def on_mount(self) -> None:
        """Takes up what was left."""
        super().on_mount()
        recall(self.presets, self.kolony.remembered.get("presets"))
        self.kolony.live.watch(self, LiveQuery("presets", _wants, presets.presets, self._show))
        self._draw()

    @property
    def has_content(self) -> bool:
        """Whether it shows what it is for."""
        return self.presets.known

    def memory(self) -> dict[str, Any]:
        """Filter and order."""
        return {"presets": remember(self.presets)}

    def workspace_changed(self) -> None:
        """Nothing of the other workspace stays."""
        self.presets.unmark()
        self.presets.show([])
        self._draw()

    def _show(self, found: list[Preset]) -> None:
        self.presets.show(found)
        self._draw()

    def _draw(self) -> None:
        panel = self.query_one("#presets-panel", Panel)
        panel.title.say(list_title("Presets", self.presets), [part(f"{self.presets.total}", "strong")])
        preset = self.presets.pointed
        below = self.query_one("#preset-panel", Panel)
        below.display = preset is not None
        if preset is None:
            return
        changed = f"version {preset.version}, {self.kolony.drawing().age(preset.changed_at)} ago"
        below.title.say([part(preset.name, "strong")], [part(f"{changed} by {preset.changed_by_login or '?'}", "dim")])
        lines = [content(*line) for line in preset_lines(preset)]
        self.text.update(Content("\n").join(lines))
        self.draw_hints()

    def on_row_list_opened(self, event: RowList.Opened) -> None:
        """Uses it."""
        event.stop()
        self.kolony.do("preset.use")

    def on_row_list_changed(self, event: RowList.Changed) -> None:
        """Filter or marks show in the title."""
        event.stop()
        self._draw()
        self.draw_hints()

    def on_row_list_pointed(self, event: RowList.Pointed) -> None:
        """The panel below follows."""
        event.stop()
        self._draw()


def preset_lines(preset: Preset) -> list[list[Part]]:
    """What a preset says, and what it asks for, as lines."""
    settled = [part(f"{preset.kind}, priority {preset.priority}", "dim")]
    if preset.target_words:
        settled += [part("  to ", "dim"), part(preset.target_words)]
    if preset.constraint_name is not None:
        settled += [part("  within ", "dim"), part(preset.constraint_name)]
    lines = [[part(preset.description)]] if preset.description else []
    lines += [settled]
    lines += [[part("  asks ", "dim"), part(each.written, "accent")] for each in preset.asks]
    lines.append([])
    for line in safe(preset.content, limit=_SHOWN_TEXT, newline="\n").lines:
        lines.append([(line, "plain")])
    return lines


def _wants(kind: str, identity: str) -> bool:
    return kind == "preset"
