"""Rules that answer agents: making and revoking."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING
from uuid import UUID

from kolony_tui.core import approval_rules
from kolony_tui.core.fleet import agent_ids
from kolony_tui.models.approval_rules import ApprovalRule
from kolony_tui.models.people import Role
from kolony_tui.text import safe
from kolony_tui.ui.commands.each import for_each
from kolony_tui.ui.commands.work import session_of
from kolony_tui.ui.registry import Command
from kolony_tui.ui.subject import nearest

if TYPE_CHECKING:
    from kolony_tui.ui.app import KolonyApp

_DECISIONS = ("allow", "reject")


def _chosen(app: KolonyApp) -> list[ApprovalRule]:
    from kolony_tui.ui.widgets.approval_rule_list import ApprovalRuleList

    rows = nearest(app, ApprovalRuleList)
    return rows.chosen if rows is not None else []


def _nothing_chosen(app: KolonyApp) -> str | None:
    return None if _chosen(app) else "no rule is chosen here (0, then Approval rules)"


def _called(rule: ApprovalRule) -> str:
    from kolony_tui.ui.widgets.approval_rule_list import prefix_words

    whom = "any agent" if rule.agent is None else safe(rule.agent, limit=40).plain
    return f"{rule.decision} {whom} {prefix_words(rule)[:100]}"


async def _make(app: KolonyApp, written: str) -> None:
    from kolony_tui.ui.screens.form import Field, Form

    async def deliver(values: Mapping[str, str]) -> None:
        session = session_of(app)
        agent: UUID | None = None
        if values["agent"]:
            [agent] = await agent_ids(session, [values["agent"]])
        await approval_rules.add_rule(
            session,
            values["decision"],
            agent_id=agent,
            tool=values["tool"] or None,
            prefix=values["prefix"] or None,
            until=approval_rules.until_written(values["until"]),
            note=values["note"] or None,
        )
        app.say("the rule is in force")

    fields = [
        Field("decision", "Answer", _DECISIONS[0], "choice", _DECISIONS),
        Field("prefix", "Begins with", written, hint="git status, or a whole command"),
        Field("tool", "Tool", hint="execute, edit, ...; empty: any"),
        Field("agent", "Agent", hint="its name; empty: any"),
        Field("until", "Until", "friday", hint="friday, 8h, 2d, 2026-12-31, or revoked"),
        Field("note", "Note", hint="why (optional)"),
    ]
    said = "It fits what begins with these words and holds no shell operators, or exactly this text."
    await app.push_screen_wait(Form("Make a rule that answers agents", fields, deliver, said=said, yes="Make it"))


async def _revoke(app: KolonyApp, _: str) -> None:
    from kolony_tui.ui.screens.asking import Question

    session, chosen = session_of(app), _chosen(app)
    what = "this rule" if len(chosen) == 1 else f"{len(chosen)} rules"
    said = "People are asked again from now on; what was answered stays so."
    question = Question(f"Revoke {what}?", said, [_called(each) for each in chosen], yes="Revoke")
    if await app.push_screen_wait(question) is None:
        return

    async def revoke(rule: ApprovalRule) -> None:
        await approval_rules.revoke_rule(session, rule.id)

    await for_each(app, chosen, _called, revoke, "revoked")


COMMANDS: tuple[Command, ...] = (
    Command("approval_rules.make", "Make a rule for approvals", "says what agents are answered without asking", _make,
            ("approval_rules",), ("a",), "approval-rule", Role.OPERATOR, argument="WORDS", short="make"),
    Command("approval_rules.revoke", "Revoke rules", "takes rules out of force; for all that are marked", _revoke,
            ("approval_rules",), ("x",), role=Role.OPERATOR, destructive=True, unavailable=_nothing_chosen,
            short="revoke"),
)  # fmt: skip
