"""Queries in, what of a schema they touch out, and which changes of it no contract would notice."""
