"""Agents on the screen."""
