"""The line at the bottom: ``:`` for a command by name, ``/`` for a filter that works while one types."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, cast

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.screen import ModalScreen
from textual.suggester import Suggester
from textual.widgets import Input, Static
from textual.worker import Worker

from kolony_tui.core.selecting import FilterError
from kolony_tui.models.errors import KolonyError, UsageError
from kolony_tui.models.work import Run
from kolony_tui.ui.draw import content, part
from kolony_tui.ui.looks import size
from kolony_tui.ui.registry import Command, commands, named
from kolony_tui.ui.saving import save_output, usual_name
from kolony_tui.ui.widgets.output import OutputView
from kolony_tui.ui.widgets.rows import RowList
from kolony_tui.ui.widgets.trace_view import TraceView

if TYPE_CHECKING:
    from kolony_tui.ui.app import KolonyApp


class LineInput(Input):
    """An input of one row; tab takes what is suggested."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("tab", "cursor_right", "Take the suggestion", show=False)]


class _Line(ModalScreen[None]):
    """A line with a sign in front and a word about what is typed behind."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "leave", "Leave")]
    sign: ClassVar[str] = ""

    def __init__(self, begun: str = "", suggester: Suggester | None = None) -> None:
        super().__init__(classes="line")
        self.input = LineInput(begun, compact=True, suggester=suggester, select_on_focus=False)
        self.about = Static("", markup=False, id="about-line")

    @property
    def kolony(self) -> KolonyApp:
        """The app, as what it is."""
        return cast("KolonyApp", self.app)

    def compose(self) -> ComposeResult:
        """Sign, input, word."""
        with Horizontal(id="line"):
            yield Static(content(part(self.sign, "accent")), id="sign")
            yield self.input
            yield self.about

    def on_mount(self) -> None:
        """At the end of what is there."""
        self.input.cursor_position = len(self.input.value)
        self.input.focus()

    def action_leave(self) -> None:
        """Leaves without doing anything."""
        self.dismiss(None)

    def tell(self, words: str, *, wrong: bool = False) -> None:
        """Says something about what is typed."""
        self.about.update(content(part(words, "warn" if wrong else "dim")))


class _Names(Suggester):
    """Completes names of commands, and after one its arguments."""

    def __init__(self, app: KolonyApp) -> None:
        super().__init__(use_cache=False, case_sensitive=True)
        self._app = app

    async def get_suggestion(self, value: str) -> str | None:
        """The first name or argument that goes on from what is typed."""
        word, space, argument = value.partition(" ")
        if not space:
            names = sorted(command.name for command in commands().values() if command.name.startswith(word))
            return names[0] if names and word else None
        try:
            command = named(word)
        except UsageError:
            return None
        known = command.arguments(self._app)
        if command.completes is not None:
            try:
                known = await command.completes(self._app, argument)
            except KolonyError:
                return None  # whatever is wrong is told by what shows things, and typing goes on
        fitting = [each for each in known if each.startswith(argument)]
        return f"{word} {fitting[0]}" if fitting else None


class GoLine(_Line):
    """``:`` and the name of a screen or command, with its argument."""

    sign = ":"

    def __init__(self, begun: str = "") -> None:
        super().__init__(begun)

    def on_mount(self) -> None:
        """With names to complete."""
        self.input.suggester = _Names(self.kolony)
        super().on_mount()
        self._describe(self.input.value)

    def on_input_changed(self, event: Input.Changed) -> None:
        """Says what the command does, or why it cannot be done."""
        self._describe(event.value)

    def _describe(self, value: str) -> None:
        word = value.strip().partition(" ")[0]
        if not word:
            self.tell("a screen or a command; tab completes")
            return
        if word.isdecimal():
            self.tell("goes to this line of the output")
            return
        try:
            command = named(word)
        except UsageError as error:
            self.tell(error.line if " " in value else "", wrong=True)
            return
        self._describe_command(command)

    def _describe_command(self, command: Command) -> None:
        reason = None if command.argument else command.why_disabled(self.kolony)
        argument = f" {command.argument}" if command.argument else ""
        self.tell(reason or f"{command.name}{argument}: {command.help}", wrong=reason is not None)

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Does it."""
        word, _, argument = event.value.strip().partition(" ")
        if not word:
            self.dismiss(None)
            return
        if word.isdecimal():
            word, argument = "line", word
        try:
            command = named(word)
        except KolonyError as error:
            self.tell(error.line, wrong=True)
            return
        self.dismiss(None)
        self.app.call_later(self.kolony.do, command.id, argument.strip())


