"""The app: command registry, screens, widgets, styles."""
