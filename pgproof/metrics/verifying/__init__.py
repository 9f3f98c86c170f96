"""Mirrors and metrics in, where they are not right out."""
