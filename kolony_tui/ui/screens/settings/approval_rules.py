"""Settings > Approval rules: what agents are answered before anybody is asked."""

from __future__ import annotations

from typing import ClassVar

from kolony_tui.core import approval_rules
from kolony_tui.core.session import PersonSession
from kolony_tui.models.approval_rules import ApprovalRule
from kolony_tui.models.people import Role
from kolony_tui.ui.draw import Part, part
from kolony_tui.ui.screens.settings.section import Section
from kolony_tui.ui.widgets.approval_rule_list import ApprovalRuleList, prefix_words


class ApprovalRulesSection(Section):
    """The rules in force. Every member sees them; operators make and revoke them."""

    slug: ClassVar[str] = "approval-rules"

    def __init__(self) -> None:
        super().__init__(ApprovalRuleList(self.kolony.drawing, id="approval-rules"))

    def wants(self, kind: str, identity: str) -> bool:
        """Whether a hint makes it read again."""
        return kind in ("approval_rule", "people")

    async def read(self, session: PersonSession) -> list[ApprovalRule]:
        """The rules."""
        return await approval_rules.rules(session)

    def show(self, found: list[ApprovalRule]) -> None:
        """Shows them."""
        self.rows.show(found)

    def explanation(self) -> list[list[Part]]:
        """The whole of the rule under the cursor, and what a rule fits."""
        rule: ApprovalRule | None = self.rows.pointed
        lines: list[list[Part]] = []
        if rule is not None:
            lines.append([part(f"{rule.decision} ", "strong"), part(prefix_words(rule), "strong", limit=2000)])
            if rule.note is not None:
                lines.append([part("note: ", "dim"), part(rule.note, limit=500)])
        lines.append([part("a rule fits what begins with its words and holds no shell operators, or exactly its text; "
                           "rejecting goes before allowing", "dim")])  # fmt: skip
        session = self.kolony.session
        if session is not None and not session.role.includes(Role.OPERATOR):
            lines.append([part("operators make and revoke them", "dim")])
        return lines
