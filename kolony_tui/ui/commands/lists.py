"""Lists: filter, order, groups, columns, and the views of them that are kept."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from kolony_tui.models.errors import UsageError
from kolony_tui.models.people import Role
from kolony_tui.models.views import Look
from kolony_tui.text import safe
from kolony_tui.ui.registry import Command
from kolony_tui.ui.subject import nearest

if TYPE_CHECKING:
    from kolony_tui.core.session import PersonSession
    from kolony_tui.ui.app import KolonyApp
    from kolony_tui.ui.widgets.rows import RowList


def _rows(app: KolonyApp) -> RowList[Any] | None:
    from kolony_tui.ui.widgets.rows import RowList

    return nearest(app, RowList)


def _list(app: KolonyApp) -> RowList[Any]:
    rows = _rows(app)
    if rows is None:
        raise UsageError("there is no list here", "tab goes to one")
    return rows


def _none(app: KolonyApp) -> str | None:
    return None if _rows(app) is not None else "there is no list here"


def _no_groups(app: KolonyApp) -> str | None:
    rows = _rows(app)
    return None if rows is not None and rows.groupings else "nothing here can be grouped"


def _filter(app: KolonyApp, text: str) -> None:
    from kolony_tui.ui.screens.line import FilterLine

    rows = _list(app)
    if text:
        rows.narrow(text)
    else:
        app.push_screen(FilterLine(rows))


def _sort(app: KolonyApp, column: str) -> None:
    rows = _list(app)
    if column:
        rows.sort(_one_of(column, rows.orders, "sorted"))
    else:
        rows.sort_next()


def _reverse(app: KolonyApp, _: str) -> None:
    rows = _list(app)
    rows.sort(rows.sorted_by, backwards=not rows.backwards)


def _group(app: KolonyApp, column: str) -> None:
    rows = _list(app)
    if column:
        rows.group(_one_of(column, rows.groupings, "grouped"))
    else:
        rows.group_next()


def _one_of(wanted: str, known: Sequence[str], done: str) -> str:
    if wanted not in known:
        raise UsageError(f"it cannot be {done} by {wanted!r}", f"by {', '.join(known)}" if known else "")
    return wanted


async def _columns(app: KolonyApp, ids: str) -> None:
    from kolony_tui.ui.screens.columns import ColumnPicker

    rows = _list(app)
    if ids:
        known = [column.id for column in rows.columns]
        rows.choose_columns([_one_of(each.strip(), known, "shown") for each in ids.split(",") if each.strip()])
        return
    chosen = await app.push_screen_wait(ColumnPicker(rows.columns, rows.shown_columns))
    if chosen is not None:
        rows.choose_columns(chosen)


async def _views(app: KolonyApp, name: str) -> None:
    from kolony_tui.core.views import delete_view, view_named, views
    from kolony_tui.ui.screens.views import ViewPicker

    rows, session = _list(app), app.session
    if session is None:
        raise UsageError("not logged in yet")
    if name:
        rows.take_look((await view_named(session, rows.view_name, name)).look)
        return
    answer = await app.push_screen_wait(ViewPicker(await views(session, rows.view_name)))
    if answer is None:
        return
    step, view = answer
    if step == "plain":
        rows.take_look(Look())
    elif step == "save":
        await _save(app, session, rows)
    elif view is not None and step == "use":
        rows.take_look(view.look)
    elif view is not None:
        await delete_view(session, view.view_id)
        app.undoing.offer(f"the view {safe(view.name).plain} is deleted")


async def _save(app: KolonyApp, session: PersonSession, rows: RowList[Any]) -> None:
    from kolony_tui.core.views import save_view
    from kolony_tui.ui.screens.form import Field, Form

    look = rows.look
    shares = session.role.includes(Role.OPERATOR)

    async def deliver(values: Mapping[str, str]) -> None:
        shared = values.get("whose") == "for all"
        await save_view(session, rows.view_name, values["name"].strip(), look, shared=shared)
        app.say(f"the view is kept; V and its name bring it, or :view {safe(values['name'], limit=60).plain}")

    fields = [Field("name", "Name", hint="one that you have already becomes this")]
    if shares:
        fields.append(Field("whose", "Whose", "mine", "choice", ("mine", "for all")))
    await app.push_screen_wait(Form("Keep this view", fields, deliver, yes="Keep"))


def _column_names(app: KolonyApp) -> Iterable[str]:
    rows = _rows(app)
    return [column.id for column in rows.columns] if rows is not None else []


def _order_names(app: KolonyApp) -> Iterable[str]:
    rows = _rows(app)
    return rows.orders if rows is not None else []


def _group_names(app: KolonyApp) -> Iterable[str]:
    rows = _rows(app)
    return rows.groupings if rows is not None else []


async def _view_names(app: KolonyApp, begun: str) -> Sequence[str]:
    from kolony_tui.core.views import views

    rows = _rows(app)
    if rows is None or app.session is None:
        return []
    return [safe(view.name).plain for view in await views(app.session, rows.view_name)]


COMMANDS: tuple[Command, ...] = (
    Command("list.filter", "Filter", "shows only what passes: words, !word, field=value, field~part, @tag, and, or",
            _filter, ("list", "artifacts"), ("slash",), name="filter", argument="FILTER", short="filter"),
    Command("list.sort", "Sort", "sorts by the next column, and after the last one not at all", _sort,
            ("list",), ("s",), "sort", argument="", arguments=_order_names, unavailable=_none),
    Command("list.reverse", "Sort backwards", "turns the order round", _reverse, ("list",), ("S",), unavailable=_none),
    Command("list.group", "Group", "puts together what is alike in the next column; enter folds a group", _group,
            ("list",), ("ctrl+t",), "group", argument="", arguments=_group_names, unavailable=_no_groups),
    Command("list.columns", "Columns", "chooses which columns are shown, and their order", _columns, ("list",),
            ("vertical_line",), "columns", argument="", arguments=_column_names, unavailable=_none),
    Command("list.views", "Views", "looks at the list as it was kept under a name, or keeps how it is now", _views,
            ("list",), ("V",), "view", argument="", completes=_view_names, unavailable=_none),
)  # fmt: skip
