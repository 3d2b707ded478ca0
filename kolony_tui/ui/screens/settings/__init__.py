"""Settings (key 0): a frame, and a file for each section."""
