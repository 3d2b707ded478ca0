"""`WorkspacesScreen`: chooses one of the person's workspaces."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, cast

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import OptionList
from textual.widgets.option_list import Option

from kolony_tui.text import safe
from kolony_tui.ui.draw import content, part

if TYPE_CHECKING:
    from kolony_tui.ui.app import KolonyApp


class WorkspacesScreen(ModalScreen[str | None]):
    """Answers with a slug, or None."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "dismiss", "Stay")]

    def compose(self) -> ComposeResult:
        """Slug, name and role of each."""
        session = cast("KolonyApp", self.app).session
        known = session.me.workspaces if session is not None else ()
        yield OptionList(
            *(
                Option(
                    content(
                        part(f"{each.slug:<20} ", "strong"),
                        (safe(each.name, limit=60), "plain"),
                        part(f"  {each.role}", "dim"),
                    ),
                    id=each.slug,
                )
                for each in known
            ),
            id="box",
        )

    def on_mount(self) -> None:
        """Says what is chosen."""
        self.query_one("#box", OptionList).border_title = Content("Workspace")

    def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        """Chosen."""
        self.dismiss(event.option.id)
