"""The real agent programs, driven through the runner with a model server that answers from a script."""
