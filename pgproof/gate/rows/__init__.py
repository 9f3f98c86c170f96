"""A schema in, rows for it out: many ordinary ones to measure on, a few odd ones that are easily lost."""
