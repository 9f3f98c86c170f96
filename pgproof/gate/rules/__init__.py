"""Warnings of rules in, what is left of them beside what was measured out."""
