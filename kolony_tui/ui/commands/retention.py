"""Retention and maintenance: how long what is kept, where output is archived, legal holds, jobs that are done now."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING

from kolony_tui.models.people import Role
from kolony_tui.text import safe
from kolony_tui.ui.commands.work import session_of
from kolony_tui.ui.registry import Command

if TYPE_CHECKING:
    from kolony_tui.ui.app import KolonyApp

_KINDS = {
    "archive": "Output is archived after", "output": "How long output is kept",
    "restored": "How long restored output is kept", "traces": "How long traces are kept",
    "artifacts": "How long contents of artifacts are kept", "usage": "How long usage is kept in detail",
    "events": "How long events are kept", "notifications": "How long notifications are kept",
    "deliveries": "How long deliveries of webhooks are kept", "folders": "How long records of work folders are kept",
    "audit": "How long the audit log is kept", "stale_agents": "When agents are stale",
}  # fmt: skip


async def _keep(app: KolonyApp, _: str, *, kind: str) -> None:
    from kolony_tui.core import retention
    from kolony_tui.models.retention import days_written
    from kolony_tui.ui.screens.form import Field, Form

    its = next(each for each in await retention.kept(session_of(app)) if each.kind == kind)

    async def deliver(values: Mapping[str, str]) -> None:
        await retention.keep_for(session_of(app), kind, days_written(values["days"]))
        app.live.hint("people:*")

    bounds = f"{its.least} to {its.most}" + (f", or {its.forever}" if its.forever else "")
    now = its.forever or "" if its.days is None else str(its.days)
    field = Field("days", "Days", now, hint=bounds)
    said = f"{bounds}. {its.about.capitalize()}. What is older goes with the next upkeep, unless it is held."
    await app.push_screen_wait(Form(_KINDS[kind], [field], deliver, said=said, yes="Keep it so"))


async def _place(app: KolonyApp, _: str) -> None:
    from kolony_tui.core import archiving, retention
    from kolony_tui.ui.screens.form import Field, Form

    async def deliver(values: Mapping[str, str]) -> None:
        await archiving.set_archive(session_of(app), values["place"].strip() or None)
        app.live.hint("people:*")

    now = safe(await retention.archive_location(session_of(app)) or "", limit=1000).plain
    field = Field("place", "Place", now, hint="a folder, or s3://bucket/prefix; empty: nowhere")
    said = "It is tried at once. Credentials of a bucket: see kolony retention archive --help."
    await app.push_screen_wait(Form("Where output is archived", [field], deliver, said=said, yes="Archive there"))


async def _run_job(app: KolonyApp, _: str) -> None:
    from kolony_tui.core import upkeep
    from kolony_tui.ui.screens.settings.maintenance import MaintenanceSection
    from kolony_tui.ui.screens.settings.screen import SettingsScreen

    section = app.ground.section if isinstance(app.ground, SettingsScreen) else None
    if not isinstance(section, MaintenanceSection) or section.rows.pointed is None:
        return
    job = section.rows.pointed.job
    app.say(f"{job}: at it")
    for each in await upkeep.do_job(session_of(app), job, "kolony app upkeep"):
        if each.failed:
            app.say(f"{job} failed: {safe(str(each.result['error']), limit=200).plain}", severity="warning")
        else:
            app.say(f"{job} is done")
    app.live.hint("upkeep:*")


def _no_job(app: KolonyApp) -> str | None:
    from kolony_tui.ui.screens.settings.maintenance import MaintenanceSection
    from kolony_tui.ui.screens.settings.screen import SettingsScreen

    section = app.ground.section if isinstance(app.ground, SettingsScreen) else None
    there = isinstance(section, MaintenanceSection) and section.rows.pointed is not None
    return None if there else "that is for a job in Settings > Maintenance"


COMMANDS: tuple[Command, ...] = (
    *(Command(f"retention.{kind}", title, "says for how many days, or that there is no end", partial(_keep, kind=kind),
              role=Role.ADMIN) for kind, title in _KINDS.items()),
    Command("retention.place", "Archive of output", "says where output is archived", _place, role=Role.ADMIN),
    Command("maintenance.run", "Do this job now", "does the job of upkeep under the cursor at once", _run_job,
            role=Role.ADMIN, unavailable=_no_job),
)  # fmt: skip
