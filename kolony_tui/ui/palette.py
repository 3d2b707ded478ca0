"""What ctrl+p finds: screens and commands, agents, runs."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, cast

from rich.text import Text
from textual.command import CommandPalette, DiscoveryHit, Hit, Hits, Provider, SearchIcon

from kolony_tui.core import lists
from kolony_tui.models.errors import KolonyError
from kolony_tui.text import safe
from kolony_tui.ui.registry import Command, commands, key_words

if TYPE_CHECKING:
    from kolony_tui.ui.app import KolonyApp


class Palette(CommandPalette):
    """The palette with our sign, which every font has."""

    def on_mount(self) -> None:
        """Signs it."""
        icon = self.query_one(SearchIcon)
        icon.icon = ">"
        icon.refresh()


class _Finder(Provider):
    """A provider of our app."""

    @property
    def kolony(self) -> KolonyApp:
        """The app, as what it is."""
        return cast("KolonyApp", self.app)

    def hit(self, query: str, words: str, kind: str, chosen: Callable[[], None], rest: Text) -> Hit | None:
        """A hit where ``words`` (already safe) match; nothing of it is read as markup."""
        matcher = self.matcher(query)
        score = matcher.match(words)
        if score <= 0:
            return None
        shown = Text(words)
        for at in _matched(query, words):
            shown.stylize("bold underline", at, at + 1)
        return Hit(score, Text.assemble(shown, "  ", (kind, "dim"), rest), chosen, text=words)


def _matched(query: str, words: str) -> list[int]:
    found: list[int] = []
    at = 0
    for letter in query.lower():
        at = words.lower().find(letter, at)
        if at < 0:
            return found
        found.append(at)
        at += 1
    return found


class CommandHits(_Finder):
    """The registry: each command with its keys, and why it cannot be used now."""

    async def discover(self) -> Hits:
        """Every command, before anything was typed."""
        for command in self._shown():
            yield DiscoveryHit(
                Text.assemble(command.title, self._rest(command)), self._doing(command), text=command.title
            )

    async def search(self, query: str) -> Hits:
        """The commands that match."""
        for command in self._shown():
            found = self.hit(query, command.title, "", self._doing(command), self._rest(command))
            if found is not None:
                yield found

    def _shown(self) -> list[Command]:
        return [command for command in commands().values() if command.shown]

    def _rest(self, command: Command) -> Text:
        keys = ", ".join(key_words(key) for key in self.kolony.keys[command.id])
        reason = command.why_disabled(self.kolony)
        said = [(f"  {keys}", "bold")] if keys else []
        if reason is not None:
            said.append((f"  ({reason})", "italic dim"))
        return Text.assemble(*said)

    def _doing(self, command: Command) -> Callable[[], None]:
        def do() -> None:
            # Through the person's own eyes: the palette is gone when the command looks at what is focused.
            if command.argument:
                self.kolony.call_later(self.kolony.do, "go.line", f"{command.name} ")
            else:
                self.kolony.call_later(self.kolony.do, command.id)

        return do


MOST_FOUND = 50


class AgentHits(_Finder):
    """Agents by name."""

    async def search(self, query: str) -> Hits:
        """The agents that match."""
        session = self.kolony.session
        if session is None:
            return
        with contextlib.suppress(KolonyError):
            for agent in await lists.agents_like(session, query, MOST_FOUND):
                name = safe(agent.name)
                opening = partial(self.kolony.open_agent, agent.agent_id)
                found = self.hit(query, name.plain, "agent", opening, Text())
                if found is not None:
                    yield found


class RunHits(_Finder):
    """Runs by number, agent or title."""

    async def search(self, query: str) -> Hits:
        """The runs that match."""
        for run in self.kolony.queue[:200]:
            words = f"{run.reference} {safe(run.agent).plain} {safe(run.title, limit=80).plain}"
            found = self.hit(query, words, "run", lambda of=run.run_id: self.kolony.open_run(of), Text())  # type: ignore[misc]
            if found is not None:
                yield found
