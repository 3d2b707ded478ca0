"""``kolony workspace`` and ``kolony rights``."""

from __future__ import annotations

import argparse

from kolony_tui.cli.listing import print_rows
from kolony_tui.cli.verbs import choice, done, group, in_session, verb

TYPE_CHECKING = False  # typing.TYPE_CHECKING without typing: these modules are to load fast
if TYPE_CHECKING:
    from typing import Any

    from kolony_tui.core.session import PersonSession
    from kolony_tui.models.people import WorkspaceOverview

_LIMITS = ("max_members", "max_agents", "max_waiting_runs")
_PLAN_KEYS = ("plan", *_LIMITS, "members", "agents", "waiting_runs")
_MOST = 2**31 - 1


def register_workspace(verbs: Any) -> None:
    """Declares ``kolony workspace`` and its verbs."""
    workspaces = group(verbs, "workspace", "tenants")
    making = verb(workspaces, "create", _create, "make a workspace; you are its admin")
    making.add_argument("slug")
    making.add_argument("--name", default="", help="its name in words")
    verb(workspaces, "list", _list, "the workspaces you are a member of")
    verb(workspaces, "use", _use, "work in this workspace from now on").add_argument("slug")
    renaming = verb(workspaces, "rename", _rename, "give a workspace another name; its slug stays")
    renaming.add_argument("slug", nargs="?", help="which; the current one where left out")
    renaming.add_argument("name", help="its name in words")
    limiting = verb(workspaces, "limits", _limits, "show what the workspace's plan allows, or set it")
    limiting.add_argument("--plan", metavar="WORDS", help="what the plan is called")
    for option, words in (("members", "people"), ("agents", "agents"), ("waiting-runs", "runs that wait")):
        limiting.add_argument(f"--{option}", metavar="N", type=_limit, help=f"at most so many {words}, or none")
    admitting = verb(workspaces, "admit-viewers", _admit, "say whether a login that is new to Kolony becomes a viewer")
    admitting.add_argument("admits", metavar="on|off", choices=("on", "off"))
    masking = verb(workspaces, "mask-secrets", _mask, "say whether agents' secrets are stars in what their runs store")
    masking.add_argument("masks", metavar="on|off", choices=("on", "off"))
    redacting = verb(workspaces, "redact-tokens", _redact, "say whether what looks like a token is stars in them too")
    redacting.add_argument("redacts", metavar="on|off", choices=("on", "off"))


def register_rights(verbs: Any) -> None:
    """Declares the verb."""
    verb(verbs, "rights", _rights, "what you may do in the workspace, and which rule says so")


def _limit(word: str) -> int | str:
    if word == "none":
        return word
    if not (word.isascii() and word.isdigit() and int(word) <= _MOST):
        raise argparse.ArgumentTypeError(f"a limit is a number, or none; not {word!r}")
    return int(word)


def _create(args: argparse.Namespace) -> int:
    from kolony_tui.core.workspaces import create_workspace

    made = in_session(args, lambda session: create_workspace(session, args.slug, args.name))
    return done(args, f"workspace {args.slug} is there", workspace_id=made, slug=args.slug)


def _list(args: argparse.Namespace) -> int:
    from kolony_tui.cli.printing import print_json, print_table
    from kolony_tui.core.workspaces import workspaces

    async def work(session: PersonSession) -> tuple[PersonSession, list[WorkspaceOverview]]:
        return session, await workspaces(session)

    session, found = in_session(args, work)
    here = session.workspace.workspace_id
    if args.json:
        keys = (
            "workspace_id",
            "slug",
            "name",
            "role",
            "admits_viewers",
            "masks_secrets",
            "redacts_tokens",
            *_PLAN_KEYS,
        )
        print_json([
            {**{key: getattr(each, key) for key in keys}, "current": each.workspace_id == here} for each in found
        ])  # fmt: skip
        return 0
    print_table(
        ["SLUG", "NAME", "YOUR ROLE", "PLAN", "MEMBERS", "AGENTS", "WAITING", ""],
        [
            (each.slug, each.name, each.role.value, each.plan, _of(each.members, each.max_members),
             _of(each.agents, each.max_agents), _of(each.waiting_runs, each.max_waiting_runs),
             "current" if each.workspace_id == here else "")
            for each in found
        ],
    )  # fmt: skip
    return 0