class FilterLine(_Line):
    """``/`` and a filter; the list follows while one types, escape brings back what was before.

    What cannot be read is pointed at below the line, and the list stays as it was with the last that could.
    """

    sign = "/"

    def __init__(self, rows: RowList[Any]) -> None:
        super().__init__(rows.filter)
        self._rows = rows
        self._before = rows.filter
        self._wrong = ""

    def compose(self) -> ComposeResult:
        """The line, and below it where it is wrong."""
        with Vertical(id="filter"):
            with Horizontal(id="filter-line"):
                yield Static(content(part(self.sign, "accent")), id="sign")
                yield self.input
                yield self.about
            yield Static("", id="where", markup=False)

    def on_mount(self) -> None:
        """How many pass is known when the database has answered."""
        super().on_mount()
        self.set_interval(0.1, self._count)
        self._count()

    def on_input_changed(self, event: Input.Changed) -> None:
        """Filters."""
        self._wrong, position = "", 0
        try:
            self._rows.narrow(event.value)
        except FilterError as error:
            self._wrong, position = error.line, error.position
        where = self.query_one("#where", Static)
        where.display = bool(self._wrong)
        room = max(self.size.width - 4, 0)
        glyph = self.kolony.drawing().glyph
        place = max(position - int(self.input.scroll_offset.x), 0)
        before = min(place + 2, max(room - len(self._wrong), 0))
        where.update(content(part(" " * before), part(f"{glyph('▲')} ", "bad"), part(self._wrong, "bad")))
        self._count()

    def _count(self) -> None:
        if self._wrong:
            self.tell("")
            return
        rows = self._rows
        of = rows.rest or f"of {rows.total}"
        self.tell(f"{rows.passed} {of}   !text, field=value, @tag, and, or")

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Keeps the filter; one that cannot be read stays to be put right."""
        if not self._wrong:
            self.dismiss(None)

    def action_leave(self) -> None:
        """Back to what was before."""
        self._rows.narrow(self._before)
        self.dismiss(None)


class SearchLine(_Line):
    """``/`` in an output or a trace: marks what is found, n and N go on from there."""

    sign = "/"

    def on_mount(self) -> None:
        """How a pattern is written."""
        super().on_mount()
        if isinstance(self._view, OutputView):
            self.tell("text, or /pattern/")

    def __init__(self, view: OutputView | TraceView) -> None:
        super().__init__()
        self._view = view

    async def on_input_submitted(self, event: Input.Submitted) -> None:
        """Searches; nothing found leaves the line open."""
        view = self._view
        try:
            found = view.search(event.value) if isinstance(view, OutputView) else await view.search(event.value)
        except KolonyError as error:
            self.tell(error.line, wrong=True)
            return
        if found or not event.value:
            self.dismiss(None)
        else:
            self.tell("not found", wrong=True)

    def action_leave(self) -> None:
        """Marks nothing any more."""
        self._view.mark_nothing()
        self.dismiss(None)


class SaveLine(_Line):
    """Where a run's output is to be written; then how much of it is, and escape takes it back."""

    sign = ">"

    def __init__(self, run: Run) -> None:
        super().__init__(usual_name(run))
        self._run = run
        self._writing: Worker[None] | None = None

    def on_mount(self) -> None:
        """What is asked."""
        super().on_mount()
        self.tell("file for the output; esc leaves")

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Writes it."""
        if self._writing is None:
            self.tell("0%")
            self._writing = self.run_worker(self._write(event.value.strip()), exit_on_error=False)

    async def _write(self, path: str) -> None:
        try:
            await save_output(self.kolony, self._run, path, self._progress)
        except KolonyError as error:
            self._writing = None
            self.tell(_without_name(error, path), wrong=True)
            return
        self.dismiss(None)

    def _progress(self, written: int, percent: int) -> None:
        self.tell(f"{size(written)}, {percent}%; esc stops")

    def action_leave(self) -> None:
        """Leaves; of what was begun nothing stays."""
        if self._writing is not None:
            self._writing.cancel()
            self.kolony.say("not saved")
        self.dismiss(None)


def _without_name(error: KolonyError, path: str) -> str:
    """The error; the file's name, which may be long, stands beside it."""
    return error.message.replace(str(Path(path).expanduser().absolute()), "it")
