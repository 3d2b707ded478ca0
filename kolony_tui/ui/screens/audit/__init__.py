"""The screen of the audit log."""
