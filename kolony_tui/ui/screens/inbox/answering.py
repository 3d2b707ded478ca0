"""The form in which a question is answered."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from kolony_tui.core import inbox
from kolony_tui.core.approval_rules import answer_always, suggested_prefix, until_written
from kolony_tui.models.errors import UsageError
from kolony_tui.models.inbox import InboxItem, InboxKind
from kolony_tui.text import safe, spelled_out
from kolony_tui.ui.screens.form import Field, Form

if TYPE_CHECKING:
    from kolony_tui.core.session import PersonSession

_ABOUT_LINES = 6
_ALWAYS = ("allow", "reject")
_REACHES = ("what begins with", "exactly this")
_WHOM = ("this agent", "every agent")


def answer_form(session: PersonSession, item: InboxItem) -> Form:
    """Answers one question. What is of high risk begins with a no: a yes is always chosen, never passed over."""
    permission = item.kind == InboxKind.PERMISSION
    yes = "allow" if permission else "answer"
    fields = [Field("verdict", "answer", "deny" if item.risk == "high" else yes, "choice", (yes, "deny"))]
    words = _option_words(item)
    if words:
        fields.append(Field("text", "with", words[0], "choice", words))
    elif not permission:
        fields.append(Field("text", "text", hint="what the agent gets"))
    fields.append(Field("note", "note", hint="optional; goes to the agent's side too"))

    async def deliver(values: Mapping[str, str]) -> None:
        text = values.get("text") or None
        if words and text is not None:
            text = item.choices[words.index(text)].id.raw
        if values["verdict"] == "deny":
            await inbox.answer(session, item.id, False, None, values["note"])
            return
        if not permission and text is None:
            raise UsageError("the answer is empty", "type it, or choose deny")
        await inbox.answer(session, item.id, True if permission else None, text, values["note"])

    return Form(
        f"{safe(item.agent, limit=40).plain} {'asks to be allowed' if permission else 'asks'}",
        fields,
        deliver,
        about=[] if item.exact else _about(item),
        whole=spelled_out(item.detail.raw) if item.exact else "",
        said=f"{_wording(item)}{item.risk} risk; {item.why}",
        yes="Give the answer",
    )


def always_form(session: PersonSession, item: InboxItem) -> Form:
    """Allows one permission, and its like by a rule from then on."""
    prefix = suggested_prefix(item.detail.raw)
    agent = safe(item.agent, limit=40).plain
    fields = [
        Field("verdict", "Always", _ALWAYS[0], "choice", _ALWAYS),
        Field("reach", "For", _REACHES[1] if prefix is None else _REACHES[0], "choice", _REACHES),
        Field("prefix", "Begins with", prefix or "", hint="its first words, such as git status"),
        Field("until", "Until", "friday", hint="friday, 8h, 2d, 2026-12-31, or revoked"),
        Field("whom", "Agents", _WHOM[0], "choice", _WHOM),
        Field("note", "Note", hint="optional"),
    ]

    def effect(values: Mapping[str, str]) -> str:
        try:
            until = until_written(values["until"])
        except UsageError as error:
            return error.line
        end = "until it is revoked" if until is None else f"until {until.astimezone():%a %Y-%m-%d %H:%M}"
        whom = agent if values["whom"] == _WHOM[0] else "every agent"
        does = "Allows" if values["verdict"] == _ALWAYS[0] else "Rejects"
        if values["reach"] == _REACHES[1]:
            return f"{does} {whom} exactly this, {end}."
        words = " ".join(values["prefix"].split()) or "..."
        return f"{does} {whom} {words!r} with any words behind it, but no shell operators, {end}."

    async def deliver(values: Mapping[str, str]) -> None:
        if values["reach"] == _REACHES[0] and not values["prefix"]:
            raise UsageError("which words do commands begin with?", "type them, or choose exactly this")
        await answer_always(
            session,
            item.id,
            values["verdict"] == _ALWAYS[0],
            prefix=values["prefix"] if values["reach"] == _REACHES[0] else None,
            until=until_written(values["until"]),
            any_agent=values["whom"] == _WHOM[1],
            note=values["note"] or None,
        )

    return Form(
        f"A rule for what {agent} asks", fields, deliver, whole=spelled_out(item.detail.raw), effect=effect,
        said=f"{_wording(item)}It is answered, and by the rule from now on.", yes="Answer and keep the rule",
    )  # fmt: skip


def _wording(item: InboxItem) -> str:
    return f"The agent says: {spelled_out(item.title.raw[:200])}. " if item.exact else ""


def _option_words(item: InboxItem) -> list[str]:
    words: list[str] = []
    for number, choice in enumerate(item.choices, 1):
        word = safe(choice.id, limit=40).plain
        words.append(f"{number} {word}" if word in words else word)
    return words


def _about(item: InboxItem) -> list[str]:
    lines = [spelled_out(item.title.raw), *spelled_out(item.detail.raw).split("\n")]
    shown = [line for line in lines if line.strip()]
    more = [f"... and {len(shown) - _ABOUT_LINES} lines more"] if len(shown) > _ABOUT_LINES else []
    return [*shown[:_ABOUT_LINES], *more]
