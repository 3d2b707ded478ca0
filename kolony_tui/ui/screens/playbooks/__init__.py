"""Presets: the list, the form that fills one in, the editor, the versions."""
