"""What a person can do, a module an area: people, fleet, work, records. No Textual, no printing."""
