"""The screen Usage."""