def _of(there: int, most: int | None) -> str:
    return str(there) if most is None else f"{there} of {most}"


def _use(args: argparse.Namespace) -> int:
    import asyncio

    from kolony_tui.cli.verbs import APPLICATION
    from kolony_tui.core.connection import find_destination, remember_workspace
    from kolony_tui.core.session import log_in

    destination = find_destination(choice(args))

    async def enter() -> None:
        session = await log_in(destination.target, APPLICATION, args.slug)
        await session.db.close()

    asyncio.run(enter())
    remember_workspace(destination, args.slug)
    return done(args, f"you work in {args.slug} now", slug=args.slug)


async def _meant(session: PersonSession, slug: str | None) -> WorkspaceOverview:
    from kolony_tui.core.workspaces import workspace_named

    return await workspace_named(session, slug or session.workspace.slug)


def _rename(args: argparse.Namespace) -> int:
    from kolony_tui.core.workspaces import rename_workspace

    async def work(session: PersonSession) -> str:
        meant = await _meant(session, args.slug)
        await rename_workspace(session, meant.workspace_id, args.name)
        return meant.slug

    slug = in_session(args, work)
    return done(args, f"workspace {slug} is called {args.name} now", slug=slug, name=args.name)


def _limits(args: argparse.Namespace) -> int:
    from dataclasses import replace

    from kolony_tui.cli.printing import print_json, print_table
    from kolony_tui.core.workspaces import set_limits

    given = {"max_members": args.members, "max_agents": args.agents, "max_waiting_runs": args.waiting_runs}
    wanted: dict[str, Any] = {
        name: None if value == "none" else value for name, value in given.items() if value is not None
    }
    if args.plan is not None:
        wanted["plan"] = args.plan

    async def work(session: PersonSession) -> WorkspaceOverview:
        found = await _meant(session, None)
        if wanted:
            await set_limits(session, found.workspace_id, replace(found.limits, **wanted))
            found = await _meant(session, None)
        return found

    found = in_session(args, work)
    if args.json:
        print_json({"slug": found.slug, **{key: getattr(found, key) for key in _PLAN_KEYS}})
        return 0
    print_table(
        ["PLAN", "MEMBERS", "AGENTS", "WAITING RUNS"],
        [(found.plan, _of(found.members, found.max_members), _of(found.agents, found.max_agents),
          _of(found.waiting_runs, found.max_waiting_runs))],
    )  # fmt: skip
    return 0


def _admit(args: argparse.Namespace) -> int:
    from kolony_tui.core.workspaces import admit_viewers

    admits = args.admits == "on"

    async def work(session: PersonSession) -> str:
        await admit_viewers(session, session.workspace.workspace_id, admits)
        return session.workspace.slug

    slug = in_session(args, work)
    words = "becomes a viewer of" if admits else "is not let into"
    return done(args, f"a login that is new to Kolony {words} {slug}", slug=slug, admits_viewers=admits)


def _mask(args: argparse.Namespace) -> int:
    from kolony_tui.core.variables import set_masking

    masks = args.masks == "on"

    async def work(session: PersonSession) -> str:
        await set_masking(session, masks)
        return session.workspace.slug

    slug = in_session(args, work)
    words = "stars" if masks else "as they are"
    return done(args, f"agents' secrets are {words} in what runs of {slug} store", slug=slug, masks_secrets=masks)


def _redact(args: argparse.Namespace) -> int:
    from kolony_tui.core.variables import set_redaction

    redacts = args.redacts == "on"

    async def work(session: PersonSession) -> str:
        await set_redaction(session, session.workspace.workspace_id, redacts)
        return session.workspace.slug

    slug = in_session(args, work)
    words = "becomes stars" if redacts else "stays as it is"
    said = f"what looks like a token {words} in what runs of {slug} store"
    return done(args, said, slug=slug, redacts_tokens=redacts)


def _rights(args: argparse.Namespace) -> int:
    if args.json:
        return print_rows(args, lambda reader: reader.rows("people/rights"))
    from kolony_tui.cli.printing import print_table
    from kolony_tui.core.rights import rights

    found = in_session(args, rights)
    print_table(
        ["YOU MAY", "", "NEEDS", "RULE"],
        [(each.action, "yes" if each.allowed else "no", each.needs, each.rule) for each in found],
    )
    return 0
