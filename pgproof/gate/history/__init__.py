"""Base's migrations and head's in, what of the applied ones has changed, and what is wrong with the new ones out."""
