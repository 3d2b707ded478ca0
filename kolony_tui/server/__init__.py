"""The embedded Postgres, migrations and the live schema check."""
