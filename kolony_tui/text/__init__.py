"""The border: hostile text in, safe text out; ANSI colours to styles. Imports nothing of ours."""
