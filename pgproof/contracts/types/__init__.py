"""Shapes in, the types of a Python program out."""
