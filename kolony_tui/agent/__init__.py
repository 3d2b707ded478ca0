"""The runner: session, claims, adapters, output, limits."""
