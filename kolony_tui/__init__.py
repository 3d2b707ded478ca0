"""Kolony: a command center for fleets of AI agents, in a terminal, on Postgres."""

__version__ = "0.1.0"
