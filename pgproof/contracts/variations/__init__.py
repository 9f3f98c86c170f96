"""Answers in, which of them change without a change of data out, and why."""
