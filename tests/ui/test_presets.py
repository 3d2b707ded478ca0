"""Playbooks: presets listed by use, filled in with a preview, made, changed, gone back to; rights seen in the keys."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from textual.pilot import Pilot
from textual.widgets import Input, Static

from kolony_tui.models.presets import Preset
from kolony_tui.ui.app import KolonyApp
from kolony_tui.ui.screens.playbooks.editor import PresetEditor
from kolony_tui.ui.screens.playbooks.filling import FillForm
from kolony_tui.ui.screens.playbooks.picking import PresetPicker
from kolony_tui.ui.screens.playbooks.screen import PlaybooksScreen
from kolony_tui.ui.screens.playbooks.versions import VersionsScreen
from kolony_tui.ui.screens.work.command import CommandScreen
from kolony_tui.ui.screens.work.composer import Composer
from tests.text.hostile import everything, forbidden
from tests.ui.stage import Stage, toasts, until, words

WHO = {"name": "who", "type": "text"}
LEVEL = {"name": "level", "type": "choice", "choices": ["low", "high"], "default": "low"}


async def make(
    stage: Stage, name: str, content: str, *variables: dict[str, Any], by: str = "bob", shared: bool = False,
    **details: Any,
) -> UUID:  # fmt: skip
    """A preset by SQL."""
    person = await stage.workspace.database.connect(by)
    made: UUID = await person.fetchval(
        "SELECT kolony.make_preset($1, $2, $3, $4, $5)", stage.workspace.workspace_id, name, content,
        {**details, "variables": list(variables)}, shared,
    )  # fmt: skip
    return made


def shown(app: KolonyApp) -> Sequence[Preset]:
    """The presets in the list; none on another screen."""
    return app.screen.presets.rows if isinstance(app.screen, PlaybooksScreen) else []


async def listed(app: KolonyApp, pilot: Pilot[int]) -> None:
    """The screen with its rows."""
    await pilot.press("6")
    await until(lambda: shown(app), "the presets are listed")


async def test_a_preset_is_filled_in_with_a_preview_and_sent(stage: Stage) -> None:
    await make(stage, "greet", "echo {{who|sh}} {{level}}", WHO, LEVEL, description="says hello", priority=70)
    runner = await stage.runner()
    await stage.send("so that no composer greets")
    await runner.finish(await runner.take(), exit_code=0)
    async with stage.app("bob") as (app, pilot):
        await listed(app, pilot)
        row = ("greet", "who, level", "mine, private", "says hello", "echo {{who|sh}} {{level}}", "asks who:text")
        await until(lambda: all(word in words(app) for word in row), "with what it says")
        await pilot.press("enter")
        await until(lambda: isinstance(app.screen, FillForm), "the form is open")
        await until(lambda: "echo {{who|sh}} low" in words(app), "the preview has what is known")
        await pilot.press("ctrl+s")
        await until(lambda: '"greet" needs a value for "who"' in words(app), "what is missing is named")
        await pilot.press(*"it's", "tab", "right")
        await until(lambda: "echo 'it'\"'\"'s' high" in words(app), "the preview follows")
        await pilot.press("ctrl+s")
        await until(lambda: not app.screen.is_modal, "sent")
        claim = await runner.take()
        assert (claim["content"], claim["kind"]) == ("echo 'it'\"'\"'s' high", "natural")
        await pilot.press("6")
        await until(lambda: isinstance(app.screen, PlaybooksScreen), "back")
        await until(lambda: shown(app)[0].used_count == 1, "its use is counted")


async def test_a_form_goes_on_in_the_composer_with_what_the_preset_says(stage: Stage) -> None:
    second = await stage.workspace.database.add_agent("second")
    await make(stage, "both", "uptime", priority=12, kind="investigate", target_words="worker, second")
    async with stage.app("bob") as (app, pilot):
        await until(lambda: isinstance(app.screen, Composer), "a newcomer's composer")
        await pilot.press("ctrl+o", "b", "enter")
        await until(lambda: isinstance(app.screen, FillForm), "the form is open")
        await until(lambda: "goes to 2 agents: second, worker" in words(app) or "goes to 2 agents: worker, second"
                    in words(app), "to whom it goes")  # fmt: skip
        await pilot.press("ctrl+o")
        await until(lambda: isinstance(app.screen, Composer) and "from a preset; investigate" in words(app), "there")
        assert app.screen.query_one("#priority", Input).value == "12"
        await pilot.press("enter")
        await until(lambda: isinstance(app.screen, CommandScreen) and "0/2 done" in words(app), "how its runs stand")
    superuser = await stage.workspace.database.superuser()
    row = await superuser.fetchrow("SELECT kind, priority, target_words, preset_version, targets FROM kolony.commands")
    assert row is not None
    assert tuple(row)[:4] == ("investigate", 12, "worker, second", 1)
    assert set(row["targets"]) == {stage.agent.agent_id, second.agent_id}


async def test_a_preset_is_made_changed_and_gone_back_to(stage: Stage) -> None:
    await stage.send("so that no composer greets")
    async with stage.app("bob") as (app, pilot):
        await pilot.press("6")
        await until(lambda: "no presets; a makes one" in words(app), "none yet")
        await pilot.press("a")
        await until(lambda: isinstance(app.screen, PresetEditor), "the editor is open")
        await pilot.press(*"tidy")
        app.screen.query_one("#preset-content").focus()
        await pilot.press(*"rm {{what}}", "ctrl+s")
        await until(lambda: 'there is no variable "what"' in words(app), "a slip is said in place")
        app.screen.query_one("#preset-variables").focus()
        await pilot.press(*"what:choice:a,b=a", "ctrl+s")
        await until(lambda: shown(app), "made")
        await pilot.press("e")
        await until(lambda: isinstance(app.screen, PresetEditor), "again")
        app.screen.query_one("#preset-content").focus()
        await pilot.press("end", "space", "-", "r", "ctrl+s")
        await until(lambda: "the preset tidy is version 2 now" in toasts(app), "changed")
        await until(lambda: "rm {{what}} -r" in words(app), "shown")
        await pilot.press("d")
        await until(
            lambda: isinstance(app.screen, VersionsScreen) and "+rm {{what}} -r" in words(app), "the difference"
        )
        assert "-rm {{what}}" in words(app)
        await pilot.press("down", "r")
        await until(lambda: "that is version 3" in toasts(app), "gone back")
        await until(lambda: "rm {{what}} -r" not in words(app), "shown")


async def test_what_is_deleted_comes_back_by_undo_and_a_viewer_only_looks(stage: Stage) -> None:
    await stage.send("so that no composer greets")
    await make(stage, "greet", "echo hello", shared=True)
    await make(stage, "secret", "echo mine")
    async with stage.app("bob") as (app, pilot):
        await listed(app, pilot)
        await pilot.press("ctrl+a", "x")
        await until(lambda: "Delete 2 presets?" in words(app), "it asks")
        await pilot.press("n", "escape", "x")
        await until(lambda: "u undoes it for 30 s" in toasts(app), "one is deleted without a question")
        await until(lambda: len(shown(app)) == 1, "gone")
        await pilot.press("u")
        await until(lambda: len(shown(app)) == 2, "back")
        await pilot.press("home", "p")
        await until(lambda: "mine, shared" not in words(app), "private")
        await pilot.press("p")
        await until(lambda: "mine, shared" in words(app), "shared again")
    async with stage.app("eve") as (app, pilot):
        await listed(app, pilot)
        assert "secret" not in words(app)
        await pilot.press("enter")
        await until(lambda: "you are a viewer here" in toasts(app), "no form")
        await pilot.press("x")
        await until(lambda: toasts(app).count("you are a viewer here") == 2, "no step")
        await pilot.press("d")
        await until(lambda: isinstance(app.screen, VersionsScreen), "she may look")
        assert "r goes back" not in words(app)


async def test_g12_what_somebody_else_put_into_a_preset_commands_nothing(stage: Stage) -> None:
    evil = everything().replace("\0", "")
    hostile = {"name": "who", "type": "choice", "choices": [evil[:400], "b"], "help": evil[:900], "default": "b"}
    plain = {"name": "text", "type": "text", "default": evil[:400]}
    await stage.send("so that no composer greets")
    made = await make(stage, "evil", evil + "{{who}}{{text}}", hostile, plain, by="ada", shared=True,
                      description=evil[:900], target_words=evil[:900])  # fmt: skip
    ada = await stage.workspace.database.connect("ada")
    await ada.execute("SELECT kolony.change_preset($1, $2)", made, {"content": evil + "{{text}}"})
    async with stage.app("ada", size=(140, 40)) as (app, pilot):
        await listed(app, pilot)
        seen = [words(app)]
        for keys, dialog in ((("enter",), FillForm), (("e",), PresetEditor), (("d",), VersionsScreen)):
            await pilot.press(*keys)
            await until(lambda kind=dialog: isinstance(app.screen, kind), "open")  # type: ignore[misc]
            await until(lambda: all(each.content for each in app.screen.query("#preview, #difference").results(Static)),
                        "drawn")  # fmt: skip
            seen += [words(app), *(each.value for each in app.screen.query(Input))]
            await pilot.press("escape")
            await until(lambda: isinstance(app.screen, PlaybooksScreen), "closed")
        await pilot.press("n", "ctrl+o")
        await until(lambda: isinstance(app.screen, PresetPicker), "the picker")
        seen.append(words(app))
    assert {each for text in seen for each in forbidden(text, allowed="\n")} == set()
    assert sum("evil" in text for text in seen) >= 4
