"""The adapter ``acp``: an agent that speaks the Agent Client Protocol, from bytes to events."""
