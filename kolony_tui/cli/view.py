"""``kolony view``: views of lists that are kept."""

from __future__ import annotations

import argparse

from kolony_tui.cli.listing import print_rows
from kolony_tui.cli.verbs import done, group, in_session, verb

TYPE_CHECKING = False  # typing.TYPE_CHECKING without typing: these modules are to load fast
if TYPE_CHECKING:
    from typing import Any
    from uuid import UUID

    from kolony_tui.core.session import PersonSession
    from kolony_tui.models.views import SavedView

_LISTS = ("fleet", "queue")


def register_view(verbs: Any) -> None:
    """Declares ``kolony view`` and its verbs."""
    views = group(verbs, "view", "views of lists: filter, order and columns under a name")
    listing = verb(views, "list", _list, "your views and the shared ones")
    listing.add_argument("--list", choices=_LISTS, help="of this list only")
    saving = verb(views, "save", _save, "keep a view, or change the one of this name")
    saving.add_argument("list", choices=_LISTS)
    saving.add_argument("name", help="1 to 60 printable characters")
    saving.add_argument("--where", default="", metavar="FILTER", help="what passes")
    saving.add_argument("--sort", default="", metavar="COLUMN", help="in this order")
    saving.add_argument("--backwards", action="store_true", help="the other way round")
    saving.add_argument("--columns", default="", metavar="A,B,...", help="these columns, in this order")
    saving.add_argument("--group", default="", metavar="FIELD", help="under a heading for each value")
    saving.add_argument("--shared", action="store_true", help="for everybody in the workspace")
    deleting = verb(views, "delete", _delete, "delete a view; kolony undo brings it back for a while")
    deleting.add_argument("list", choices=_LISTS)
    deleting.add_argument("name")


def _list(args: argparse.Namespace) -> int:
    if args.json:
        return print_rows(args, lambda reader: reader.rows("fleet/views", args.list))
    from kolony_tui.cli.printing import print_table
    from kolony_tui.core.views import views
    from kolony_tui.models.untrusted import Untrusted

    found = in_session(args, lambda session: views(session, args.list))
    print_table(
        ["LIST", "VIEW", "WHOSE", "CHANGED", "FILTER"],
        [
            (each.list, each.name, _whose(each),
             each.updated_at, Untrusted(each.look.filter))
            for each in found
        ],
    )  # fmt: skip
    return 0


def _whose(view: SavedView) -> str:
    owner = "mine" if view.mine else view.owner_login or "-"
    return f"{owner}, shared" if view.shared else owner


def _save(args: argparse.Namespace) -> int:
    from kolony_tui.core.selecting import AGENT_FIELDS, RUN_FIELDS, parse
    from kolony_tui.core.views import save_view
    from kolony_tui.models.views import Look

    parse(args.where, AGENT_FIELDS if args.list == "fleet" else RUN_FIELDS)
    columns = tuple(name.strip() for name in args.columns.split(",") if name.strip())
    look = Look(args.where, args.sort, args.backwards, columns, args.group)
    view_id = in_session(args, lambda session: save_view(session, args.list, args.name, look, shared=args.shared))
    return done(args, f"the view {args.name} is kept", view_id=view_id)


def _delete(args: argparse.Namespace) -> int:
    from kolony_tui.core.views import delete_view, view_named

    async def work(session: PersonSession) -> UUID:
        view = await view_named(session, args.list, args.name)
        await delete_view(session, view.view_id)
        return view.view_id

    view_id = in_session(args, work)
    return done(args, f"the view {args.name} is deleted; kolony undo brings it back for 30 seconds", view_id=view_id)
