"""`TellingList`: how one is told, by which rules, and which webhooks are: the rows of Settings > Notifications."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

from textual.binding import BindingType

from kolony_tui.models.notifications import NotificationRule, NotificationSettings, Webhook
from kolony_tui.ui.draw import Cell, Tone, cell, part
from kolony_tui.ui.looks import Drawing
from kolony_tui.ui.registry import Place, bindings
from kolony_tui.ui.widgets.rows import Column, RowList


@dataclass(frozen=True, slots=True)
class Telling:
    """A row: one of the person's settings (by its ``id``), a rule, or a webhook."""

    id: str
    sort: str
    name: Cell
    value: Cell
    about: Cell
    settings: NotificationSettings | None = None
    rule: NotificationRule | None = None
    webhook: Webhook | None = None


COLUMNS: tuple[Column[Telling], ...] = (
    Column("sort", "", 8, lambda each, _: cell(each.sort, "dim")),
    Column("name", "", 15, lambda each, _: each.name),
    Column("value", "", 22, lambda each, _: each.value, flexible=True),
    Column("about", "", 22, lambda each, _: each.about, flexible=True, rank=1),
)


class TellingList(RowList[Telling]):
    """Settings, rules and webhooks, by id."""

    place: ClassVar[Place] = "notify"
    BINDINGS: ClassVar[list[BindingType]] = [*bindings("list"), *bindings("notify")]

    def __init__(self, drawing: Callable[[], Drawing], *, id: str | None = None) -> None:
        super().__init__(COLUMNS, lambda each: each.id, drawing, header=False, id=id)


def settings_rows(settings: NotificationSettings) -> list[Telling]:
    """How the person is told."""
    zone = f" {settings.time_zone}" if settings.quiet_from is not None else ""
    facts = (
        ("quiet", "Quiet hours", f"{settings.quiet_words}{zone}", "what comes then is kept, and only critical sounds"),
        ("bell", "Bell", settings.bell, "never, away (while you look elsewhere), always"),
        ("desktop", "Desktop", settings.desktop, "auto: as this terminal can, while you look elsewhere"),
        ("from", "Sounds from", str(settings.sound_from), "the list has every one"),
    )
    return [
        Telling(f"settings:{name}", "you", cell(label, "strong"), cell(value), cell(about, "dim"), settings=settings)
        for name, label, value, about in facts
    ]


def rule_row(rule: NotificationRule) -> Telling:
    """A rule; dim where a built-in one is off."""
    owner = "built in" if rule.rule_id is None else "yours" if rule.own else "all"
    tone: Tone = "plain" if rule.enabled else "dim"
    only = [part(" about ", "dim"), part(rule.agent)] if rule.agent is not None else []
    only += [part(" about @", "dim"), part(rule.tag)] if rule.tag is not None else []
    whom = {"owner": "what is yours", "everyone": "all of it"}[rule.audience] if rule.own else f"told: {rule.audience}"
    value = (part("off" if not rule.enabled else whom, tone), *only)
    sounds = f", sounds by {' and '.join(rule.channels)}" if rule.channels else ", silent"
    about = cell(f"{rule.priority or 'as it comes'}{sounds}", "dim")
    identity = f"rule:{rule.rule_id}" if rule.rule_id is not None else f"kind:{rule.kind}"
    return Telling(identity, owner, cell(rule.kind.replace("_", " "), "strong"), value, about, rule=rule)


def webhook_row(webhook: Webhook, drawing: Drawing) -> Telling:
    """A webhook, with what waits and what was given up."""
    said = [part(", ".join(webhook.kinds) or "all kinds", "dim")]
    if webhook.pending:
        said.append(part(f", {webhook.pending} waiting", "warn"))
    if webhook.failed:
        said.append(part(f", {webhook.failed} given up", "bad"))
    if webhook.last_delivered_at is not None:
        said.append(part(f", delivered {drawing.age(webhook.last_delivered_at)} ago", "dim"))
    return Telling(f"webhook:{webhook.webhook_id}", "webhook", cell(webhook.name, "strong"), cell(webhook.url),
                   tuple(said), webhook=webhook)  # fmt: skip
