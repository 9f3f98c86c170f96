"""New migrations in, runs of them that are killed at every point, and what the next run makes of it out."""
