"""Why a run waits: a tree of reasons that stays up to date, with what would free it and the keys that do so."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import ClassVar, cast

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.widgets import OptionList, Static
from textual.widgets.option_list import Option

from kolony_tui.core import fleet, queue
from kolony_tui.core.session import PersonSession
from kolony_tui.models.fleet import Desired
from kolony_tui.models.people import Role
from kolony_tui.models.queue import WaitReason
from kolony_tui.models.work import Run
from kolony_tui.ui.app import KolonyApp
from kolony_tui.ui.draw import Part, content, part
from kolony_tui.ui.live import LiveQuery
from kolony_tui.ui.looks import run_sign

_HELD = {"held", "dependency"}
_PAUSED = "paused"


class WhyScreen(ModalScreen[None]):
    """Reasons of one run."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q,w", "dismiss", "Close"),
        Binding("h", "release", "Release the run"),
        Binding("p", "resume", "Resume the agent"),
        Binding("C", "cancel", "Cancel the run"),
    ]
    AUTO_FOCUS = "#reasons"

    def __init__(self, run: Run) -> None:
        super().__init__()
        self.run_shown = run
        self.reasons: list[WaitReason] = []
        self.known = False

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
        box = self.query_one("#box", Vertical)
        box.border_title = content(part(f"Why {self.run_shown.reference} waits"))
        query = LiveQuery(f"why {self.run_shown.run_id}", _wants, self._read, self._show)
        self.kolony.live.watch(self.query_one("#reasons"), query)

    async def _read(self, session: PersonSession) -> list[WaitReason]:
        return await queue.why_waiting(session, self.run_shown.run_id)

    def _show(self, reasons: list[WaitReason]) -> None:
        self.reasons, self.known = reasons, True
        rows = self.query_one("#reasons", OptionList)
        at = rows.highlighted or 0
        rows.clear_options()
        if not reasons:
            _, word, _ = run_sign(self.run_shown)
            rows.add_option(Option(content(part(f"it does not wait any more ({word} when this was opened)", "dim"))))
        rows.add_options(Option(content(*self._line(each))) for each in reasons)
        rows.highlighted = min(at, max(len(reasons) - 1, 0))
        self._draw_keys()

    def _line(self, reason: WaitReason) -> list[Part]:
        arrow = self.kolony.drawing().glyph("→")
        said = [part("  " * reason.depth), part(reason.words, "strong" if reason.depth == 0 else "plain")]
        if reason.remedy.raw:
            said += [part(f"  {arrow} ", "dim"), part(reason.remedy, "accent")]
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
        keys = []
        if self.pointed is not None and _opens(self.pointed) is not None:
            keys.append(("enter", f"shows the {_opens(self.pointed)}"))
        if self._may:
            kinds = {each.kind for each in self.reasons}
            if kinds & _HELD:
                keys.append(("h", "releases the run"))
            if self._paused() is not None:
                keys.append(("p", "resumes the agent"))
            if self.reasons:
                keys.append(("C", "cancels the run"))
        return [*keys, ("esc", "closes")]

    @property
    def _may(self) -> bool:
        session = self.kolony.session
        return session is not None and session.role.includes(Role.OPERATOR) and not self.kolony.live.link.lost

    def _paused(self) -> WaitReason | None:
        return next((each for each in self.reasons if each.kind == _PAUSED and each.subject_id is not None), None)

    # What frees it

    def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        """Goes to what the reason is about."""
        event.stop()
        reason = self.pointed
        if reason is None or reason.subject_id is None:
            return
        app, opens, subject = self.kolony, _opens(reason), reason.subject_id
        self.dismiss(None)
        if opens == "agent":
            app.call_later(app.open_agent, subject)
        elif opens == "run":
            app.call_later(app.open_run, subject)
        elif opens == "command":
            from kolony_tui.ui.screens.work.command import CommandScreen

            app.call_later(app.push_screen, CommandScreen(subject))

    def action_release(self) -> None:
        """Lets the run be taken."""
        self._do(lambda session: queue.release_runs(session, [self.run_shown.run_id]), "released")

    def action_resume(self) -> None:
        """Lets the agent take work again."""
        paused = self._paused()
        if paused is not None and paused.subject_id is not None:
            agent_id = paused.subject_id
            self._do(lambda session: fleet.set_desired(session, agent_id, Desired.ACTIVE, ""), "the agent is resumed")

    def action_cancel(self) -> None:
        """Asks whether to cancel the run."""
        self.dismiss(None)
        self.kolony.call_later(self.kolony.do, "run.cancel")

    def _do(self, step: Callable[[PersonSession], Awaitable[object]], done: str) -> None:
        if not self._may:
            self.kolony.say("a viewer only looks on; this takes an operator", severity="warning")
            return

        async def carry_out() -> None:
            assert self.kolony.session is not None
            await step(self.kolony.session)
            self.kolony.say(done)

        self.kolony.perform(carry_out(), "why")


def _opens(reason: WaitReason) -> str | None:
    """What enter shows: agent, run or command; None where there is nothing to show."""
    return _OPENS.get(reason.kind) if reason.subject_id is not None else None


_OPENS: dict[str, str] = {}


def _wants(kind: str, identity: str) -> bool:
    return kind in ("agent", "agents", "command", "run", "stop")
