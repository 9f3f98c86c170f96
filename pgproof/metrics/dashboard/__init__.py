"""Metrics in, what people see of them out."""
