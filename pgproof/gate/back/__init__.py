"""A change in, what is left of a database after the way there and back out."""
