"""Presets: whose they are, what they say, their versions, and that filling in puts values in and nothing else."""

from __future__ import annotations

import asyncio
import subprocess
from typing import Any
from uuid import UUID

import asyncpg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.database import Agent, Workspace, refused, until_blocked
from tests.security.unchanged import unchanged
from tests.work.calls import send

CHANGE = "SELECT kolony.change_preset($1, $2, $3)"


async def make(
    person: asyncpg.Connection, home: UUID, name: str, content: str, *variables: dict[str, Any], shared: bool = False,
    **details: Any,
) -> UUID:  # fmt: skip
    """A new preset."""
    made: UUID = await person.fetchval(
        "SELECT kolony.make_preset($1, $2, $3, $4, $5)", home, name, content,
        {**details, "variables": list(variables)}, shared,
    )  # fmt: skip
    return made


async def fill(person: asyncpg.Connection, preset: UUID, **values: str) -> str:
    """Its text with these values."""
    text: str = await person.fetchval("SELECT kolony.fill_preset($1, $2)", preset, values)
    return text


def var(name: str, type: str = "text", **more: Any) -> dict[str, Any]:
    """A variable."""
    return {"name": name, "type": type, **more}


async def test_a_private_preset_is_its_owners_alone_and_a_shared_one_everybodys(workspace: Workspace) -> None:
    database, home = workspace.database, workspace.workspace_id
    bob, ada, eve = [await database.connect(name) for name in ("bob", "ada", "eve")]
    otto, superuser = await database.connect("otto"), await database.superuser()
    preset = await make(bob, home, "deploy", "deploy it")
    overview = "SELECT name, shared, mine FROM kolony.preset_overview"
    steps = {
        "change_preset($1, '{}')": "42501",
        "share_preset($1, true)": "42501",
        "delete_preset($1)": "42501",
        "restore_preset_version($1, 1)": "42501",
    }
    for other in (ada, eve, otto):
        for table in ("presets", "preset_versions", "preset_overview"):
            assert await other.fetch(f"SELECT * FROM kolony.{table}") == []
        async with unchanged(superuser):
            for step in (*steps, "fill_preset($1)"):
                with refused("P0002", "there is no such preset"):
                    await other.execute(f"SELECT kolony.{step}", preset)
    await bob.execute("SELECT kolony.share_preset($1, true)", preset)
    assert [tuple(row) for row in await bob.fetch(overview)] == [("deploy", True, True)]
    for other in (ada, eve):
        assert [tuple(row) for row in await other.fetch(overview)] == [("deploy", True, False)]
        assert await fill(other, preset) == "deploy it"
    assert await otto.fetch(overview) == []
    dora = await database.connect(await database.add_person("operator"))
    for other in (dora, eve):
        async with unchanged(superuser):
            for step, state in steps.items():
                with refused(state):
                    await other.execute(f"SELECT kolony.{step}", preset)
    assert await ada.fetchval(CHANGE, preset, {"content": "as ada says"}, None) == 2
    assert await fill(bob, preset) == "as ada says"
    with refused("42501", "you are a viewer"):
        await make(eve, home, "mine", "x")
    with refused("42501", "not a member"):
        await make(otto, home, "mine", "x")


async def test_names_are_free_for_each_owner_and_once_among_shared_ones(workspace: Workspace) -> None:
    bob, ada = await workspace.database.connect("bob"), await workspace.database.connect("ada")
    home = workspace.workspace_id
    await make(bob, home, "deploy", "x", shared=True)
    own = await make(ada, home, "deploy", "y")
    for call in (make(bob, home, "deploy", "z"), make(ada, home, "deploy", "z")):
        with refused("23505", 'there is a preset "deploy" already'):
            await call
    with refused("23505", "already"):
        await ada.execute("SELECT kolony.share_preset($1, true)", own)
    assert await ada.fetchval(CHANGE, own, {"name": "publish"}, None) == 1
    await ada.execute("SELECT kolony.share_preset($1, true)", own)
    for name in ("", " x", "a\nb", "x" * 101):
        with refused("22023", "1 to 100 printable"):
            await make(bob, home, name, "x")


