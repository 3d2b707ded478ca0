"""The verbs: arguments, then core, then print."""
