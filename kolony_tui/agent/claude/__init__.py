"""The adapter ``claude``: Claude Code over its own stream of JSON lines, from bytes to events."""
