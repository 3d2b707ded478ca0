"""The inbox: what waits, and answering it."""