@pytest.mark.parametrize(
    ("content", "variables", "details", "words"),
    [
        ("say {{what}}", [], {}, 'there is no variable "what"'),
        ("say {{what|upper}}", [var("what")], {}, 'there is no "upper"'),
        ("x", [var("a"), var("a", "number")], {}, 'two variables "a"'),
        ("x", [var("1a")], {}, "a variable has a name"),
        ("x", [{"type": "text"}], {}, "a variable has a name"),
        ("x", ["a"], {}, "a variable has a name"),
        ("x", [var("a", "date")], {}, "of no known type"),
        ("x", [var("a", choices=["b"])], {}, 'a "choices" that cannot be'),
        ("x", [var("a", default=3)], {}, 'a "default" that cannot be'),
        ("x", [var("a", secret=True)], {}, 'a "secret" that cannot be'),
        ("x", [var("a", "choice")], {}, "1 to 100 words"),
        ("x", [var("a", "choice", choices=["b", 3])], {}, "1 to 100 words"),
        ("x", [var("a", "choice", choices=["b"], default="c")], {}, '"a" cannot be "c"'),
        ("x", [var("a", "number", default="ten")], {}, '"a" is a number'),
        ("x", [var(f"v{n}") for n in range(51)], {}, "at most 50"),
        (" \n", [], {}, "a command needs a text"),
        ("x", [], {"priority": 101}, "a priority is 0 to 100, not 101"),
        ("x", [], {"priority": "high"}, "a priority is a number"),
        ("x", [], {"kind": "poem"}, 'there is no kind "poem"'),
        ("x", [], {"contents": "y"}, 'a preset has no "contents"'),
    ],
)
async def test_what_cannot_be_a_preset_is_refused_in_one_line(
    workspace: Workspace, content: str, variables: list[Any], details: dict[str, Any], words: str
) -> None:
    bob = await workspace.database.connect("bob")
    with refused("22023", words):
        await make(bob, workspace.workspace_id, "bad", content, *variables, **details)


async def test_filling_in_names_what_is_missing_or_wrong(workspace: Workspace, agent: Agent) -> None:
    bob, home = await workspace.database.connect("bob"), workspace.workspace_id
    both = [agent.agent_id, (await workspace.database.add_agent("second")).agent_id]
    await send(bob, agent)
    await send(bob, both)
    preset = await make(
        bob, home, "all", "{{who}} {{ n }} {{level}} {{on}} {{about}} {{note}}.",
        var("who"), var("n", "number", default="1.5e3"), var("level", "choice", choices=["low", "high"], default="low"),
        var("on", "agent", help="whose turn it is"), var("about", "run"), var("note", required=False),
    )  # fmt: skip
    good = {"who": "bob", "on": "worker", "about": "#1"}
    assert await fill(bob, preset, **good) == "bob 1.5e3 low worker 1 ."
    assert await fill(bob, preset, **good | {"about": "2.2", "n": "-7", "level": "high", "note": "!"}) == (
        "bob -7 high worker 2.2 !."
    )
    assert await bob.fetchval("SELECT kolony.fill_preset($1, $2, partly => true)", preset, {"on": "worker"}) == (
        "{{who}} 1.5e3 low worker {{about}} ."
    )
    wrong = {
        'needs a value for "who"': good | {"who": ""},
        "whose turn it is": good | {"on": ""},
        '"n" is a number, not "ten"': good | {"n": "ten"},
        "it is one of low, high": good | {"level": "middle"},
        'there is no agent "nobody" here': good | {"on": "nobody"},
        'there is no run "77" here': good | {"about": "77"},
        'there is no run "x" here': good | {"about": "x"},
        "command 2 has several runs": good | {"about": "#2"},
        'has no variable "whom"': good | {"whom": "x"},
    }
    for words, values in wrong.items():
        with pytest.raises(asyncpg.InvalidParameterValueError) as caught:
            await fill(bob, preset, **values)
        assert words in f"{caught.value} {caught.value.hint}"


HOSTILE = st.text(st.characters(exclude_characters="\x00", codec="utf-8"), max_size=40) | st.sampled_from(
    ["'", "''", "'; exit 3; '", "$(exit 3)", "`exit 3`", "\\'", '"', "\n", "{{a}}", "{{b|sh}}", "\\", "-n", "~", "*"]
)


