"""Base's contracts and two large databases in, the plans before and after the change out, and which got worse."""
