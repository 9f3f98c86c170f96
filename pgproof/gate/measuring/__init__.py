"""New migrations in, what they do to a live server out: measured while they run, alone and among clients."""
