"""Text that somebody decides by, with nothing in it that does not show."""

from __future__ import annotations


def spelled_out(text: str) -> str:
    r"""The text with whatever does not show written as Python would: what one allows is what one sees.

    >>> spelled_out("rm x\x1b[8m -rf /\nnow\u202e")
    'rm x\\x1b[8m -rf /\nnow\\u202e'
    """
    return "".join(
        char if char.isprintable() or char == "\n" else char.encode("unicode_escape").decode() for char in text
    )
