"""What happened: events, following them, replay and bundles."""
