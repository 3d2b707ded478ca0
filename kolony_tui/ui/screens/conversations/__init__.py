"""The screen of conversations."""
