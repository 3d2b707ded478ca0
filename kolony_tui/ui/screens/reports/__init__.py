"""Reports of investigations."""
