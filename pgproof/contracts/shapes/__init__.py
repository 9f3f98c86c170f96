"""Queries in, what each takes and gives out, whatever the rows; two of these in, what has changed out."""
