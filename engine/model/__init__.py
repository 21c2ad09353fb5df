"""The networks of the reference design, one per file."""
