"""Commands and runs on the screen."""
