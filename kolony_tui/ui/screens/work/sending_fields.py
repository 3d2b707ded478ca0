"""`SendingFields`: what a command is seldom told: kind, limits, when, after what, how many at a time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from uuid import UUID

from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical
from textual.message import Message
from textual.widgets import Input, Static

from kolony_tui.core import work
from kolony_tui.core.session import PersonSession
from kolony_tui.core.spans import moment_to_begin
from kolony_tui.models.constraints import ConstraintProfile
from kolony_tui.models.errors import UsageError
from kolony_tui.models.presets import KINDS
from kolony_tui.text import safe
from kolony_tui.ui.draw import Part, content, part
from kolony_tui.ui.widgets.choice import Choice

_STANDARD = "(the default)"
_ABOUT = ("review", "synthesize")
_MOST = 100_000
_TEXTS = (
    ("about", "About", "the run that it reviews, or the runs: 12, 13.2"),
    ("before", "Not before", "14:30, +2h, 2026-12-31T08:00"),
    ("after", "After", "commands that have to be completed first: 12, 14"),
    ("at-a-time", "At a time", "how many of its runs at once; all"),
    ("stop-after", "Hold after", "so many failures hold the rest; never"),
)


class SendingFields(Vertical):
    """Folded at first; ``summary`` says meanwhile what differs from the usual."""

    class Changed(Message):
        """Something was typed or chosen."""

    def __init__(self) -> None:
        super().__init__(id="more")
        self._profiles: dict[str, UUID] | None = None
        self.begun = work.Sending()
        """What the fields begin with; a preset brings it."""

    def compose(self) -> ComposeResult:
        """A line each."""
        with Horizontal(classes="field"):
            yield Static(content(part("Kind", "dim")), classes="label")
            yield Choice(KINDS, KINDS[0], id="kind")
        with Horizontal(classes="field"):
            yield Static(content(part("Constraint", "dim")), classes="label")
            yield Choice([_STANDARD], _STANDARD, id="constraint")
        for name, label, hint in _TEXTS:
            with Horizontal(classes="field"):
                yield Static(content(part(label, "dim")), classes="label")
                yield Input(placeholder=hint, id=name, compact=True, max_length=200)

    def know_profiles(self, profiles: Sequence[ConstraintProfile]) -> None:
        """The constraint profiles that there are to choose from."""
        chosen = self._constraint_id
        self._profiles = {safe(each.name, limit=100).plain: each.constraint_id for each in profiles}
        names = [name for name, each in self._profiles.items() if each == chosen]
        self.query_one("#constraint", Choice).offer([_STANDARD, *self._profiles], names[0] if names else _STANDARD)

    @property
    def _constraint_id(self) -> UUID | None:
        if self._profiles is None:
            return self.begun.constraint_id  # nobody has looked at the fields yet
        return self._profiles.get(self.query_one("#constraint", Choice).value)

    def begin(self, how: work.Sending) -> None:
        """Takes over what a preset says."""
        self.begun = how
        self.query_one("#kind", Choice).offer(KINDS, how.kind)
        self._profiles = None
        self.query_one("#constraint", Choice).offer([_STANDARD], _STANDARD)

    def on_input_changed(self, event: Input.Changed) -> None:
        """The summary may be another."""
        event.stop()
        self.post_message(self.Changed())

    def on_choice_changed(self, event: Choice.Changed) -> None:
        """The summary may be another."""
        event.stop()
        self.post_message(self.Changed())

    def _typed(self, name: str) -> str:
        return self.query_one(f"#{name}", Input).value.strip()

    @property
    def summary(self) -> list[Part]:
        """What differs from the usual."""
        kind, constraint = self.query_one("#kind", Choice).value, self.query_one("#constraint", Choice).value
        said = [kind] if kind != KINDS[0] else []
        said += [f"within {constraint}"] if constraint != _STANDARD else []
        said += [f"{label.lower()} {self._typed(name)}" for name, label, _ in _TEXTS if self._typed(name)]
        return [part("; ".join(said), "busy")] if said else []

    async def sending(self, session: PersonSession) -> work.Sending:
        """What the fields say. Raises UsageError, NotFound."""
        kind = self.query_one("#kind", Choice).value
        about = [await work.find_run(session, each) for each in _several(self._typed("about"))]
        if kind in _ABOUT and not about:
            raise UsageError(f"what is the {kind} about?", "say the run (alt+m, About)")
        if about and kind not in _ABOUT:
            raise UsageError("only a review or a synthesize is about runs", "choose the kind (alt+k)")
        before = self._typed("before")
        return replace(
            self.begun,
            kind=kind,
            about=tuple(about),
            constraint_id=self._constraint_id,
            not_before=moment_to_begin(before) if before else None,
            after=tuple([await work.find_command(session, each) for each in _several(self._typed("after"))]),
            at_a_time=_number(self._typed("at-a-time"), "at a time"),
            stop_after=_number(self._typed("stop-after"), "hold after"),
        )


def _several(text: str) -> list[str]:
    """References with commas or blanks between.

    >>> _several("12, 13.2  #14")
    ['12', '13.2', '#14']
    """
    return text.replace(",", " ").split()


def _number(text: str, what: str) -> int | None:
    if not text:
        return None
    if not text.isdecimal() or not 1 <= int(text) <= _MOST:
        raise UsageError(f"{what}: that is a number from 1 to {_MOST}")
    return int(text)
