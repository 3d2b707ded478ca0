"""`PresetList`: presets as rows."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import ClassVar

from textual.binding import BindingType

from kolony_tui.models.presets import Preset
from kolony_tui.ui.draw import Cell, cell, part
from kolony_tui.ui.looks import Drawing
from kolony_tui.ui.registry import Place, bindings
from kolony_tui.ui.widgets.rows import Column, RowList

_LONG_AGO = datetime.min.replace(tzinfo=UTC)


def _whose(preset: Preset, _: Drawing) -> Cell:
    owner = part("mine" if preset.mine else preset.owner_login or "?", "plain" if preset.mine else "dim")
    return (owner, part(", shared", "busy")) if preset.shared else (owner, part(", private", "dim"))


def _last(preset: Preset, drawing: Drawing) -> Cell:
    return cell(f"{drawing.age(preset.last_used_at)} ago" if preset.last_used_at else "never", "dim")


def _variables(preset: Preset, _: Drawing) -> Cell:
    return cell(", ".join(str(each.get("name", "")) for each in preset.variables), "accent")


class PresetList(RowList[Preset]):
    """Presets, by id; without sorting the most used come first."""

    place: ClassVar[Place] = "presets"
    BINDINGS: ClassVar[list[BindingType]] = [*bindings("list"), *bindings("presets")]

    def __init__(self, drawing: Callable[[], Drawing], *, id: str | None = None) -> None:
        columns: list[Column[Preset]] = [
            Column("preset", "PRESET", 18, lambda each, _: cell(each.name, "strong"), lambda each: each.name.raw),
            Column("variables", "VARIABLES", 16, _variables, rank=2),
            Column("used", "USED", 5, lambda each, _: cell(str(each.used_count)), lambda each: -each.used_count,
                   right=True, rank=1),
            Column("last", "LAST", 9, _last, lambda each: each.last_used_at or _LONG_AGO, rank=4),
            Column("whose", "WHOSE", 14, _whose, lambda each: (not each.mine, each.owner_login or ""), rank=3),
            Column("kind", "KIND", 11, lambda each, _: cell(each.kind, "dim"), lambda each: each.kind, rank=6),
            Column("version", "VER", 3, lambda each, _: cell(str(each.version), "dim"), lambda each: -each.version,
                   right=True, rank=7),
            Column("about", "DESCRIPTION", 16, lambda each, _: cell(each.description, "dim"),
                   lambda each: each.description.raw, flexible=True, rank=5),
        ]  # fmt: skip
        super().__init__(columns, lambda each: each.preset_id, drawing, empty="no presets; a makes one", id=id)

    def chosen_presets(self) -> list[Preset]:
        """What a step on presets is for."""
        return self.chosen
