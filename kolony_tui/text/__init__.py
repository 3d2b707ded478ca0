"""The border: hostile text in, safe text out; ANSI colours to styles. Imports nothing of ours."""

from kolony_tui.text.safe import HasRaw, SafeText, safe
from kolony_tui.text.spelling import spelled_out

__all__ = ["HasRaw", "SafeText", "safe", "spelled_out"]
