"""`ViewPicker`: the views of a list that are kept: to look at it so, to keep how it is now, to delete one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, Literal

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import OptionList, Static
from textual.widgets.option_list import Option

from kolony_tui.models.untrusted import Untrusted
from kolony_tui.models.views import Look, SavedView
from kolony_tui.ui.draw import Part, content, part

Step = Literal["use", "save", "delete", "plain"]
"""What is to be done: look so, keep the present look, delete that view, look as the list is by itself."""


def said_of(look: Look) -> list[Part]:
    """A look in a few words."""
    said: list[Part] = [part(Untrusted(f"/{look.filter}  "), "dim", limit=60)] if look.filter else []
    for word, value in (("by", look.sort), ("groups of", look.group), ("columns", ", ".join(look.columns))):
        if value:
            said.append(part(Untrusted(f"{word} {value}  "), "dim", limit=60))
    return said


class ViewPicker(ModalScreen[tuple[Step, SavedView | None] | None]):
    """Answers with what is to be done and with which view, or with None."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "leave", "Leave"),
        Binding("s", "step('save')", "Keep how it is now"),
        Binding("x", "step('delete')", "Delete"),
    ]

    def __init__(self, views: Sequence[SavedView]) -> None:
        super().__init__()
        self._views = list(views)

    def compose(self) -> ComposeResult:
        """The views and the keys."""
        keys = (("enter", "look so"), ("s", "keep how it is now"), ("x", "delete"), ("esc", "leave"))
        with Vertical(id="box") as box:
            box.border_title = content(part("Views"))
            yield OptionList(
                Option(content(part("as the list is by itself", "dim")), id="plain"),
                *(Option(self._line(view), id=str(at)) for at, view in enumerate(self._views)),
                id="views",
                compact=True,
            )
            said = [piece for key, word in keys for piece in (part(key, "accent"), part(f" {word}  "))]
            yield Static(content(*said), id="keys")

    @staticmethod
    def _line(view: SavedView) -> Content:
        whose = "" if view.mine else f"  of {view.owner_login or '?'}"
        shared = "  shared" if view.shared else ""
        return content(part(view.name, "accent"), part(f"{whose}{shared}  ", "dim"), *said_of(view.look))

    def on_mount(self) -> None:
        """On the first view that there is."""
        self.query_one("#views", OptionList).highlighted = 1 if self._views else 0

    def _pointed(self) -> SavedView | None:
        at = self.query_one("#views", OptionList).highlighted
        return self._views[at - 1] if at else None

    def action_step(self, step: Step) -> None:
        """Answers with a step; deleting takes a view."""
        view = self._pointed()
        if step == "save" or view is not None:
            self.dismiss((step, view))

    def action_leave(self) -> None:
        """Nothing."""
        self.dismiss(None)

    def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        """So."""
        event.stop()
        view = self._pointed()
        self.dismiss(("use", view) if view is not None else ("plain", None))
