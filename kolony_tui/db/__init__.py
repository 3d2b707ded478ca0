"""The connection and its safety, LISTEN, queries by name, errors from SQLSTATE to ours."""
