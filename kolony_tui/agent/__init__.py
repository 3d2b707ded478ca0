"""The runner: its session and claims here; attempts, their programs and what they leave, adapters and types below."""
