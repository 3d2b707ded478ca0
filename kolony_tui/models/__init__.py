"""The words of the domain as types: people, fleet, work, records; and what can go wrong. Imports nothing of ours."""
