"""Kolony's own theme: calm, with one accent; and scroll bars without block characters."""

from __future__ import annotations

from typing import Any, ClassVar

from textual.app import App
from textual.scrollbar import ScrollBarRender
from textual.theme import Theme

KOLONY = Theme(
    name="kolony",
    primary="#6cb6ff",
    secondary="#8ddb8c",
    accent="#7ee2d4",
    foreground="#cdd3de",
    background="#12151b",
    surface="#181c24",
    panel="#1f2530",
    success="#8ddb8c",
    warning="#e3b341",
    error="#ff7b72",
    dark=True,
    variables={"primary-muted": "#233247", "text-muted": "#8a94a6", "text-disabled": "#566072"},
)


class PlainScrollBar(ScrollBarRender):
    """Made of blanks alone, for terminals that have nothing beyond ASCII."""

    VERTICAL_BARS: ClassVar[list[str]] = [" "] * 8
    HORIZONTAL_BARS: ClassVar[list[str]] = [" "] * 8


def begin_with(app: App[Any], *wanted: str | None) -> None:
    """Gives an app that does not run yet the first of these themes that there is, else ours.

    Once it runs, every change of the theme reads all style sheets again.
    """
    app.register_theme(KOLONY)
    app.set_reactive(App.theme, next((name for name in wanted if name in app.available_themes), KOLONY.name))
    app.stylesheet.set_variables(app.get_css_variables())
    for name, is_so in (("-dark-mode", app.current_theme.dark), ("-light-mode", not app.current_theme.dark)):
        app.set_class(is_so, name, update=False)
    app._refresh_truecolor_filter(app.ansi_theme)
