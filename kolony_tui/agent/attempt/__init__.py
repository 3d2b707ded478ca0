"""One attempt, from its claim to its end: what it is given, what it prints, what may end it."""
