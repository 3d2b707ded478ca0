"""`set_extent`: how much there is to scroll through."""

from __future__ import annotations

from textual.geometry import Size
from textual.scroll_view import ScrollView
from textual.widget import Widget


def set_extent(view: ScrollView, size: Size) -> None:
    """As ``view.virtual_size = size``, which lays out the whole screen anew for each frame in which something comes.

    There is need to only when a scroll bar comes or goes, and where the view's own size depends on its content.
    """
    if view.styles.auto_dimensions:
        view.virtual_size = size
    elif size != view.virtual_size:
        view.set_reactive(Widget.virtual_size, size)
        view._scroll_update(size)
