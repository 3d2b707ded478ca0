"""What is known of the folders that runs work in."""

from __future__ import annotations

from uuid import UUID

from kolony_tui.core.session import PersonSession
from kolony_tui.models.work_folders import WorkFolder


async def work_folders(session: PersonSession) -> list[WorkFolder]:
    """Those that are still there as far as is known, the newest first."""
    return await session.db.rows(WorkFolder, "work/folders", session.workspace.workspace_id)


async def folder_of_run(session: PersonSession, run_id: UUID) -> WorkFolder | None:
    """Where a run works or worked, where its runner has said so."""
    found = await session.db.rows(WorkFolder, "work/folder_of_run", session.workspace.workspace_id, run_id)
    return found[0] if found else None


async def forget_folder(session: PersonSession, host: str, path: str) -> None:
    """Notes that a folder on a machine was removed. Raises NoRight."""
    await session.db.call("forget_folder", session.workspace.workspace_id, host, path)
