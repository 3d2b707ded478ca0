"""The program of one attempt and all that it starts: watched over, measured, and ended to the last process."""
