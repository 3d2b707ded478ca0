"""One folder an area; one module a screen."""
