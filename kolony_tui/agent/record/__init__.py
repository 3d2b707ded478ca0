"""What an attempt leaves beside its output, each kind on its own way into the database."""
