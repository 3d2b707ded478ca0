"""Writes the tables of verbs and settings into the README, from the code that defines them."""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from kolony_tui.cli.main import VERBS, parser_for
from kolony_tui.core.config import Config

_CONNECTION = {"--dsn", "--profile", "--pin", "--insecure-tls", "--workspace", "--json", "--debug", "-h", "--help"}


def verb_table() -> str:
    """Each verb with its arguments and its line of help, as Markdown."""
    rows = ["| verb | does |", "|---|---|", "| `kolony` | opens the app |"]
    rows += [f"| `{_usage(parser)}` | {parser.description} |" for parser in _leaves(parser_for([v[0] for v in VERBS]))]
    return "\n".join(rows)


def settings_table() -> str:
    """Each key of config.toml with its default and its meaning, as Markdown."""
    rows = ["| key | default | is |", "|---|---|---|"]
    rows += [f"| `{key}` | {default} | {text} |" for key, default, text in _settings(Config, "")]
    return "\n".join(rows)


def with_tables(readme: str) -> str:
    """The README with both tables made anew, each after its mark and before the next heading or table."""
    for mark, table in (("verbs", verb_table()), ("settings", settings_table())):
        before, line, after = readme.partition(f"<!-- {mark} -->\n")
        readme = before + line + table + "\n" + re.sub(r"^(?:\|.*\n)+", "", after)
    return readme


def _leaves(parser: argparse.ArgumentParser) -> Iterator[argparse.ArgumentParser]:
    below = [action for action in parser._actions if isinstance(action, argparse._SubParsersAction)]
    if not below:
        yield parser
    for action in below:
        for each in action.choices.values():
            yield from _leaves(each)


def _usage(parser: argparse.ArgumentParser) -> str:
    words = [parser.prog]
    for action in parser._actions:
        if _CONNECTION & set(action.option_strings):
            continue
        words.append(_argument(action))
    if parser.get_default("takes_rest"):
        words.append("-- TEXT")
    return " ".join(words).replace("|", "\\|")


def _argument(action: argparse.Action) -> str:
    value = str(action.metavar or (action.choices and "|".join(map(str, action.choices))) or action.dest.upper())
    if not action.option_strings:
        return {"?": f"[{value}]", "*": f"[{value}...]"}.get(str(action.nargs), value.upper())
    name = action.option_strings[-1] + ("" if action.nargs == 0 else f" {value}")
    return name if action.required else f"[{name}]"


def _settings(model: type[BaseModel], prefix: str) -> Iterator[tuple[str, str, str]]:
    for name, field in model.model_fields.items():
        kind: Any = field.annotation
        key = f"{prefix}{name}"
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            yield from _settings(kind, f"{key}.")
            continue
        default = field.get_default(call_default_factory=True)
        shown = "required" if field.is_required() else "none" if default in (None, {}) else f"`{default}`"
        yield f"{key}.NAME" if default == {} else key, shown, str(field.description)
        for argument in getattr(kind, "__args__", ()):
            if isinstance(argument, type) and issubclass(argument, BaseModel):
                yield from _settings(argument, f"{key}.NAME.")


if __name__ == "__main__":
    path = Path(sys.argv[1] if len(sys.argv) > 1 else "README.md")
    path.write_text(with_tables(path.read_text(encoding="utf-8")), encoding="utf-8")
