"""The screen Timeline: events as they come."""
