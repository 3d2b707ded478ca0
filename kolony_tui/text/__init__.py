"""The border: hostile text in, safe text out; ANSI colours to styles. Imports nothing of ours."""

from kolony_tui.text.safe import HasRaw, SafeText, safe

__all__ = ["HasRaw", "SafeText", "safe"]
