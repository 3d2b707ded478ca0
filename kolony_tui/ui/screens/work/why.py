"""Why a run waits: a tree of reasons that stays up to date, with what would free it and the keys that do so."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, ClassVar, Literal, cast
from uuid import UUID

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.widgets import OptionList, Static
from textual.widgets.option_list import Option

from kolony_tui.core import fleet, queue, work
from kolony_tui.core.session import PersonSession
from kolony_tui.models.fleet import Desired
from kolony_tui.models.people import Role
from kolony_tui.models.queue import WaitReason
from kolony_tui.models.work import Run
from kolony_tui.ui.draw import Part, content, part
from kolony_tui.ui.live import LiveQuery

if TYPE_CHECKING:
    from kolony_tui.ui.app import KolonyApp

_GAP = 1.0
_HELD = {"held", "canary", "after"}
_AT_REST = {"paused", "retired"}
_OPENS: dict[str, Literal["agent", "run", "command", "stop"]] = {
    "stopped": "stop",
    **dict.fromkeys(("paused", "retired", "offline", "busy"), "agent"),
    **dict.fromkeys(("holds_slot", "let_in", "ahead"), "run"),
    **dict.fromkeys(("after", "window", "dependency", "dependency_failed", "dependency_draft"), "command"),
}
"""What enter shows, by the kind of the reason; of other kinds there is nothing more to see."""


class WhyScreen(ModalScreen[None]):
    """The reasons of one run."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q,w,W", "dismiss", "Close"),
        Binding("h", "release", "Release the run"),
        Binding("f", "front", "Move the run to the front"),
        Binding("p", "resume", "Resume the agent"),
        Binding("r", "retry", "Retry what failed"),
        Binding("C", "cancel", "Cancel the run"),
    ]
    AUTO_FOCUS = "#reasons"

    def __init__(self, run: Run) -> None:
        super().__init__()
        self.run_shown = run
        self.reasons: list[WaitReason] = []

    @property
    def kolony(self) -> KolonyApp:
        """The app, as what it is."""
        return cast("KolonyApp", self.app)

    def compose(self) -> ComposeResult:
        """The reasons, and what can be done."""
        with Vertical(id="box"):
            yield OptionList(id="reasons", compact=True)
            yield Static("", id="keys", markup=False)

    def on_mount(self) -> None:
        """Begins to read."""
        self.query_one("#box", Vertical).border_title = content(part(f"Why {self.run_shown.reference} waits"))
        query = LiveQuery(f"why {self.run_shown.run_id}", _wants, self._read, self._show, _GAP)
        self.kolony.live.watch(self.query_one("#reasons"), query)

    async def _read(self, session: PersonSession) -> list[WaitReason]:
        return await queue.why_waiting(session, self.run_shown.run_id)

    def _show(self, reasons: list[WaitReason]) -> None:
        rows = self.query_one("#reasons", OptionList)
        at = rows.highlighted or 0
        self.reasons = reasons
        rows.clear_options()
        rows.add_options(Option(content(*self._line(each))) for each in reasons)
        rows.highlighted = min(at, len(reasons) - 1) if reasons else None
        self._draw_keys()

    def _line(self, reason: WaitReason) -> list[Part]:
        said = [part("  " * reason.depth), part(reason.words, "dim" if reason.depth else "strong")]
        if reason.remedy is not None:
            said += [part(f"  {self.kolony.drawing().glyph('→')} ", "dim"), part(reason.remedy, "accent")]
        return said

    def on_option_list_option_highlighted(self, event: OptionList.OptionHighlighted) -> None:
        """What can be done depends on the reason."""
        event.stop()
        self._draw_keys()

    @property
    def pointed(self) -> WaitReason | None:
        """The reason under the cursor."""
        at = self.query_one("#reasons", OptionList).highlighted
        return self.reasons[at] if at is not None and at < len(self.reasons) else None

    def _draw_keys(self) -> None:
        said: list[Part] = []
        for key, words in self._keys():
            said += [part(key, "accent"), part(f" {words}   ", "dim")]
        self.query_one("#keys", Static).update(content(*said))

    def _keys(self) -> list[tuple[str, str]]:
        opens = _OPENS.get(self.pointed.kind) if self.pointed is not None else None
        keys = [("enter", f"shows the {opens}")] if opens is not None else []
        if self._may:
            remedies = (
                ("h", "releases it", _HELD),
                ("f", "moves it to the front", {"behind"}),
                ("p", "resumes the agent", _AT_REST),
                ("r", "retries what failed", {"dependency_failed"}),
            )
            keys += [(key, words) for key, words, kinds in remedies if self._subject(kinds) is not None]
            keys.append(("C", "cancels it"))
        return [*keys, ("esc", "closes")]

    @property
    def _may(self) -> bool:
        session = self.kolony.session
        return session is not None and session.role.includes(Role.OPERATOR) and not self.kolony.live.link.lost

    def _subject(self, kinds: set[str]) -> UUID | None:
        """What the first reason of one of these kinds is about."""
        return next((each.subject_id for each in self.reasons if each.kind in kinds), None)

    # What frees it

    def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        """Goes to what the reason is about."""
        event.stop()
        reason, app = self.pointed, self.kolony
        opens = _OPENS.get(reason.kind) if reason is not None else None
        if reason is None or reason.subject_id is None or opens is None:
            return
        self.dismiss(None)
        if opens == "command":
            from kolony_tui.ui.screens.work.command import CommandScreen

            app.call_later(app.push_screen, CommandScreen(reason.subject_id))
        elif opens == "stop":
            app.call_later(app.do, "stop.show")
        else:
            app.call_later(app.open_agent if opens == "agent" else app.open_run, reason.subject_id)

    def action_release(self) -> None:
        """Lets the run be taken."""
        self._do(_HELD, lambda session, _: queue.release_runs(session, [self.run_shown.run_id]), "released")

    def action_front(self) -> None:
        """Makes it the next one of its queue."""
        self._do({"behind"}, lambda session, _: queue.move_run(session, self.run_shown.run_id, 1), "it is the next one")

    def action_resume(self) -> None:
        """Lets the agent take work again."""
        self._do(_AT_REST, lambda session, agent: fleet.set_desired(session, agent, Desired.ACTIVE, ""), "resumed")

    def action_retry(self) -> None:
        """Queues what failed of the command before it again."""
        self._do({"dependency_failed"}, work.retry_command, "queued again")

    def action_cancel(self) -> None:
        """Asks whether to cancel the run."""
        self.dismiss(None)
        self.kolony.call_later(self.kolony.do, "run.cancel")

    def _do(self, kinds: set[str], step: Callable[[PersonSession, UUID], Awaitable[object]], done: str) -> None:
        """Takes a step where a reason of these kinds calls for it."""
        subject = self._subject(kinds)
        if subject is None:
            return
        if not self._may:
            self.kolony.say("this takes an operator", severity="warning")
            return

        async def carry_out() -> None:
            assert self.kolony.session is not None
            await step(self.kolony.session, subject)
            self.kolony.say(done)

        self.kolony.perform(carry_out(), "why")


def _wants(kind: str, identity: str) -> bool:
    return kind in ("agent", "agents", "command", "run", "stop")
