"""What kinds of agent programs there are, how each is started, and whether it answers. The kinds are the files here."""
