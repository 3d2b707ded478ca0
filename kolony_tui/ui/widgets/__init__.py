"""Widgets that know no database."""
