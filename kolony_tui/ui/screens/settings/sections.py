"""The sections of the settings, in the order in which they are shown. A new one is a file and a line here."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from difflib import get_close_matches
from typing import TYPE_CHECKING

from kolony_tui.models.errors import UsageError
from kolony_tui.models.people import Role
from kolony_tui.ui.registry import AN

if TYPE_CHECKING:
    from kolony_tui.core.session import PersonSession
    from kolony_tui.ui.screens.settings.section import Section


@dataclass(frozen=True, slots=True)
class SectionEntry:
    """A section: its ``slug`` (on the ``:settings`` line and in the state file), its title, what makes it, and the
    least role that it ``needs`` (None: it is for everybody)."""

    slug: str
    title: str
    make: Callable[[], Section]
    needs: Role | None = None

    def why_closed(self, session: PersonSession | None) -> str | None:
        """Why this person cannot see it, or None."""
        if session is None or self.needs is None or session.role.includes(self.needs):
            return None
        return f"you are {AN[session.role]} of {session.workspace.slug}; this section is for {AN[self.needs]}"


def _me() -> Section:
    from kolony_tui.ui.screens.settings.me import MeSection

    return MeSection()


def _keys() -> Section:
    from kolony_tui.ui.screens.settings.keys import KeysSection

    return KeysSection()


def _people() -> Section:
    from kolony_tui.ui.screens.settings.people import PeopleSection

    return PeopleSection()


def _tokens() -> Section:
    from kolony_tui.ui.screens.settings.tokens import TokensSection

    return TokensSection()


def _connection() -> Section:
    from kolony_tui.ui.screens.settings.connection import ConnectionSection

    return ConnectionSection()


def _rights() -> Section:
    from kolony_tui.ui.screens.settings.rights import RightsSection

    return RightsSection()


def _workspaces() -> Section:
    from kolony_tui.ui.screens.settings.workspaces import WorkspacesSection

    return WorkspacesSection()


def _constraints() -> Section:
    from kolony_tui.ui.screens.settings.constraints import ConstraintsSection

    return ConstraintsSection()


def _approval_rules() -> Section:
    from kolony_tui.ui.screens.settings.approval_rules import ApprovalRulesSection

    return ApprovalRulesSection()


def _budgets() -> Section:
    from kolony_tui.ui.screens.settings.budgets import BudgetsSection

    return BudgetsSection()


def _prices() -> Section:
    from kolony_tui.ui.screens.settings.prices import PricesSection

    return PricesSection()


def _retention() -> Section:
    from kolony_tui.ui.screens.settings.retention import RetentionSection

    return RetentionSection()


def _maintenance() -> Section:
    from kolony_tui.ui.screens.settings.maintenance import MaintenanceSection

    return MaintenanceSection()


def _notifications() -> Section:
    from kolony_tui.ui.screens.settings.notifications import NotificationsSection

    return NotificationsSection()


SECTIONS: tuple[SectionEntry, ...] = (
    SectionEntry("me", "Me", _me),
    SectionEntry("keys", "Keys", _keys),
    SectionEntry("notifications", "Notifications", _notifications),
    SectionEntry("connection", "Connection", _connection),
    SectionEntry("rights", "Rights", _rights),
    SectionEntry("people", "People", _people),
    SectionEntry("tokens", "Tokens", _tokens, Role.ADMIN),
    SectionEntry("workspaces", "Workspaces", _workspaces),
    SectionEntry("constraints", "Constraints", _constraints),
    SectionEntry("approval-rules", "Approval rules", _approval_rules),
    SectionEntry("budgets", "Budgets", _budgets),
    SectionEntry("prices", "Prices", _prices),
    SectionEntry("retention", "Retention", _retention),
    SectionEntry("maintenance", "Maintenance", _maintenance),
)
BY_SLUG = {entry.slug: entry for entry in SECTIONS}
SLUGS: tuple[str, ...] = tuple(BY_SLUG)


def section_named(word: str) -> str:
    """The slug that a person means. Raises UsageError with the nearest one."""
    begun = [slug for slug in SLUGS if slug.startswith(word.lower())]
    if word and begun:
        return begun[0]
    near = get_close_matches(word, SLUGS, n=1)
    raise UsageError(
        f"there is no section {word!r} in the settings",
        f"did you mean {near[0]}?" if near else f"there are {', '.join(SLUGS)}",
    )
