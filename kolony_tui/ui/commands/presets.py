"""Presets: filling in, making, changing, sharing, deleting, going back."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from kolony_tui.core import constraints, presets
from kolony_tui.models.people import Role
from kolony_tui.models.presets import Preset
from kolony_tui.text import safe
from kolony_tui.ui.commands.each import for_each
from kolony_tui.ui.commands.work import session_of
from kolony_tui.ui.registry import Command, Reason
from kolony_tui.ui.subject import chosen_presets, nearest

if TYPE_CHECKING:
    from kolony_tui.ui.app import KolonyApp


def _called(preset: Preset) -> str:
    return safe(preset.name, limit=60).plain


def _needs_preset(*, to_change: bool) -> Reason:
    def reason(app: KolonyApp) -> str | None:
        chosen = chosen_presets(app)
        if not chosen:
            return "no preset is chosen here (6 shows them)"
        if to_change and not any(_may_change(app, each) for each in chosen):
            return "its owner or an admin may change it"
        return None

    return reason


def _may_change(app: KolonyApp, preset: Preset) -> bool:
    return preset.mine or (app.session is not None and app.session.role.includes(Role.ADMIN))


def _pointed(app: KolonyApp) -> Preset | None:
    from kolony_tui.ui.widgets.preset_list import PresetList

    rows = nearest(app, PresetList)
    return rows.pointed if rows is not None else None


async def use_preset(app: KolonyApp, preset: Preset) -> None:
    """Asks for its variables, and sends what they make; or takes the text to the composer."""
    from kolony_tui.ui.screens.playbooks.filling import FillForm, sending_of
    from kolony_tui.ui.screens.work.broadcast import show_sent
    from kolony_tui.ui.screens.work.composer import Composer, aimed_names

    to = safe(preset.target_words, limit=500).plain or ", ".join(aimed_names(app)[:1])
    form = FillForm(preset, to)
    if await app.push_screen_wait(form) and form.sent is not None:
        show_sent(app, form.sent)
    elif form.text:
        app.push_screen(Composer(form.text, to=form.to, how=sending_of(preset, form.to)))


async def _use(app: KolonyApp, name: str) -> None:
    preset = await presets.preset_named(session_of(app), name) if name else _pointed(app)
    if preset is not None:
        await use_preset(app, preset)


def _names(app: KolonyApp) -> Iterable[str]:
    return [_called(each) for each in chosen_presets(app)]


async def _new(app: KolonyApp, _: str) -> None:
    from kolony_tui.ui.screens.playbooks.editor import PresetEditor

    profiles = await constraints.constraints(session_of(app))
    await app.push_screen_wait(PresetEditor(None, profiles))
    app.live.look_again()


async def _edit(app: KolonyApp, _: str) -> None:
    from kolony_tui.ui.screens.playbooks.editor import PresetEditor

    preset = _pointed(app)
    if preset is not None:
        profiles = await constraints.constraints(session_of(app))
        await app.push_screen_wait(PresetEditor(preset, profiles))
        app.live.look_again()


async def _share(app: KolonyApp, _: str) -> None:
    chosen = [each for each in chosen_presets(app) if _may_change(app, each)]
    to_shared = not all(each.shared for each in chosen)

    async def share(preset: Preset) -> None:
        await presets.share_preset(session_of(app), preset.preset_id, to_shared)

    await for_each(app, chosen, _called, share, "shared with everybody here" if to_shared else "private now")
    app.live.look_again()


async def _delete(app: KolonyApp, _: str) -> None:
    from kolony_tui.ui.screens.asking import Question

    chosen = [each for each in chosen_presets(app) if _may_change(app, each)]
    if len(chosen) > 1:
        asked = Question(f"Delete {len(chosen)} presets?", "u brings them back for a while.",
                         [_called(each) for each in chosen], yes="Delete")  # fmt: skip
        if await app.push_screen_wait(asked) is None:
            return

    async def delete(preset: Preset) -> None:
        await presets.delete_preset(session_of(app), preset.preset_id)

    await for_each(app, chosen, _called, delete, "deleted", undoable=True)
    app.live.look_again()


async def _versions(app: KolonyApp, _: str) -> None:
    from kolony_tui.ui.screens.playbooks.versions import VersionsScreen

    preset = _pointed(app)
    if preset is None:
        return
    session = session_of(app)
    found = await presets.versions(session, preset.preset_id)
    may = session.role.includes(Role.OPERATOR) and _may_change(app, preset)
    chosen = await app.push_screen_wait(VersionsScreen(preset, found, may_change=may))
    if chosen is not None:
        version = await presets.restore_version(session, preset.preset_id, chosen)
        app.say(f"{_called(preset)} says what version {chosen} said; that is version {version}")
        app.live.look_again()


_ANY, _OWN = _needs_preset(to_change=False), _needs_preset(to_change=True)

COMMANDS: tuple[Command, ...] = (
    Command("preset.use", "Use a preset", "asks for what the preset needs, and sends it (as enter does)", _use,
            ("presets",), ("f",), "preset", Role.OPERATOR, argument="NAME", arguments=_names,
            short="use"),
    Command("preset.new", "New preset", "saves a command under a name", _new, ("presets",), ("a",), "mkpreset",
            Role.OPERATOR, short="new preset"),
    Command("preset.edit", "Change a preset", "changes what it says; the versions before stay", _edit,
            ("presets",), ("e",), "", Role.OPERATOR, unavailable=_OWN, short="edit"),
    Command("preset.share", "Share presets", "with everybody here, or keeps them private again", _share,
            ("presets",), ("p",), "", Role.OPERATOR, unavailable=_OWN, short="share"),
    Command("preset.versions", "Versions of a preset", "what each version changed, and going back to one", _versions,
            ("presets",), ("d",), "", unavailable=_ANY, short="versions"),
    Command("preset.delete", "Delete presets", "deletes presets; u brings them back for a while", _delete,
            ("presets",), ("x",), "", Role.OPERATOR, destructive=True, unavailable=_OWN, short="delete"),
)  # fmt: skip
