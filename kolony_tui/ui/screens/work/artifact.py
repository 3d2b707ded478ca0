"""An artifact on a screen of its own: as much of it as a terminal can show."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import VerticalScroll
from textual.content import Content
from textual.widgets import Static

from kolony_tui.core.session import PersonSession
from kolony_tui.models.artifacts import Artifact
from kolony_tui.ui.draw import Part, part
from kolony_tui.ui.live import LiveQuery
from kolony_tui.ui.looks import size
from kolony_tui.ui.picturing import preview
from kolony_tui.ui.registry import Place, bindings
from kolony_tui.ui.screens.framed import FramedScreen
from kolony_tui.ui.widgets.panel import Panel

SHOWN_BYTES = 256 * 1024


class ArtifactScreen(FramedScreen):
    """One artifact."""

    place: ClassVar[Place] = "artifact"
    BINDINGS: ClassVar[list[BindingType]] = [*bindings("artifact")]
    AUTO_FOCUS = "#artifact-whole"

    def __init__(self, artifact: Artifact) -> None:
        super().__init__()
        self.artifact = artifact
        self.text = Static("", id="artifact-text", markup=False)
        self._known = False

    def body(self) -> ComposeResult:
        """Its text."""
        yield Panel(VerticalScroll(self.text, id="artifact-whole"), id="artifact-panel")

    def crumbs(self) -> list[Part]:
        """Its name."""
        return [part("artifact "), part(self.artifact.name, limit=60)]

    def on_mount(self) -> None:
        """Reads it once."""
        super().on_mount()
        left, right = [part(self.artifact.name, "strong")], part(size(self.artifact.size) or "0 B", "dim")
        self.query_one("#artifact-panel", Panel).title.say(left, [part(f"{self.artifact.kind}  ", "accent"), right])
        reading = LiveQuery("artifact whole", lambda kind, identity: False, self._read, self._show)
        self.kolony.live.watch(self.text, reading)

    @property
    def has_content(self) -> bool:
        """Whether it shows what it is for."""
        return self._known

    async def _read(self, session: PersonSession) -> Content | None:
        if self._known:
            return None
        plain = self.kolony.drawing().ascii_only
        width, height = self.size.width - 4, self.size.height - 8
        return await preview(session, self.artifact, SHOWN_BYTES, width, height, plain=plain)

    def _show(self, found: Content | None) -> None:
        if found is not None:
            self._known = True
            self.text.update(Content.assemble(found))
