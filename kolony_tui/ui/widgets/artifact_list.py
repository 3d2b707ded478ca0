"""`ArtifactPane`: what a run left, as rows, and the beginning of the one under the cursor."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, ClassVar, cast

from textual.binding import BindingType
from textual.containers import VerticalScroll
from textual.content import Content
from textual.widget import Widget
from textual.widgets import Static

from kolony_tui.core import artifacts
from kolony_tui.core.session import PersonSession
from kolony_tui.models.artifacts import Artifact
from kolony_tui.models.work import Run
from kolony_tui.ui.draw import Cell, Part, cell, part
from kolony_tui.ui.live import LiveQuery
from kolony_tui.ui.looks import Drawing, size
from kolony_tui.ui.picturing import preview
from kolony_tui.ui.registry import Place, bindings
from kolony_tui.ui.widgets.rows import Column, RowList
from kolony_tui.ui.widgets.run_pane import RunPane

if TYPE_CHECKING:
    from kolony_tui.ui.app import KolonyApp

PREVIEW_BYTES = 64 * 1024


def _kept(artifact: Artifact, drawing: Drawing) -> Cell:
    return cell(drawing.glyph("✔"), "good") if artifact.kept else cell(drawing.glyph("✖"), "bad")


def _about(artifact: Artifact, _: Drawing) -> Cell:
    if artifact.why_not is not None:
        return cell(artifact.why_not, "warn")
    return cell(artifact.media_type, "dim")


COLUMNS: tuple[Column[Artifact], ...] = (
    Column("kept", "", 1, _kept, lambda each: each.kept),
    Column("name", "NAME", 20, lambda each, _: cell(each.name, "strong"), lambda each: each.name.raw, flexible=True),
    Column("size", "SIZE", 9, lambda each, _: cell(size(each.size) or "0 B"), lambda each: -each.size, right=True),
    Column("kind", "KIND", 5, lambda each, _: cell(each.kind, "accent"), lambda each: each.kind, rank=2),
    Column("about", "TYPE", 12, _about, lambda each: each.media_type, rank=1, flexible=True),
    Column("attempt", "TRY", 3, lambda each, _: cell(str(each.attempt), "dim"), lambda each: -each.attempt, right=True,
           rank=3),
)  # fmt: skip


class ArtifactList(RowList[Artifact]):
    """Artifacts, by id."""

    place: ClassVar[Place] = "artifacts"
    BINDINGS: ClassVar[list[BindingType]] = [*bindings("artifacts")]

    def __init__(self, drawing: Callable[[], Drawing], *, id: str | None = None) -> None:
        empty = "nothing: it left no file in the folder artifacts of KOLONY_RUN_DIR, and told of no change"
        super().__init__(COLUMNS, lambda each: each.artifact_id, drawing, empty=empty, id=id)


class ArtifactPane(RunPane):
    """What one run left."""

    def __init__(self, *, id: str | None = None) -> None:
        self.list = ArtifactList(cast("KolonyApp", self.app).drawing, id="artifact-list")
        self.preview = Static("", id="artifact-preview", markup=False)
        super().__init__(self.list, VerticalScroll(self.preview, id="artifact-scroll"), id=id)
        self.run: Run | None = None
        self._seen: tuple[Artifact, Content] | None = None

    @property
    def kolony(self) -> KolonyApp:
        """The app, as what it is."""
        return cast("KolonyApp", self.app)

    def on_mount(self) -> None:
        """Begins to read."""
        live = self.kolony.live
        live.watch(self, LiveQuery("artifacts", self._wants, self._read, self._show))
        live.watch(self.preview, LiveQuery("artifact", lambda *_: False, self._read_preview, self._show_preview))
        self._draw()

    def follow_run(self, run: Run | None) -> None:
        """Shows what this run left."""
        other = (run.run_id if run else None) != (self.run.run_id if self.run else None)
        self.run = run
        if other and self.is_mounted:
            self.list.show([])
            self.kolony.live.look_again(self)

    @property
    def front(self) -> Widget:
        """The list."""
        return self.list

    def chosen_runs(self) -> list[Run]:
        """What a step on runs is for."""
        return [self.run] if self.run is not None else []

    def _wants(self, kind: str, identity: str) -> bool:
        return kind in ("artifact", "run") and self.run is not None and identity == str(self.run.run_id)

    async def _read(self, session: PersonSession) -> list[Artifact]:
        return await artifacts.artifacts(session, self.run.run_id) if self.run is not None else []

    def _show(self, found: list[Artifact]) -> None:
        self.list.show(found)
        self._draw()

    async def _read_preview(self, session: PersonSession) -> tuple[Artifact, Content] | None:
        wanted = self.list.pointed
        if wanted is None or (self._seen is not None and self._seen[0] == wanted):
            return self._seen if wanted is not None else None
        room = self.query_one("#artifact-scroll", VerticalScroll).size
        plain = self.kolony.drawing().ascii_only
        return wanted, await preview(session, wanted, PREVIEW_BYTES, room.width - 2, room.height - 3, plain=plain)

    def _show_preview(self, found: tuple[Artifact, Content] | None) -> None:
        if found is not self._seen:
            self._seen = found
            self.preview.update(Content.assemble(found[1] if found is not None else ""))
            self.query_one("#artifact-scroll", VerticalScroll).scroll_home(animate=False)

    def _draw(self) -> None:
        total = sum(each.size for each in self.list.rows if each.kept)
        lost = sum(not each.kept for each in self.list.rows)
        right: list[Part] = [part(f"{lost} not kept  ", "warn")] if lost else []
        many = self.list.total
        right.append(part(f"{many} file{'s' if many != 1 else ''}, {size(total) or '0 B'}", "dim"))
        self.title.say([part("Artifacts", "strong")], right)

    def on_row_list_pointed(self, event: RowList.Pointed) -> None:
        """The preview follows."""
        event.stop()
        self.kolony.live.look_again(self.preview)

    def on_row_list_changed(self, event: RowList.Changed) -> None:
        """The title follows."""
        event.stop()
        self._draw()
        self.kolony.live.look_again(self.preview)

    def on_row_list_opened(self, event: RowList.Opened) -> None:
        """Shows it on a screen of its own."""
        from kolony_tui.ui.screens.work.artifact import ArtifactScreen

        event.stop()
        if self.list.pointed is not None:
            self.app.push_screen(ArtifactScreen(self.list.pointed))
