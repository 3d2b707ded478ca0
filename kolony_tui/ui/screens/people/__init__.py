"""People and workspaces on the screen."""