async def test_values_are_put_in_as_they_are_and_quoted_for_a_shell_where_that_is_asked_for(
    workspace: Workspace,
) -> None:
    bob = await workspace.database.connect("bob")
    plain = await make(bob, workspace.workspace_id, "plain", "<{{a}}|{{b}}|{{ a }}>{{{a}}}{{.x}}",
                       var("a", required=False), var("b", required=False))  # fmt: skip
    quoted = await make(bob, workspace.workspace_id, "quoted", "printf '%s\\n' {{a|sh}}{{ b | sh }}",
                        var("a", required=False), var("b", required=False))  # fmt: skip
    loop = asyncio.get_running_loop()

    def filled(preset: UUID, a: str, b: str) -> str:
        return asyncio.run_coroutine_threadsafe(fill(bob, preset, a=a, b=b), loop).result(20)

    @settings(max_examples=60, suppress_health_check=[HealthCheck.too_slow])
    @given(HOSTILE, HOSTILE)
    def check(a: str, b: str) -> None:
        assert filled(plain, a, b) == f"<{a}|{b}|{a}>{{{a}}}{{{{.x}}}}"
        said = subprocess.run(["sh", "-c", filled(quoted, a, b)], capture_output=True, check=True).stdout
        assert said == f"{a}{b}\n".encode()

    await asyncio.to_thread(check)


async def test_every_version_stays_and_one_can_go_back(workspace: Workspace) -> None:
    bob, ada = await workspace.database.connect("bob"), await workspace.database.connect("ada")
    superuser = await workspace.database.superuser()
    preset = await make(bob, workspace.workspace_id, "p", "first {{x}}", var("x", default="1"), shared=True, priority=7)
    assert await bob.fetchval(CHANGE, preset, {"content": "second", "variables": []}, 1) == 2
    assert await bob.fetchval(CHANGE, preset, {"content": "second"}, 2) == 2, "nothing is different"
    with refused("55000", "was changed by"):
        await ada.fetchval(CHANGE, preset, {"content": "unseen"}, 1)
    with refused("22023", 'no variable "x"'):
        await bob.fetchval(CHANGE, preset, {"content": "third {{x}}"}, None)
    assert await bob.fetchval("SELECT kolony.restore_preset_version($1, 1)", preset) == 3
    assert await fill(bob, preset) == "first 1"
    assert await bob.fetchval("SELECT kolony.fill_preset($1, '{}', 2)", preset) == "second"
    with refused("P0002", "no version 9"):
        await bob.execute("SELECT kolony.restore_preset_version($1, 9)", preset)
    rows = await bob.fetch("SELECT version, content, priority FROM kolony.preset_versions ORDER BY version")
    assert [tuple(row) for row in rows] == [(1, "first {{x}}", 7), (2, "second", 7), (3, "first {{x}}", 7)]
    events = await superuser.fetch(
        "SELECT event, subject, details FROM kolony.audit_log WHERE event LIKE 'PRESET%' ORDER BY entry_id"
    )
    assert [row["event"] for row in events] == ["PRESET_CREATED", "PRESET_CHANGED", "PRESET_CHANGED"]
    assert "first" not in str([tuple(row) for row in events]), "what it says is not in the log"


async def test_a_constraint_profile_that_is_gone_is_not_chosen_again(workspace: Workspace) -> None:
    ada, home = await workspace.database.connect("ada"), workspace.workspace_id
    night = await ada.fetchval("SELECT kolony.make_constraint($1, 'night', '', 60000)", home)
    preset = await make(ada, home, "p", "x", constraint_id=str(night))
    assert await ada.fetchval("SELECT constraint_name FROM kolony.preset_overview") == "night"
    await ada.execute("SELECT kolony.delete_constraint($1)", night)
    assert await ada.fetchval(CHANGE, preset, {"description": "still changes"}, None) == 2
    with refused("P0002", "no such constraint profile"):
        await make(ada, home, "q", "x", constraint_id=str(night))
    assert await ada.fetchval(CHANGE, preset, {"constraint_id": None}, None) == 3
    with refused("P0002", "no such constraint profile"):
        await ada.execute("SELECT kolony.restore_preset_version($1, 1)", preset)


async def test_two_who_change_it_at_once_do_not_overwrite_each_other(workspace: Workspace) -> None:
    bob, ada = await workspace.database.connect("bob"), await workspace.database.connect("ada")
    superuser = await workspace.database.superuser()
    preset = await make(bob, workspace.workspace_id, "p", "x", shared=True)
    transaction = bob.transaction()
    await transaction.start()
    await bob.execute(CHANGE, preset, {"content": "bob's"}, 1)
    second = asyncio.create_task(ada.execute(CHANGE, preset, {"content": "ada's"}, 1))
    await until_blocked(superuser, ada)
    await transaction.commit()
    with refused("55000", "was changed by"):
        await second
    assert await fill(ada, preset) == "bob's"
