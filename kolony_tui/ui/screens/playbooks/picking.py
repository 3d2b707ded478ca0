"""`PresetPicker`: chooses a preset by typing a part of its name."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.widgets import Input, OptionList
from textual.widgets.option_list import Option

from kolony_tui.core import presets
from kolony_tui.core.session import PersonSession
from kolony_tui.models.errors import NotFound
from kolony_tui.models.presets import Preset
from kolony_tui.text import safe
from kolony_tui.ui.draw import content, part


async def presets_to_pick(session: PersonSession) -> list[Preset]:
    """The presets, the most used first. Raises NotFound where there are none."""
    found = await presets.presets(session)
    if not found:
        raise NotFound("there is no preset yet", "6 and a make one")
    return found


class PresetPicker(ModalScreen[Preset | None]):
    """Answers with a preset, or None."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "leave", "Leave"),
        Binding("down", "move('down')", "Down", show=False),
        Binding("up", "move('up')", "Up", show=False),
    ]
    AUTO_FOCUS = "#part"

    def __init__(self, found: Sequence[Preset]) -> None:
        super().__init__()
        self._found = list(found)

    def compose(self) -> ComposeResult:
        """What is typed, and the presets that hold it."""
        with Vertical(id="box") as box:
            box.border_title = content(part("Presets"))
            yield Input(placeholder="a part of its name", id="part", compact=True, max_length=100)
            yield OptionList(id="fitting", compact=True)

    def on_mount(self) -> None:
        """All of them."""
        self._list("")

    def _list(self, typed: str) -> None:
        options = self.query_one(OptionList)
        options.clear_options()
        for place, each in enumerate(self._found):
            if typed.lower() in f"{safe(each.name).plain} {safe(each.description).plain}".lower():
                about = part(each.description, "dim", limit=100)
                options.add_option(Option(content(part(each.name, "accent"), part("  "), about), id=str(place)))
        options.highlighted = 0 if options.option_count else None

    def on_input_changed(self, event: Input.Changed) -> None:
        """Fewer, or more again."""
        event.stop()
        self._list(event.value.strip())

    def action_move(self, way: str) -> None:
        """Up and down while one types."""
        options = self.query_one(OptionList)
        if way == "down":
            options.action_cursor_down()
        else:
            options.action_cursor_up()

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """The one that is highlighted."""
        event.stop()
        options = self.query_one(OptionList)
        if options.highlighted is not None:
            options.action_select()

    def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        """This one."""
        event.stop()
        self.dismiss(self._found[int(event.option.id or 0)])

    def action_leave(self) -> None:
        """None."""
        self.dismiss(None)
