"""The form in which a question is answered."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from kolony_tui.core import inbox
from kolony_tui.models.errors import UsageError
from kolony_tui.models.inbox import InboxItem, InboxKind
from kolony_tui.text import safe
from kolony_tui.ui.screens.form import Field, Form

if TYPE_CHECKING:
    from kolony_tui.core.session import PersonSession

_ABOUT_LINES = 6


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
        about=_about(item),
        said=f"{item.risk} risk; {item.why}",
        yes="Give the answer",
    )


def _option_words(item: InboxItem) -> list[str]:
    words: list[str] = []
    for number, choice in enumerate(item.choices, 1):
        word = safe(choice.id, limit=40).plain
        words.append(f"{number} {word}" if word in words else word)
    return words


def _about(item: InboxItem) -> list[str]:
    from kolony_tui.ui.screens.inbox.screen import spelled_out

    lines = [spelled_out(item.title.raw), *spelled_out(item.detail.raw).split("\n")]
    shown = [line for line in lines if line.strip()]
    more = [f"... and {len(shown) - _ABOUT_LINES} lines more"] if len(shown) > _ABOUT_LINES else []
    return [*shown[:_ABOUT_LINES], *more]
