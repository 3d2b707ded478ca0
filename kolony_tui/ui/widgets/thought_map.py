"""`ThoughtMap`: what an agent thought and did as a map: nodes with what they are, how sure it was, and their edges."""

from __future__ import annotations

from typing import ClassVar

from kolony_tui.core.trace_tree import TraceRow, TraceTree
from kolony_tui.models.trace import TraceLine
from kolony_tui.ui.draw import Cell, Part, Tone, part
from kolony_tui.ui.widgets.trace_view import STATUS_SIGNS, TraceView

_KINDS: dict[str, tuple[str, str, Tone]] = {
    "llm_prompt": ("◆", "input", "accent"),
    "thought": ("●", "processing", "plain"),
    "tool_call": ("■", "action", "busy"),
    "response": ("▶", "output", "good"),
    "plan": ("○", "plan", "warn"),
}
_ASCII = {"◆": "#", "├": "|", "└": "`", "█": "#", "░": "."}
_DEEPEST = 10
_BAR = 10
_NARROW = 44


class ThoughtMap(TraceView):
    """The nodes in the order in which they came, each joined to the one that it is a part of. A prompt is an input, a
    thought processing, a tool call an action, a response an output; the second line says what was thought or done."""

    LINES_OF_ROW: ClassVar[int] = 2

    def laid(self, tree: TraceTree) -> list[TraceRow]:
        """The nodes, with which edges go on below each."""
        rows = [row for row in super().laid(tree) if row.line.type in _KINDS]
        self._edges = _edges(rows)
        return rows

    def sides(self, place: int, row: TraceRow, part_of_row: int) -> tuple[Cell, Cell]:
        """The node and how sure the agent was; or what it holds."""
        line, edges = row.line, self._edge_words(place, row, part_of_row)
        if part_of_row:
            said = line.summary or line.error
            shown: list[Part] = [part(edges, "dim")]
            if said:
                shown.append(part(said, "plain" if line.summary else "bad", limit=240))
            return tuple(shown), ()
        glyph, word, tone = _KINDS[line.type]
        left: list[Part] = [part(edges, "dim"), part(f"{self._sign(glyph)} {word}", tone)]
        if line.name and line.name.raw not in (word, "prompt"):
            left += [part("  "), part(line.name, "strong", limit=60)]
        if line.status != "completed":
            sign, mood = STATUS_SIGNS.get(line.status, ("?", "warn"))
            left.append(part(f"  {self.drawing().glyph(sign)} {line.status}", mood))
        if row.folded:
            left.append(part(f"  +{row.parts}", "dim"))
        return tuple(left), self._sure(line) or self.figures(line)

    def _sure(self, line: TraceLine) -> Cell:
        if line.confidence is None:
            return ()
        tone: Tone = "good" if line.confidence >= 0.7 else "warn" if line.confidence >= 0.4 else "bad"
        percent = part(f"{line.confidence:>4.0%}", tone)
        if self.scrollable_content_region.width < _NARROW:
            return (percent,)
        full = round(line.confidence * _BAR)
        return part(self._sign("█") * full, tone), part(self._sign("░") * (_BAR - full), "dim"), percent

    def _sign(self, glyph: str) -> str:
        return _ASCII.get(glyph, self.drawing().glyph(glyph)) if self.drawing().ascii_only else glyph

    def _edge_words(self, place: int, row: TraceRow, part_of_row: int) -> str:
        goes_on, depth = self._edges[place], min(row.depth, _DEEPEST)
        across, down = self._sign("─"), self._sign("│")
        words = "".join(f"{down}  " if goes_on[level] else "   " for level in range(1, depth))
        if depth and part_of_row:
            words += f"{down}  " if goes_on[depth] else "   "
        elif depth:
            words += f"{self._sign('├' if goes_on[depth] else '└')}{across} "
        below = part_of_row and row.parts and not row.folded
        return words + ((f"{down} " if below else "  ") if part_of_row else "")


def _edges(rows: list[TraceRow]) -> list[tuple[bool, ...]]:
    """For each row and depth, whether another node of that depth hangs on the same one further below."""
    going = [False] * (_DEEPEST + 2)
    found: list[tuple[bool, ...]] = []
    for row in reversed(rows):
        depth = min(row.depth, _DEEPEST)
        found.append(tuple(going))
        going[depth] = True
        going[depth + 1 :] = [False] * (len(going) - depth - 1)
    found.reverse()
    return found
