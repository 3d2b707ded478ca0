"""`SettingsScreen`: the sections beside (or below) their names, one of them in front."""

from __future__ import annotations

from typing import Any, ClassVar

from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Container, Vertical

from kolony_tui.ui.draw import Part, part
from kolony_tui.ui.registry import Place, bindings
from kolony_tui.ui.screens.framed import FramedScreen
from kolony_tui.ui.screens.settings.section import Section
from kolony_tui.ui.screens.settings.sections import BY_SLUG, SECTIONS, SLUGS, section_named
from kolony_tui.ui.widgets.section_bar import SectionBar, SectionName


class SettingsScreen(FramedScreen):
    """Settings."""

    place: ClassVar[Place] = "settings"
    BINDINGS: ClassVar[list[BindingType]] = [*bindings("settings")]
    AUTO_FOCUS = "#sections"

    def __init__(self) -> None:
        super().__init__()
        kept = self.kolony.remembered.get("section")
        self.slug = kept if kept in SLUGS else SLUGS[0]
        self.bar = SectionBar(id="sections")
        self.holder = Vertical(id="section")
        self.made: dict[str, Section] = {}
        self._entering = False

    def body(self) -> ComposeResult:
        """Names, and the section in front."""
        yield Container(self.bar, self.holder, id="settings")

    def crumbs(self) -> list[Part]:
        """Settings, and which section."""
        return [part("Settings"), part(BY_SLUG[self.slug].title)]

    def on_mount(self) -> None:
        """The section that was left."""
        super().on_mount()
        self._bring_to_front(enter=self._entering)

    @property
    def section(self) -> Section | None:
        """The section in front."""
        return self.made.get(self.slug)

    @property
    def has_content(self) -> bool:
        """Whether it shows what it is for."""
        return self.section is not None and self.section.has_content

    def memory(self) -> dict[str, Any]:
        """The section, and what each of them keeps."""
        kept: dict[str, Any] = {"section": self.slug}
        for section in self.made.values():
            kept.update(section.memory())
        return kept

    def workspace_changed(self) -> None:
        """Nothing of the other workspace stays."""
        for section in self.made.values():
            section.workspace_changed()

    def draw_frame(self) -> None:
        """The role may have changed, and with it what is closed."""
        super().draw_frame()
        if self.section is not None:
            self.section.look()
        self._draw_bar()

    def _draw_bar(self) -> None:
        session = self.kolony.session
        names = [SectionName(each.slug, each.title, each.why_closed(session) is not None) for each in SECTIONS]
        self.bar.say(names, self.slug)

    # Which section

    def show_part(self, part: str) -> None:
        """Brings a section to the front and goes into it. Raises UsageError."""
        self.slug = section_named(part)
        self._entering = True
        if self.is_mounted:
            self._bring_to_front(enter=True)

    def turn(self, by: int) -> None:
        """Goes on to another section; the focus stays in the list, or on the names."""
        within = self.section is not None and self.focused is not None and self.section in self.focused.ancestors
        self.slug = SLUGS[(SLUGS.index(self.slug) + by) % len(SLUGS)]
        self._bring_to_front(enter=within)

    def step_back(self) -> None:
        """From the section to the names."""
        self.bar.focus()

    def _bring_to_front(self, *, enter: bool) -> None:
        section = self.section
        if section is None:
            section = BY_SLUG[self.slug].make()
            self.made[self.slug] = section
            self.holder.mount(section)
        for each in self.made.values():
            each.display = each is section
        if enter and section.why_closed() is None:
            section.go_in()
        else:
            self.bar.focus()
        self.kolony.live.look_again(section)
        self.draw_frame()

    def on_section_bar_chosen(self, event: SectionBar.Chosen) -> None:
        """By keys or mouse."""
        event.stop()
        self.slug = event.slug
        self._bring_to_front(enter=event.enter)

    def on_row_list_changed(self) -> None:
        """What can be done depends on the rows."""
        self.draw_hints()

    def on_row_list_pointed(self) -> None:
        """What can be done depends on the rows."""
        self.draw_hints()
