"""`FramedScreen`: a screen with header, banner and hints around its body."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, cast

from textual.app import ComposeResult
from textual.screen import Screen

from kolony_tui.models.errors import UsageError
from kolony_tui.text import safe
from kolony_tui.ui.draw import Part, part
from kolony_tui.ui.looks import span
from kolony_tui.ui.registry import INSIDE, Command, Place, commands, key_words
from kolony_tui.ui.widgets.frame import Banner, Header, Hints

if TYPE_CHECKING:
    from kolony_tui.ui.app import KolonyApp

CRUMB = "›"  # noqa: RUF001  (a crumb, not "greater than")
_PACE_BARS = 10


class FramedScreen(Screen[None]):
    """A full screen. Subclasses give ``body`` and ``crumbs`` and take what changed from the hooks."""

    place: ClassVar[Place] = "app"

    def __init__(self) -> None:
        super().__init__()
        # What is new is styled as it is mounted; Textual would read all style sheets again, twice, to do so once more.
        self._css_update_count = self.app._css_update_count

    @property
    def kolony(self) -> KolonyApp:
        """The app, as what it is."""
        return cast("KolonyApp", self.app)

    @property
    def is_current(self) -> bool:
        """Whether a person can see it.

        Textual counts the screen right below an opaque one in, and draws all of that anew for whatever changes there.
        """
        if not super().is_current:
            return False  # there may be no screen at all any more
        front = self.app.screen
        return front is self or front.styles.background.a < 1

    def compose(self) -> ComposeResult:
        """The frame, and the body within."""
        yield Header()
        yield Banner()
        yield from self.body()
        yield Hints()

    def body(self) -> ComposeResult:
        """What the screen is for; each of them says."""
        yield from ()

    def crumbs(self) -> list[Part]:
        """Where one is, after the workspace's name."""
        return []

    @property
    def filled(self) -> bool:
        """Whether what it shows was read, as far as that can be: keys are for what is in sight."""
        return self.kolony.live.link.lost or self.has_content

    @property
    def has_content(self) -> bool:
        """Whether it shows what it is for."""
        return True

    def fleet_changed(self) -> None:
        """Agents or queue were read again."""

    def workspace_changed(self) -> None:
        """Another workspace was entered: what this screen shows is of the one before."""
        if len(self.app.screen_stack) > 1 and self.is_current:
            self.app.pop_screen()

    def show_part(self, part: str) -> None:
        """Shows a part of the screen, by its name. Raises UsageError where there is no such part."""
        raise UsageError(f"this screen has no part {part!r}", "? explains its keys")

    def step_back(self) -> None:
        """Escape, where there is nothing to leave."""

    def memory(self) -> dict[str, Any]:
        """What of this screen the next app should know."""
        return {}

    def subject(self) -> tuple[str, str] | None:
        """What it is about, as (kind, id), where the next app could show it again."""
        return None

    def on_mount(self) -> None:
        """The hints follow the focus."""
        self.watch(self, "focused", self.draw_hints, init=False)
        self.draw_frame()

    def on_screen_resume(self) -> None:
        """Up to date when one comes back."""
        self.kolony.live.look_at(self)
        self.draw_frame()

    def draw_frame(self) -> None:
        """Header, banner and hints; of a screen that is being taken down there are none any more."""
        if self.is_mounted and self.children:
            self._draw_header(self.query_one(Header))
            self._draw_banner(self.query_one(Banner))
            self.draw_hints()

    def _draw_header(self, header: Header) -> None:
        app = self.kolony
        glyph = app.drawing().glyph
        left = [part("kolony", "accent")]
        right: list[Part] = []
        if app.session is not None:
            slug = app.session.workspace.slug
            many = len(app.session.me.workspaces) > 1
            left += [part(f"  {slug}" + (f" {glyph('▾')}" if many else ""), "strong")]
            for crumb in self._trail():
                left += [part(f" {glyph(CRUMB)} ", "dim"), crumb]
            right += self._vitals(glyph("●"))
            role = "READ-ONLY" if app.read_only else str(app.session.role).upper()
            header.badge.say(app.replay.badge or role, read_only=app.read_only or app.replay.on)
        header.line.say(left, right)

    def _trail(self) -> list[Part]:
        """The crumbs of every screen on the way here, each name once."""
        stack = self.app.screen_stack
        way = stack[: stack.index(self) + 1] if self in stack else [self]
        crumbs: dict[str, Part] = {}
        for screen in way:
            if isinstance(screen, FramedScreen):
                for crumb in screen.crumbs():
                    crumbs.pop(crumb[0].plain, None)
                    crumbs[crumb[0].plain] = crumb
        every = list(crumbs.values())
        # Where room is short, where one is counts more than how one came there.
        if self.size.width < 100 and len(way) > 1 and len(every) > 1:
            return [part(self.kolony.drawing().glyph("…"), "dim"), every[-1]]
        return every

    def _vitals(self, dot: str) -> list[Part]:
        app = self.kolony
        assert app.session is not None
        online, agents = (app.pulse.online, app.pulse.agents) if app.pulse is not None else (0, 0)
        parts = [part(f"{dot} {online}/{agents} online", "good" if online else "dim")]
        parts += app.needs.count(app.drawing().glyph("⚠"))
        pace = app.samples.pace(app.now())
        if any(pace) and self.size.width >= (100 if app.needs.items else 80):
            last = max(pace[-2:])
            parts += [
                part(f"   {app.drawing().spark(pace, min(len(pace), _PACE_BARS))}", "busy"),
                part(f" {last:.0f}/min", "dim"),
            ]
        if self.size.width >= (110 if app.needs.items else 100):
            parts += app.spending.said()
        if self.size.width >= (100 if app.needs.items and app.notifier.unread else 60):
            latency = app.live.link.latency
            words = {"live": "live", "lost": "lost", "opening": "opening"}[app.live.link.state]
            if latency is not None and app.live.link.state == "live" and app.opening.frozen is None:
                words = f"{latency * 1000:.0f} ms"
            parts.append(part(f"   {words}", "bad" if app.live.link.lost else "dim"))
        if app.notifier.unread:
            parts.append(part(f"   {app.notifier.unread} new", "warn"))
        me = app.session.me
        # Where room is short one's initials do.
        shown = me.avatar if me.avatar and self.size.width < 60 else me.display_name or me.login
        name = safe(shown, limit=20)
        return [*parts, part("   "), (name, "strong"), part(" ")]

    def _draw_banner(self, banner: Banner) -> None:
        app = self.kolony
        link = app.live.link
        if app.session is None:
            banner.say([part(f"{app.saying}{app.drawing().glyph('…')}")])
        elif link.lost:
            gone = span((app.now() - link.since).total_seconds())
            banner.say([part(f"connection lost {gone} ago: {link.why}; retrying")], [part("writing is off")])
        elif app.replay.on:
            banner.say(*app.replay.banner())
        elif (stopped := app.needs.banner(app.now())) is not None:
            banner.say(*stopped)
        elif app.unverified:
            banner.say([part(app.unverified)])
        banner.set_class(app.session is None or (app.replay.on and not link.lost), "-opening")
        told = app.session is None or link.lost or app.replay.on
        banner.set_class(told or bool(app.needs.stops or app.unverified), "-shown")

    def places(self) -> list[Place]:
        """Where the focus is, from the innermost place outwards."""
        found: list[Place] = []
        node = self.focused or self
        for each in node.ancestors_with_self:
            place = getattr(each, "place", None)
            if place is not None and place not in found:
                found.append(place)
            if each is self:
                break
        if "list" not in found and any("list" in INSIDE[each] for each in found):
            found.append("list")
        return found if "app" in found else [*found, "app"]

    def draw_hints(self) -> None:
        """The keys of where the focus is."""
        app = self.kolony
        places = self.places()
        ranked = sorted(
            (command for command in commands().values() if command.short and set(command.places) & set(places)),
            key=lambda command: _rank(command, places),
        )
        shown = [
            (command.id, key_words(app.keys[command.id][0]), command.short, command.why_disabled(app) is None)
            for command in ranked
            if app.keys[command.id]
        ]
        if app.undoing.left and app.keys["step.undo"]:
            words = f"undo ({app.undoing.left} s)"
            shown.insert(0, ("step.undo", key_words(app.keys["step.undo"][0]), words, True))
        self.query_one(Hints).say(shown)

    def on_hints_used(self, event: Hints.Used) -> None:
        """A hint was clicked."""
        self.kolony.do(event.command)


def _rank(command: Command, places: list[Place]) -> tuple[bool, int]:
    """What one is here for first, then what belongs to the innermost place."""
    return command.id != "work.new", min(places.index(place) for place in command.places if place in places)
